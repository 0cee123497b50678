"""Undo: a new, audited decision that takes a decision back for a while after it was made."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, Stale
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.services import flow_version_withdraw
from proposals.models import FlowProposal, SessionAnalysis, Topic
from proposals.review.lock import proposal_lock, state_of
from proposals.review.parking import proposal_reopen
from proposals.wordings.counting import wording_uncount
from sessions.models import AISession

Status = FlowProposal.Status


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing came to: the proposal is pending again, or, where the version that it published is in use already,
    nothing was changed and `revert_version_offered` is the version that a new one could go back to."""

    proposal: FlowProposal
    revert_version_offered: FlowVersion | None = None


def undo_deadline(proposal: FlowProposal) -> datetime | None:
    """Until when the decision can be undone; None where it cannot, or no longer.

    What the system dismissed, and what was merged (both have no scope), is not undone: a parked proposal is brought
    back by hand instead.
    """
    undoable = proposal.status in (Status.APPROVED, Status.MODIFIED, Status.REJECTED) or (
        proposal.status == Status.DISMISSED and proposal.dismiss_scope
    )
    if not undoable or proposal.reviewed_by_id is None or proposal.reviewed_at is None:
        return None
    deadline: datetime = proposal.reviewed_at + settings.REVIEW_UNDO
    return deadline if deadline > timezone.now() else None


@transaction.atomic
def proposal_undo(*, actor: User, proposal_id: int, revision: int | None = None, status: str | None = None) -> Undone:
    """Take the last decision back: the proposal is pending again, and what it published guides nobody any more.

    `revision` and `status` are what the actor saw, where they must be that still. A version that sessions have used
    already stays: see Undone. Raises NotFound, NotAllowed; Conflict where nothing was decided, the time has passed, a
    new flow is in use already, or the topic has another open proposal; Stale.
    """
    proposal = proposal_lock(actor, proposal_id)
    if revision not in (None, proposal.revision) or status not in (None, proposal.status):
        raise Stale("this proposal has changed since you read it", details=state_of(proposal))
    if proposal.is_pending:
        raise Conflict("it is pending: there is no decision to undo")
    if undo_deadline(proposal) is None:
        minutes = int(settings.REVIEW_UNDO.total_seconds() // 60)
        raise Conflict(f"a reviewer's decision can be undone for {minutes} minutes, and this is none any more")
    before, version = state_of(proposal), proposal.published_version
    if version is not None:
        former = proposal.base_version
        if _is_used(version):
            if former is None:
                raise Conflict("sessions have used the new flow already: archive it on its page if it must go")
            return Undone(proposal, former)
        flow_version_withdraw(
            actor=actor,
            flow_id=version.flow_id,
            number=version.number,
            back_to=former.number if former else None,
            reason="its publication was undone",
        )
        before["version"] = version.number
    proposal_reopen(proposal)
    if version is not None:
        wording_uncount(proposal=proposal)
        Topic.objects.filter(account=proposal.account_id, flow=version.flow_id).update(mining_due=True)
    audit_record(actor=actor, action="proposal.undone", target=proposal, before=before, after=state_of(proposal))
    return Undone(proposal)


def _is_used(version: FlowVersion) -> bool:
    """Whether anything has been guided or judged by the version."""
    return (
        version.flow.current_version_id != version.pk
        or AISession.objects.filter(account=version.account_id, flow_version=version).exists()
        or SessionAnalysis.objects.filter(account=version.account_id, flow_version=version).exists()
    )
