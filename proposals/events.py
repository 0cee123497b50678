"""What other services are told of proposals and analysis: ids and addresses, never a text of a session."""

from collections.abc import Iterable, Iterator
from typing import Any

from flowpilot.webhooks.events import event_emit, events_emit, links
from flowpilot.webhooks.models import EventType
from proposals.models import FlowProposal, SessionAnalysis


def proposal_emit(type: EventType, proposal: FlowProposal) -> None:  # noqa: A002 - the payload's own name
    """Tell of a proposal as it is now. Call in the transaction that made it so."""
    data = {
        "proposal_id": proposal.pk,
        "proposal_type": str(proposal.proposal_type),
        "status": str(proposal.status),
        "revision": proposal.revision,
        "flow_id": proposal.published_flow_id or proposal.target_flow_id,
        **links("admin:proposals_flowproposal_change", "api:proposal-detail", proposal.pk),
    }
    event_emit(account_id=proposal.account_id, type=type, data=data)


def analysed_emit(account_id: int, analyses: Iterable[SessionAnalysis]) -> None:
    """Tell of sessions that were analysed, all in one query. Call in the transaction that writes their analyses."""
    events_emit(account_id=account_id, type=EventType.SESSION_ANALYSED, data=_told(analyses))


def _told(analyses: Iterable[SessionAnalysis]) -> Iterator[dict[str, Any]]:
    for analysis in analyses:
        yield {
            "session_id": analysis.session_id,
            "outcome": str(analysis.outcome),
            **links("admin:ai_sessions_aisession_change", "api:session-detail", analysis.session_id),
        }
