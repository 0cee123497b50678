"""Reads for the analysis page and the queue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.common.models import Lease
from flowpilot.flows.models import Flow
from proposals.models import AnalysisRun, FlowProposal, SessionAnalysis
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
    """Pending changes of flows that have moved on since, whichever door the new version came through."""
    pending = FlowProposal.objects.filter(status=FlowProposal.Status.PENDING)
    published = pending.filter(target_flow__status=Flow.Status.PUBLISHED, target_flow__current_version__isnull=False)
    return published.exclude(base_version=F("target_flow__current_version"))


def analysis_state(user: Any) -> list[AnalysisState]:
    """The state of each account whose analysis `user` may see."""
    grants = user.tenant_grants("proposals.view_analysisrun")
    accounts = Account.objects.order_by("name")
    if grants is not None:
        accounts = accounts.filter(pk__in=[account_id for account_id, _ in grants])
    return [_state(user, account) for account in accounts[:50]]


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a pending proposal stands in the viewer's queue; the ids of those before and after it."""

    position: int
    total: int
    before: int | None
    after: int | None


def queue_place(user: Any, proposal: FlowProposal) -> QueuePlace | None:
    """The place in the order of the queue (most evidence first); None for a proposal that is decided."""
    if not proposal.is_pending:
        return None
    queue = FlowProposal.objects.for_user(user).filter(status=FlowProposal.Status.PENDING)
    ids = list(queue.order_by("-impact", "-id").values_list("pk", flat=True))
    index = ids.index(proposal.pk)
    return QueuePlace(
        position=index + 1,
        total=len(ids),
        before=ids[index - 1] if index else None,
        after=ids[index + 1] if index + 1 < len(ids) else None,
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
