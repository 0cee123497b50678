"""Ended sessions that a flow's version guided, as the list behind a figure of the flow shows them."""

from analytics.guided import about, guided_fact, guided_sessions
from analytics.rows.sessions import SESSIONS
from analytics.rows.source import Source

GUIDED = Source(
    name="guided",
    noun="guided session",
    plural="guided sessions",
    permission=SESSIONS.permission,
    rows=lambda scope: guided_sessions(scope.ended_sessions()),
    fact=guided_fact,
    time=SESSIONS.time,
    columns=SESSIONS.columns,
    link=SESSIONS.link,
    related=SESSIONS.related,
    about=lambda scope, name: about(scope.user, name),
)
