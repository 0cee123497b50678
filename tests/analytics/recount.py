"""The facts of a session by hand: what the database's conditions are compared with."""

from collections.abc import Iterable
from datetime import timedelta

from proposals.models import ProposalEvidence, SessionAnalysis
from sessions.models import AISession, GeneratedScript


def facts_by_hand(session: AISession, handed_over: bool, others: Iterable[AISession]) -> set[str]:
    """The names of all facts that are true of an ended session; `others` are the sessions of its account."""
    found = {"ended", session.status, _tier(session), "unlinked" if session.flow_id is None else "linked"}
    if session.status == "resolved":
        found |= _of_resolved(session, handed_over, others)
        found.add(f"{_tier(session)}_resolved")
    if session.flow_id is not None or session.confidence_score is not None:
        found |= {"judged", "new" if session.flow_id is None and _tier(session) == "tier_discovery" else "known"}
    if session.rating is not None:
        found |= {"rated", *(["rated_good"] if session.rating >= 4 else [])}
    if session.flow_was_right is not None:
        found |= {"flow_judged", *(["flow_right"] if session.flow_was_right else [])}
    if GeneratedScript.objects.filter(session=session).exists():
        found |= {"scripted", *([f"scripted_{session.status}"] if session.status in ("resolved", "escalated") else [])}
    return found | flywheel_by_hand(session)


def flywheel_by_hand(session: AISession) -> set[str]:
    """The steps that it reached, of those that are facts."""
    if session.status != "resolved" or not SessionAnalysis.objects.filter(session=session, state="done").exists():
        return set()
    rows = [row.proposal for row in ProposalEvidence.objects.filter(session=session).select_related("proposal")]
    proposals = [proposal for proposal in rows if proposal.proposal_type != "auto_reinforced"]
    is_published = any(proposal.status in ("approved", "modified") for proposal in proposals)
    return {"analysed", *(["proposed"] if proposals else []), *(["published"] if is_published else [])}


def _of_resolved(session: AISession, handed_over: bool, others: Iterable[AISession]) -> set[str]:
    assert session.ended_at is not None
    found = set() if handed_over else {"first_level"}
    if session.ended_at > session.started_at:
        found.add("timed")
    if session.psa_ticket_id:
        found.add("with_ticket")
        ticket = (session.psa_system, session.psa_ticket_id)
        waits = [s.started_at - session.ended_at for s in others if (s.psa_system, s.psa_ticket_id) == ticket]
        if any(timedelta() < wait <= timedelta(days=14) for wait in waits):
            found.add("reopened")
    return found


def _tier(session: AISession) -> str:
    score = session.confidence_score
    if score is None or score < 0.4:
        return "tier_discovery"
    return "tier_exploring" if score < 0.8 else "tier_guided"
