"""Parked proposals: what a dismissal holds back, what brings it up again, and what expires.

A reviewer's dismissal has a scope. `change`: another proposal of the topic may come up, by the same rule as after any
decision; `topic`: none does. It comes back when its wake condition holds, or by hand.
"""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict
from flowpilot.common.leases import HeldLease, lease_check, lease_keep, lease_release, lease_take
from flowpilot.webhooks.models import EventType
from proposals.events import proposal_emit
from proposals.models import FlowProposal, SessionAnalysis, Topic
from proposals.review.decide import proposal_retire
from proposals.review.lock import proposal_lock, state_of
from proposals.selectors import analysis_lease_key

Status, Scope = FlowProposal.Status, FlowProposal.DismissScope
AT_ONCE = 200


def topic_is_parked(topic: Topic) -> bool:
    """Whether a reviewer has put the whole topic off."""
    return FlowProposal.objects.filter(topic=topic, status=Status.DISMISSED, dismiss_scope=Scope.TOPIC).exists()


def is_held_back(topic: Topic, proposal_type: str, definition: dict[str, Any]) -> bool:
    """Whether a dismissal says that this must not be proposed now: the whole topic is parked, or this very change waits
    for its own wake condition. A topic without a flow knows one change only: its first flow."""
    if topic_is_parked(topic):
        return True
    waiting = FlowProposal.objects.filter(_wakes(), topic=topic, proposal_type=proposal_type)
    if proposal_type != FlowProposal.Type.NEW_FLOW:
        waiting = waiting.filter(proposed_flow_data=definition)
    return waiting.exists()


@transaction.atomic
def proposal_wake(*, actor: User, proposal_id: int) -> FlowProposal:
    """Bring a parked proposal back to the queue by hand; it is mined again from what its topic knows by now.

    Raises NotFound, NotAllowed; Conflict where it is not parked, was merged, or its topic has another open proposal.
    """
    proposal = proposal_lock(actor, proposal_id)
    if proposal.status != Status.DISMISSED:
        raise Conflict(
            f"only a dismissed proposal is brought back; this one is {proposal.get_status_display().lower()}"
        )
    if proposal.topic.merged_into_id is not None:
        raise Conflict("it was merged into another one, which goes on with its sessions")
    _wake(proposal, actor, "by hand")
    return proposal


def proposal_reopen(proposal: FlowProposal) -> None:
    """Make it pending again, as if it had not been decided. Call with its row locked, in the decision's transaction.

    Raises Conflict where its topic has another open proposal.
    """
    # Nobody can open another one now: analysis and waking lock the topic's proposals or its row before they write.
    Topic.objects.select_for_update().get(pk=proposal.topic_id)
    other = FlowProposal.objects.filter(account=proposal.account_id, topic=proposal.topic_id, status=Status.PENDING)
    if (found := other.first()) is not None:
        raise Conflict(
            f"the topic has another open proposal by now, {found.title} (number {found.pk}): decide that one",
            details={"open_proposal": found.pk},
        )
    proposal.status = Status.PENDING
    proposal.reviewed_by = proposal.reviewed_at = None
    proposal.reviewer_notes = proposal.dismiss_scope = ""
    proposal.wake_at = proposal.wake_sessions = proposal.wake_clients = None
    proposal.published_flow = proposal.published_version = None
    # It waits anew, for evidence and for a reviewer.
    proposal.evidence_at = timezone.now()
    proposal.save()
    proposal_emit(EventType.PROPOSAL_DECIDED, proposal)


def queue_tend(account_id: int) -> tuple[int, int] | None:
    """Wake and expire what is due in an account; gives how many of each. Safe to run twice.

    None where analysis, which writes proposals too, is at work in the account: they share its lease.
    """
    lease = lease_take(key=analysis_lease_key(account_id), duration=settings.ANALYSIS_LEASE)
    if lease is None:
        return None
    try:
        with lease_keep(lease, duration=settings.ANALYSIS_LEASE):
            return _wake_due(lease, account_id), _expire_due(lease, account_id)
    finally:
        lease_release(lease)


def accounts_to_tend() -> list[int]:
    """Accounts with parked proposals that have a wake condition, or pending ones that nothing has supported of late."""
    rows = FlowProposal.objects.filter(_wakes() | _expired())
    return sorted(set(rows.order_by().values_list("account", flat=True).distinct()))


def _wakes() -> Q:
    return Q(status=Status.DISMISSED) & (Q(wake_at__isnull=False) | Q(wake_sessions__isnull=False))


def _expired() -> Q:
    return Q(status=Status.PENDING, evidence_at__lt=timezone.now() - settings.PROPOSAL_EXPIRES)


def _wake_due(lease: HeldLease, account_id: int) -> int:
    woken = 0
    parked = FlowProposal.objects.filter(_wakes(), account=account_id, topic__merged_into=None)
    for pk in parked.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=AT_ONCE):
        with transaction.atomic():
            lease_check(lease)
            proposal = _locked(FlowProposal.objects.filter(_wakes(), pk=pk))
            if proposal is None or not (why := _reason_to_wake(proposal)):
                continue
            try:
                _wake(proposal, None, why)
            except Conflict:
                continue  # another proposal of the topic is open: this one waits until that is decided
            woken += 1
    return woken


def _expire_due(lease: HeldLease, account_id: int) -> int:
    expired = 0
    rows = FlowProposal.objects.filter(_expired(), account=account_id)
    for pk in rows.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=AT_ONCE):
        with transaction.atomic():
            lease_check(lease)
            proposal = _locked(FlowProposal.objects.filter(_expired(), pk=pk))
            if proposal is not None:
                proposal_retire(proposal=proposal, reason="expired", action="proposal.expired")
                expired += 1
    return expired


def _locked(rows: QuerySet[FlowProposal]) -> FlowProposal | None:
    return rows.select_for_update(of=("self",)).select_related("topic", "account", "team").first()


def _reason_to_wake(proposal: FlowProposal) -> str:
    """Which condition of its dismissal holds; empty where none does."""
    if proposal.wake_at is not None and proposal.wake_at <= timezone.now():
        return "its date has come"
    if proposal.wake_sessions is None:
        return ""
    sessions, clients = _new_since(proposal)
    if sessions < proposal.wake_sessions or clients < (proposal.wake_clients or 1):
        return ""
    return f"{sessions} new sessions from {clients} client{'' if clients == 1 else 's'}"


def _new_since(proposal: FlowProposal) -> tuple[int, int]:
    """Sessions that joined the topic after the dismissal and say something new, and how many clients they are from.

    Sessions that name no client count as one client's.
    """
    fresh = SessionAnalysis.objects.filter(
        account=proposal.account_id, topic=proposal.topic_id, state=SessionAnalysis.State.DONE
    )
    fresh = fresh.filter(analyzed_at__gt=proposal.reviewed_at).exclude(outcome=SessionAnalysis.Outcome.FOLLOWED)
    fresh = fresh.exclude(session__in=proposal.evidence.values("session"))
    counts: dict[str, int] = fresh.aggregate(
        sessions=Count("pk"),
        clients=Count("session__client", distinct=True),
        unnamed=Count("pk", filter=Q(session__client=None)),
    )
    return counts["sessions"], counts["clients"] + bool(counts["unnamed"])


def _wake(proposal: FlowProposal, actor: User | None, why: str) -> None:
    before = state_of(proposal)
    proposal_reopen(proposal)
    Topic.objects.filter(pk=proposal.topic_id).update(mining_due=True)
    audit_record(
        actor=actor, action="proposal.woken", target=proposal, reason=why, before=before, after=state_of(proposal)
    )
