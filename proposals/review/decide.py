"""Decisions on proposals: approve, edit & publish, dismiss, reject."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.services import flow_create, flow_publish_again, flow_version_publish
from flowpilot.webhooks.models import EventType
from proposals.events import proposal_emit
from proposals.models import FlowProposal, Topic
from proposals.review.digest import evidence_digest
from proposals.review.lock import proposal_lock, release_claim, require_open, state_of
from proposals.wordings.counting import wording_count
from sessions.models import AISession

Status, Scope = FlowProposal.Status, FlowProposal.DismissScope


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
        _publish_new(actor, proposal, proposal.title, proposal.description, proposal.proposed_flow_data)
        return Status.APPROVED

    return _decide(actor, proposal_id, revision, notes, publish)


def proposal_publish(
    *,
    actor: User,
    proposal_id: int,
    revision: int,
    definition: dict[str, Any],
    title: str | None = None,
    description: str | None = None,
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
        told = proposal.description if description is None else description.strip()
        same = _equal(definition, proposal.proposed_flow_data)
        same = same and new_title == proposal.title and told == proposal.description
        _publish_new(actor, proposal, new_title, told, definition)
        return Status.APPROVED if same else Status.MODIFIED

    return _decide(actor, proposal_id, revision, notes, publish)


def proposal_dismiss(
    *,
    actor: User,
    proposal_id: int,
    revision: int,
    notes: str = "",
    scope: str = Scope.CHANGE,
    wake_at: datetime | None = None,
    wake_sessions: int | None = None,
    wake_clients: int | None = None,
) -> FlowProposal:
    """Park a proposal: not wrong, not now.

    It comes back at `wake_at`, or when `wake_sessions` new sessions from `wake_clients` clients (1 if not said) have
    joined its topic; without either only by hand. `scope` says what is parked: `change` lets other proposals of the
    topic come up, `topic` none. Raises NotFound, NotAllowed, Conflict, InvalidInput.
    """
    _require_wake(scope, wake_at, wake_sessions, wake_clients)

    def park(proposal: FlowProposal) -> str:
        proposal.dismiss_scope, proposal.wake_at = scope, wake_at
        proposal.wake_sessions = wake_sessions
        proposal.wake_clients = (wake_clients or 1) if wake_sessions else None
        return Status.DISMISSED

    return _decide(actor, proposal_id, revision, notes, park)


def proposal_reject(*, actor: User, proposal_id: int, revision: int, notes: str) -> FlowProposal:
    """Refuse a proposal for its quality. Raises InvalidInput without a reason, NotFound, NotAllowed, Conflict."""
    if not notes.strip():
        raise InvalidInput("say why it is rejected: analysis and your colleagues learn from the reason")
    return _decide(actor, proposal_id, revision, notes, lambda _: Status.REJECTED)


def proposal_retire(*, proposal: FlowProposal, reason: str, action: str = "proposal.dismissed") -> None:
    """Dismiss a pending proposal for the system, which has nothing left to propose there.

    Call with the proposal's row locked, in the transaction of what made it so.
    """
    before = state_of(proposal)
    proposal.status, proposal.reviewed_at, proposal.reviewer_notes = Status.DISMISSED, timezone.now(), reason
    release_claim(proposal)
    proposal.save(
        update_fields=["status", "reviewed_at", "reviewer_notes", "claimed_by", "claimed_until", "updated_at"]
    )
    after = {**state_of(proposal), "evidence": evidence_digest(proposal)}
    audit_record(actor=None, action=action, target=proposal, reason=reason, before=before, after=after)
    proposal_emit(EventType.PROPOSAL_DECIDED, proposal)


def _decide(
    actor: User, proposal_id: int, revision: int, notes: str, act: Callable[[FlowProposal], str]
) -> FlowProposal:
    """Lock, check, `act` (which publishes where there is something to publish, and gives the new status), write."""
    with transaction.atomic():
        proposal = proposal_lock(actor, proposal_id)
        require_open(proposal, revision)
        before = state_of(proposal)
        proposal.status = act(proposal)
        proposal.reviewed_by, proposal.reviewed_at, proposal.reviewer_notes = actor, timezone.now(), notes.strip()
        release_claim(proposal)
        proposal.save()
        audit_record(
            actor=actor,
            action=f"proposal.{proposal.status}",
            target=proposal,
            reason=notes.strip(),
            before=before,
            after=_after(proposal),
        )
        proposal_emit(EventType.PROPOSAL_DECIDED, proposal)
    return proposal


def _require_wake(scope: str, at: datetime | None, sessions: int | None, clients: int | None) -> None:
    faults = {}
    if scope not in Scope.values:
        faults["scope"] = f"choose one of {', '.join(Scope.values)}"
    if at is not None and at <= timezone.now():
        faults["wake_at"] = "this time has passed: choose a later one"
    if at is not None and sessions is not None:
        faults["wake_sessions"] = "choose a date or new sessions, not both"
    if sessions is not None and sessions < 1:
        faults["wake_sessions"] = "at least 1"
    if clients is not None and (sessions is None or not 1 <= clients <= sessions):
        faults["wake_clients"] = "from 1 up to the number of new sessions"
    if faults:
        name, fault = next(iter(faults.items()))
        raise InvalidInput(f"{name.replace('_', ' ')}: {fault}", details=faults)


def _publish_new(actor: User, proposal: FlowProposal, title: str, description: str, definition: dict[str, Any]) -> None:
    said: dict[str, Any] = {
        "title": title,
        "definition": definition,
        "description": description,
        "problem_domain": proposal.problem_domain,
        "team": proposal.team,
        "examples": proposal.examples,
        "confidence_score": proposal.confidence_score,
        "note": f"From proposal {proposal.pk}",
    }
    # What was published for the topic and undone before it guided anybody goes on as the same flow, not as its double.
    flow = proposal.topic.flow
    if flow is not None and flow.is_archived and not AISession.objects.filter(flow=flow).exists():
        version = flow_publish_again(actor=actor, flow_id=flow.pk, **said)
    else:
        version = flow_create(actor=actor, account=proposal.account, **said)
    _point_to(proposal, version)
    wording_count(proposal=proposal, title=title, description=description, definition=definition)


def _publish_change(actor: User, proposal: FlowProposal, definition: dict[str, Any], notes: str) -> None:
    if proposal.target_flow is None or proposal.base_version is None:
        raise Conflict("the flow that this proposal changes no longer exists; dismiss the proposal")
    if proposal.started_by_id is not None and _equal(definition, proposal.base_version.definition):
        number = proposal.base_version.number
        raise InvalidInput(f"nothing differs from version {number} yet: change a step first")
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
    wording_count(proposal=proposal, title=proposal.title, description=proposal.description, definition=definition)


def _point_to(proposal: FlowProposal, version: FlowVersion) -> None:
    """Tie proposal and topic to the flow; what its sessions still say of the new version is mined at the next run."""
    flow = version.flow
    proposal.published_flow, proposal.published_version = flow, version
    if proposal.topic.flow_id != flow.pk and not Topic.objects.filter(account=proposal.account, flow=flow).exists():
        Topic.objects.filter(pk=proposal.topic_id).update(flow=flow)
    Topic.objects.filter(account=proposal.account, flow=flow).update(mining_due=True)


def _after(proposal: FlowProposal) -> dict[str, Any]:
    after: dict[str, Any] = {**state_of(proposal), "evidence": evidence_digest(proposal)}
    if proposal.published_version is not None:
        after |= {"flow": proposal.published_version.flow.key, "version": proposal.published_version.number}
    if proposal.status == Status.DISMISSED:
        after |= {
            "scope": proposal.dismiss_scope,
            "wake_at": proposal.wake_at.isoformat() if proposal.wake_at else None,
            "wake_sessions": proposal.wake_sessions,
            "wake_clients": proposal.wake_clients,
        }
    return after


def _equal(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
