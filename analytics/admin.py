"""What analytics adds to the pages of the rooms below."""

from analytics.gaps.sessionlist import GapFilter
from sessions.admin import AISessionAdmin

AISessionAdmin.more_filters.append(GapFilter)
