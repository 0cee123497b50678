"""Hand-overs, as the lists behind figures show them."""

from dataclasses import replace

from django.urls import reverse

from analytics.facts import Fact
from analytics.metrics.handovers import HANDOVER_FACTS, WAITING, scoped_handovers, waiting_handovers
from analytics.rows.source import RowColumn, Source
from sessions.models import Handover

_UNSHOWN = ("packet", "session__transcript")


def _link(handover: Handover) -> str:
    return reverse("admin:ai_sessions_aisession_change", args=[handover.session_id])


def _title(handover: Handover) -> str:
    session = handover.session
    return session.title or session.problem_summary[:120] or session.external_id


HANDOVERS = Source(
    name="handovers",
    noun="hand-over",
    plural="hand-overs",
    permission="ai_sessions.view_handover",
    rows=lambda scope: scoped_handovers(scope).defer(*_UNSHOWN),
    fact=HANDOVER_FACTS.get,
    time="created_at",
    columns=(
        RowColumn("Session", _title),
        RowColumn("Number", lambda row: row.session.external_id),
        RowColumn("Reason", lambda row: row.reason[:200]),
        RowColumn("From", lambda row: str(row.given_by) if row.given_by else None),
        RowColumn("To", lambda row: str(row.to_user or row.to_team or "whoever takes it")),
        RowColumn("Given", lambda row: row.created_at),
        RowColumn("Taken up", lambda row: row.claimed_at),
        RowColumn("First step", lambda row: row.first_step_at),
    ),
    link=_link,
    related=("session", "given_by", "to_user", "to_team"),
)
WAITING_HANDOVERS = replace(
    HANDOVERS,
    name="waiting-handovers",
    rows=lambda scope: waiting_handovers(scope).defer(*_UNSHOWN),
    fact={"waiting": Fact("that wait now, whenever they were given", WAITING)}.get,
)
