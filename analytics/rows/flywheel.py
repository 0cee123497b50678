"""The sessions of a step of the flywheel, as the list behind the step shows them."""

from dataclasses import replace

from analytics.metrics.funnel import FUNNEL, RARE, step_count
from analytics.rows.sessions import SESSIONS

FLYWHEEL = replace(SESSIONS, name="flywheel", fact=FUNNEL.get, count=step_count, later=("reused",), rare=RARE)
