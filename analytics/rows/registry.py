"""All kinds of rows that figures count, by the name in an address."""

from collections.abc import Mapping

from django.urls import reverse

from analytics.rows.calls import CALLS
from analytics.rows.flywheel import FLYWHEEL
from analytics.rows.guided import GUIDED
from analytics.rows.handovers import HANDOVERS, WAITING_HANDOVERS
from analytics.rows.proposals import PROPOSALS, TAKEN_BACK
from analytics.rows.pushes import PUSHES
from analytics.rows.scripts import SCRIPTED, SCRIPTS
from analytics.rows.sessions import SESSIONS
from analytics.rows.source import Source
from analytics.scope import Scope

_ALL = (
    SESSIONS,
    GUIDED,
    PUSHES,
    SCRIPTS,
    SCRIPTED,
    HANDOVERS,
    WAITING_HANDOVERS,
    FLYWHEEL,
    PROPOSALS,
    TAKEN_BACK,
    CALLS,
)
SOURCES: Mapping[str, Source] = {source.name: source for source in _ALL}


def rows_url(scope: Scope, fact: str, source: str = "sessions") -> str:
    """The address of the rows of a scope that have a fact."""
    return f"{reverse('analytics:rows', args=[source, fact])}?{scope.query()}"
