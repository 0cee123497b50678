"""Ended sessions, as the list behind a figure shows them."""

from django.urls import reverse

from analytics.facts import FACTS
from analytics.metrics.counting import count_facts
from analytics.rows.source import RowColumn, Source
from analytics.scope import Scope
from sessions.models import AISession

_UNSHOWN = ("transcript", "resolution_summary", "feedback")


def _count(scope: Scope, name: str) -> int:
    return count_facts(scope, [name])[name]


def _link(session: AISession) -> str:
    return reverse("admin:ai_sessions_aisession_change", args=[session.pk])


SESSIONS = Source(
    name="sessions",
    noun="session",
    plural="sessions",
    permission="ai_sessions.view_aisession",
    rows=lambda scope: scope.ended_sessions().defer(*_UNSHOWN),
    fact=FACTS.get,
    time="ended_at",
    columns=(
        RowColumn("Session", lambda row: row.title or row.problem_summary[:120] or row.external_id),
        RowColumn("Number", lambda row: row.external_id),
        RowColumn("Status", lambda row: row.get_status_display()),
        RowColumn("Tier", lambda row: row.tier.label if row.confidence_score is not None else None),
        RowColumn("Domain", lambda row: row.problem_domain or None),
        RowColumn("Client", lambda row: row.client.name if row.client else None),
        RowColumn("Technician", lambda row: row.technician_email or None),
        RowColumn("Ended", lambda row: row.ended_at),
        RowColumn("Time", lambda row: row.duration or None),
    ),
    link=_link,
    related=("client",),
    count=_count,
)
