"""The sessions behind a proposal, and what is counted of them."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from proposals.impact import impacts_refresh
from proposals.models import FlowProposal, ProposalEvidence
from proposals.search import search_write


def evidence_add(proposal: FlowProposal, session_ids: Iterable[int]) -> None:
    """Add sessions (those that are there already change nothing) and bring the counts up to date."""
    known = set(proposal.evidence.values_list("session", flat=True))
    rows = [
        ProposalEvidence(account_id=proposal.account_id, proposal=proposal, session_id=session_id)
        for session_id in session_ids
        if session_id not in known
    ]
    ProposalEvidence.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)
    if rows:
        proposal.evidence_at = timezone.now()
    evidence_count(proposal)


def evidence_replace(proposal: FlowProposal, session_ids: Iterable[int]) -> None:
    """Make the evidence exactly these sessions."""
    wanted = set(session_ids)
    proposal.evidence.exclude(session__in=wanted).delete()
    evidence_add(proposal, wanted)


def evidence_count(proposal: FlowProposal) -> None:
    """Recompute the counts from the rows: how many sessions, and how different they are."""
    counts: dict[str, Any] = proposal.supporting_sessions.aggregate(
        sessions=Count("pk"),
        clients=Count("client", distinct=True),
        technicians=Count("technician_email", distinct=True, filter=~Q(technician_email="")),
        first=Min("started_at"),
        last=Max("started_at"),
    )
    proposal.supporting_session_count = counts["sessions"]
    proposal.client_count = counts["clients"]
    proposal.technician_count = counts["technicians"]
    proposal.first_seen_at, proposal.last_seen_at = counts["first"], counts["last"]
    proposal.save(
        update_fields=[
            "supporting_session_count", "client_count", "technician_count", "first_seen_at", "last_seen_at",
            "evidence_at", "updated_at",
        ]
    )  # fmt: skip
    # What the queue ranks by and what search finds follow the evidence.
    impacts_refresh(proposal.account_id, [proposal.pk])
    search_write(proposal)
    proposal.refresh_from_db(
        fields=["impact", "recent_session_count", "topic_session_count", "topic_escalated_count", "search"]
    )
