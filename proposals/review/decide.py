"""Decisions on proposals: the one service behind the admin, the API and every other door."""

import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import flow_create, flow_version_publish
from proposals.models import FlowProposal, Topic

Status = FlowProposal.Status


def proposal_approve(*, actor: User, proposal_id: int, revision: int, notes: str = "") -> FlowProposal:
    """Publish a new flow as proposed.

    Raises NotFound, NotAllowed (no reviewer; a change to a flow, which is never approved blind), Conflict (another
    revision, or decided already), InvalidFlow.
    """

    def publish(proposal: FlowProposal) -> str:
        if not proposal.can_be_approved:
            raise NotAllowed(
                f"a {proposal.get_proposal_type_display().lower()} changes a published flow and is never approved "
                "blind: edit & publish it"
            )
        _publish_new(actor, proposal, proposal.title, proposal.proposed_flow_data)
        return Status.APPROVED

    return _decide(actor, proposal_id, revision, notes, publish)


def proposal_publish(
    *,
    actor: User,
    proposal_id: int,
    revision: int,
    definition: dict[str, Any],
    title: str | None = None,
    notes: str = "",
) -> FlowProposal:
    """Publish `definition`, the reviewer's edit of the proposal: a new flow, or its target's next version.

    The status is `modified`; a new flow that was left as proposed is `approved`. Raises as proposal_approve does, and
    Conflict where the target flow has moved on from the base version.
    """

    def publish(proposal: FlowProposal) -> str:
        if proposal.proposal_type != FlowProposal.Type.NEW_FLOW:
            _publish_change(actor, proposal, definition, notes)
            return Status.MODIFIED
        new_title = (title or proposal.title).strip()
        same = _equal(definition, proposal.proposed_flow_data) and new_title == proposal.title
        _publish_new(actor, proposal, new_title, definition)
        return Status.APPROVED if same else Status.MODIFIED

    return _decide(actor, proposal_id, revision, notes, publish)


def proposal_dismiss(*, actor: User, proposal_id: int, revision: int, notes: str = "") -> FlowProposal:
    """Park a proposal: not wrong, not now. Raises NotFound, NotAllowed, Conflict."""
    return _decide(actor, proposal_id, revision, notes, lambda _: Status.DISMISSED)


def proposal_reject(*, actor: User, proposal_id: int, revision: int, notes: str) -> FlowProposal:
    """Refuse a proposal for its quality. Raises InvalidInput without a reason, NotFound, NotAllowed, Conflict."""
    if not notes.strip():
        raise InvalidInput("say why it is rejected: analysis and your colleagues learn from the reason")
    return _decide(actor, proposal_id, revision, notes, lambda _: Status.REJECTED)


def proposal_retire(*, proposal: FlowProposal, reason: str) -> None:
    """Dismiss a pending proposal for the system, which has nothing left to propose there.

    Call with the proposal's row locked, in the transaction of what made it so.
    """
    before = {"status": proposal.status, "revision": proposal.revision}
    proposal.status, proposal.reviewed_at, proposal.reviewer_notes = Status.DISMISSED, timezone.now(), reason
    proposal.save(update_fields=["status", "reviewed_at", "reviewer_notes", "updated_at"])
    audit_record(
        actor=None,
        action="proposal.dismissed",
        target=proposal,
        reason=reason,
        before=before,
        after={"status": proposal.status, "revision": proposal.revision},
    )


def _decide(
    actor: User, proposal_id: int, revision: int, notes: str, act: Callable[[FlowProposal], str]
) -> FlowProposal:
    """Lock, check, `act` (which publishes where there is something to publish, and gives the new status), write."""
    with transaction.atomic():
        proposal = _lock(actor, proposal_id)
        _require_open(proposal, revision)
        before = {"status": proposal.status, "revision": proposal.revision}
        proposal.status = act(proposal)
        proposal.reviewed_by, proposal.reviewed_at, proposal.reviewer_notes = actor, timezone.now(), notes.strip()
        proposal.save()
        audit_record(
            actor=actor,
            action=f"proposal.{proposal.status}",
            target=proposal,
            reason=notes.strip(),
            before=before,
            after=_after(proposal),
        )
    return proposal


def _lock(actor: User, proposal_id: int) -> FlowProposal:
    """The proposal, its row locked until the decision is written: of two decisions at once one waits, and loses."""
    proposal = (
        FlowProposal.objects.for_user(actor)
        .select_for_update(of=("self",))
        .select_related("target_flow", "base_version", "team", "account", "reviewed_by", "topic")
        .filter(pk=proposal_id)
        .first()
    )
    if proposal is None:
        raise NotFound("there is no such proposal")
    if not actor.has_perm("proposals.decide_flowproposal", proposal):
        raise NotAllowed("only team admins and owners decide proposals")
    return proposal


def _require_open(proposal: FlowProposal, revision: int) -> None:
    if proposal.status == Status.AUTO_REINFORCED:
        raise NotAllowed("an auto-reinforced record needs no review")
    if not proposal.is_pending:
        who, when = proposal.reviewed_by or "somebody", proposal.reviewed_at
        raise Conflict(
            f"{who} has decided this already: {proposal.get_status_display().lower()} on {when:%d %b %Y %H:%M} UTC",
            details={"status": proposal.status, "reviewed_by": str(who), "reviewed_at": str(when)},
        )
    if proposal.revision != revision:
        raise Conflict(
            f"this proposal has changed: you saw revision {revision}, it is at revision {proposal.revision} now. "
            "Read it again, then decide",
            details={"your_revision": revision, "current_revision": proposal.revision},
        )


def _publish_new(actor: User, proposal: FlowProposal, title: str, definition: dict[str, Any]) -> None:
    version = flow_create(
        actor=actor,
        account=proposal.account,
        title=title,
        definition=definition,
        description=proposal.description,
        problem_domain=proposal.problem_domain,
        team=proposal.team,
        examples=proposal.examples,
        confidence_score=proposal.confidence_score,
        note=f"From proposal {proposal.pk}",
    )
    _point_to(proposal, version)


def _publish_change(actor: User, proposal: FlowProposal, definition: dict[str, Any], notes: str) -> None:
    if proposal.target_flow is None or proposal.base_version is None:
        raise Conflict("the flow that this proposal changes no longer exists; dismiss the proposal")
    version = flow_version_publish(
        actor=actor,
        flow=proposal.target_flow,
        base_number=proposal.base_version.number,
        definition=definition,
        examples=proposal.examples,
        confidence_score=proposal.confidence_score,
        note=notes or f"From proposal {proposal.pk}",
    )
    _point_to(proposal, version)


def _point_to(proposal: FlowProposal, version: FlowVersion) -> None:
    """Tie proposal and topic to the flow; what its sessions still say of the new version is mined at the next run."""
    flow: Flow = version.flow
    proposal.published_flow = flow
    if proposal.topic.flow_id != flow.pk and not Topic.objects.filter(account=proposal.account, flow=flow).exists():
        Topic.objects.filter(pk=proposal.topic_id).update(flow=flow)
    Topic.objects.filter(account=proposal.account, flow=flow).update(mining_due=True)


def _after(proposal: FlowProposal) -> dict[str, Any]:
    flow = proposal.published_flow
    version = flow.current_version if flow else None
    return {
        "status": proposal.status,
        "revision": proposal.revision,
        "flow": flow.key if flow else None,
        "version": version.number if version else None,
        "sessions": proposal.supporting_session_count,
    }


def _equal(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
