"""Pushes, as the list behind a figure shows them."""

from django.urls import reverse

from analytics.metrics.psa import scoped_pushes
from analytics.push_facts import push_fact
from analytics.rows.source import RowColumn, Source
from sessions.models import PsaPush

# What no list of pushes shows, and may be long.
_UNSHOWN = ("payload", "connection__credentials", "session__transcript", "session__problem_summary")


def _link(push: PsaPush) -> str:
    return reverse("admin:ai_sessions_psapush_change", args=[push.pk])


PUSHES = Source(
    name="pushes",
    noun="push",
    plural="pushes",
    permission="ai_sessions.view_psapush",
    rows=lambda scope: scoped_pushes(scope).defer(*_UNSHOWN),
    fact=push_fact,
    time="created_at",
    columns=(
        RowColumn("Push", str),
        RowColumn("Session", lambda row: row.session.external_id),
        RowColumn("System", lambda row: row.connection.get_kind_display()),
        RowColumn("State", lambda row: row.get_state_display()),
        RowColumn("Tries", lambda row: row.attempt_count),
        RowColumn("Created", lambda row: row.created_at),
        RowColumn("Settled", lambda row: row.settled_at),
        RowColumn("Time", lambda row: row.settled_at - row.created_at if row.settled_at else None),
    ),
    link=_link,
    related=("connection", "session"),
)
