"""Merge: two open proposals that are about one problem become one."""

from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput
from flowpilot.webhooks.models import EventType
from proposals.events import proposal_emit
from proposals.mining.topicindex import Exemplar, sketch
from proposals.models import FlowProposal, SessionAnalysis, Topic
from proposals.review.digest import evidence_digest
from proposals.review.lock import proposal_lock, release_claim, require_open, state_of


@transaction.atomic
def proposal_merge(*, actor: User, proposal_id: int, revision: int, into_id: int, into_revision: int) -> FlowProposal:
    """The sessions of one proposal's topic join another's, which is mined again with them; the one is dismissed as
    merged. Gives the one that goes on.

    Raises NotFound, NotAllowed, InvalidInput (the two are one), Conflict (another revision, decided, another account;
    a change of a published flow, whose sessions stay with their flow).
    """
    if proposal_id == into_id:
        raise InvalidInput("a proposal cannot be merged into itself")
    # Always in the order of their ids: two reviewers who merge two proposals either way do not wait for each other.
    locked = {pk: proposal_lock(actor, pk) for pk in sorted((proposal_id, into_id))}
    merged, into = locked[proposal_id], locked[into_id]
    require_open(merged, revision)
    require_open(into, into_revision)
    if merged.account_id != into.account_id:
        raise Conflict("proposals of two accounts stay apart")
    if merged.proposal_type != FlowProposal.Type.NEW_FLOW:
        raise Conflict(f"it changes {merged.target_flow}, and its sessions stay with that flow; merge the other way")
    _join_topics(merged.topic_id, into.topic_id)
    before = state_of(merged)
    merged.status, merged.reviewed_by, merged.reviewed_at = FlowProposal.Status.DISMISSED, actor, timezone.now()
    merged.reviewer_notes = f"merged into {into.title} (number {into.pk})"
    release_claim(merged)
    merged.save()
    audit_record(
        actor=actor,
        action="proposal.merged",
        target=merged,
        reason=merged.reviewer_notes,
        before=before,
        after={**state_of(merged), "into": into.pk, "evidence": evidence_digest(merged)},
    )
    proposal_emit(EventType.PROPOSAL_DECIDED, merged)
    audit_record(actor=actor, action="proposal.joined", target=into, reason=f"with {merged.title} (number {merged.pk})")
    return into


def _join_topics(source_id: int, target_id: int) -> None:
    """The sessions and the sketch of one topic go to the other, and who knows the one is led to the other."""
    rows = {
        topic.pk: topic
        for topic in Topic.objects.select_for_update().filter(pk__in=[source_id, target_id]).order_by("pk")
    }
    source, target = rows[source_id], rows[target_id]
    SessionAnalysis.objects.filter(account=source.account_id, topic=source).update(topic=target)
    Topic.objects.filter(account=source.account_id, merged_into=source).update(merged_into=target)
    exemplars = sketch(Exemplar(*row) for row in [*target.sketch, *source.sketch])
    target.sketch, target.mining_due = [exemplar.to_json() for exemplar in exemplars], True
    source.sketch, source.mining_due, source.merged_into, source.flow = [], False, target, None
    for topic in (source, target):
        topic.save(update_fields=["sketch", "mining_due", "merged_into", "flow"])
