"""Settings of the monolith. The environment decides what differs between machines; docs/settings.md lists its names.

Two URLs are enough: `DATABASE_URL` (PostgreSQL) and `REDIS_URL`. While embedded servers run from this folder their
URLs stand in `var/embedded.env`, so that a second terminal needs no set-up.
"""

from flowpilot.settings.api import *
from flowpilot.settings.base import *
from flowpilot.settings.environment import *
from flowpilot.settings.jobs import *
from flowpilot.settings.people import *
from flowpilot.settings.product import *
from flowpilot.settings.stores import *
from flowpilot.settings.walls import *
