"""Reads for the analysis page and the queue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.common.models import Lease
from flowpilot.flows.changes import FlowDiff
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.models import Flow, FlowVersion
from proposals.models import AnalysisRun, FlowProposal, SessionAnalysis, Topic
from proposals.queue import IMPACT, Count, count_capped
from sessions.models import AISession


@dataclass(frozen=True, slots=True)
class AnalysisState:
    """One account's analysis as it stands."""

    account: Account
    last_run: AnalysisRun | None
    holder: str
    held_until: datetime | None
    pending: int
    retrying: int
    failed: int


def analysis_lease_key(account_id: int) -> str:
    return f"analysis:{account_id}"


def stale_proposals() -> QuerySet[FlowProposal]:
    """Pending proposals that their topic's flow has left behind, whichever door that came through.

    Changes of a flow that has another version now, or is archived, and new flows for a topic whose own was restored.
    What a person began stays while its flow is published: the editor brings it onto the new version.
    """
    pending = FlowProposal.objects.filter(~Exists(_by_hand(pk=OuterRef("pk"))), status=FlowProposal.Status.PENDING)
    published = Q(target_flow__status=Flow.Status.PUBLISHED, target_flow__current_version__isnull=False)
    moved_on = published & ~Q(base_version=F("target_flow__current_version"))
    archived = Q(target_flow__status=Flow.Status.ARCHIVED)
    answered = Q(topic__flow__status=Flow.Status.PUBLISHED, topic__flow__current_version__isnull=False)
    return pending.filter(moved_on | archived | (Q(target_flow=None) & answered))


def pending_reverts() -> QuerySet[FlowProposal]:
    """Pending proposals to leave a flow's current version for what a former one said.

    They come from how the versions did, not from mining (`proposals.health`), and rest on no single lines.
    """
    changes = FlowProposal.objects.filter(
        status=FlowProposal.Status.PENDING,
        proposal_type=FlowProposal.Type.ENHANCEMENT,
        node_evidence={},
        base_version=F("target_flow__current_version"),
        started_by=None,
    )
    said = FlowVersion.objects.filter(flow=OuterRef("target_flow"), definition=OuterRef("proposed_flow_data"))
    return changes.filter(Exists(said))


def topics_to_mine() -> QuerySet[Topic]:
    """Topics marked to be mined, but for those whose open proposal is to go back or was begun by hand: mining would put
    its own in its place, so it waits for its decision first."""
    topic = OuterRef("pk")
    held = Exists(pending_reverts().filter(topic=topic)) | Exists(_by_hand(topic=topic))
    return Topic.objects.filter(~held, mining_due=True)


def _by_hand(**of: Any) -> QuerySet[FlowProposal]:
    """Pending changes that a person began, of flows that are published."""
    return FlowProposal.objects.filter(
        status=FlowProposal.Status.PENDING,
        started_by__isnull=False,
        target_flow__status=Flow.Status.PUBLISHED,
        **of,
    )


def analysis_state(user: Any) -> list[AnalysisState]:
    """The state of each account whose analysis `user` may see."""
    grants = user.tenant_grants("proposals.view_analysisrun")
    accounts = Account.objects.order_by("name")
    if grants is not None:
        accounts = accounts.filter(pk__in=[account_id for account_id, _ in grants])
    return [_state(user, account) for account in accounts[:50]]


def diff_of(proposal: FlowProposal) -> FlowDiff | None:
    """The difference from the version it was made from, or, where that is gone, as it was written down; None for a new
    flow."""
    if proposal.proposal_type == FlowProposal.Type.NEW_FLOW:
        return None
    if proposal.base_version is not None and proposal.proposed_flow_data:
        return diff_definitions(proposal.base_version.definition, proposal.proposed_flow_data)
    return FlowDiff.from_json(proposal.proposed_diff) if proposal.proposed_diff else None


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a pending proposal stands in the viewer's queue; the ids of those before and after it."""

    position: Count
    total: Count
    before: int | None
    after: int | None


def queue_place(user: Any, proposal: FlowProposal) -> QueuePlace | None:
    """The place in the order of the queue (most impact first); None for a proposal that is decided.

    Costs the same in a long queue: the neighbours are found by their place, and counting stops at a thousand.
    """
    if not proposal.is_pending:
        return None
    queue = FlowProposal.objects.for_user(user).filter(status=FlowProposal.Status.PENDING)
    place = (proposal.impact, proposal.pk)
    earlier, later = IMPACT.beyond(queue, place, backward=True), IMPACT.beyond(queue, place)
    return QueuePlace(
        position=Count(count_capped(earlier).value + 1),
        total=count_capped(queue),
        before=earlier.values_list("pk", flat=True).first(),
        after=later.values_list("pk", flat=True).first(),
    )


def _state(user: Any, account: Account) -> AnalysisState:
    lease = Lease.objects.filter(key=analysis_lease_key(account.pk), expires_at__gt=timezone.now()).first()
    analyses = SessionAnalysis.objects.for_user(user).filter(account=account)
    return AnalysisState(
        account=account,
        last_run=AnalysisRun.objects.filter(account=account).first(),
        holder=lease.owner if lease else "",
        held_until=lease.expires_at if lease else None,
        pending=AISession.objects.for_user(user).filter(account=account, analysis_due_at__isnull=False).count(),
        retrying=analyses.filter(state=SessionAnalysis.State.RETRYING).count(),
        failed=analyses.filter(state=SessionAnalysis.State.FAILED).count(),
    )
