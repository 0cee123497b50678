"""Removing what an account keeps too long: texts first, then whole sessions. Under a lease, a chunk a transaction.

Only sessions that have ended and that tell no ticket anything any more. Counts of sessions without texts stay; those of
removed sessions go with them, from the rollups too, for they hold what can be counted (docs/data-protection.md).
"""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Account, DataPolicy
from flowpilot.common.audit import audit_record, audit_texts_erasable
from flowpilot.common.leases import HeldLease, LeaseLost, lease_check, lease_keep, lease_release, lease_take
from flowpilot.common.models import AuditEvent
from proposals.models import FlowProposal, Topic
from proposals.search import search_write
from sessions.models import AISession, Attachment, GeneratedScript, Handover, PsaPush, SessionStep

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
AT_ONCE = 200
REMOVED = "[removed]"


def accounts_with_retention() -> list[int]:
    """Accounts whose policy removes anything."""
    some = DataPolicy.objects.exclude(session_days=None, text_days=None)
    return list(some.order_by("account").values_list("account", flat=True))


def sessions_too_old(policy: DataPolicy, now: datetime) -> QuerySet[AISession]:
    """Sessions that the policy removes as a whole."""
    return _older(policy, policy.session_days, now)


def sessions_to_strip(policy: DataPolicy, now: datetime) -> QuerySet[AISession]:
    """Sessions that stay for now, and whose texts the policy removes."""
    old = _older(policy, policy.text_days, now).filter(texts_removed_at=None)
    if policy.session_days is not None:
        old = old.filter(ended_at__gte=now - timedelta(days=policy.session_days))
    return old


def _older(policy: DataPolicy, days: int | None, now: datetime) -> QuerySet[AISession]:
    if days is None:
        return AISession.objects.none()
    waiting = PsaPush.objects.filter(session=OuterRef("pk"), next_attempt_at__isnull=False)
    rows = AISession.objects.filter(
        account=policy.account_id, status__in=AISession.ENDED, ended_at__lt=now - timedelta(days=days)
    )
    return rows.exclude(Exists(waiting)).order_by("ended_at", "pk")


def retention_preview(policy: DataPolicy, now: datetime) -> dict[str, int]:
    """What a run would remove now, by kind; nothing is changed."""
    gone, bare = sessions_too_old(policy, now), sessions_to_strip(policy, now)
    both = (gone.values("pk"), bare.values("pk"))
    return {
        "sessions": gone.count(),
        "sessions' texts": bare.count(),
        "files": sum(Attachment.objects.filter(session__in=ids).count() for ids in both),
        "scripts": sum(GeneratedScript.objects.filter(session__in=ids).exclude(text="").count() for ids in both),
        "hand-overs": sum(Handover.objects.filter(session__in=ids).count() for ids in both),
    }


def retention_run(account_id: int) -> dict[str, int] | None:
    """Remove what is too old; gives how much by kind, None where another worker is at it. Safe to be killed.

    Leaves one audit event where anything was removed.
    """
    lease = lease_take(key=f"retention:{account_id}", duration=LEASE)
    if lease is None:
        return None
    removed: Counter[str] = Counter()
    try:
        with lease_keep(lease, duration=LEASE):
            for work in (_strip_some, _remove_some):
                while work(lease, account_id, removed):
                    pass
    except LeaseLost as error:
        logger.warning("%s", error)
    finally:
        _tell(account_id, removed)
        lease_release(lease)
    return dict(removed)


def _tell(account_id: int, removed: Counter[str]) -> None:
    policy = DataPolicy.objects.filter(account=account_id).select_related("account").first()
    if removed and policy is not None:
        audit_record(actor=None, action="retention.applied", target=policy, after=dict(removed))


def _policy(lease: HeldLease, account_id: int) -> DataPolicy | None:
    """As it reads now, and stays until the transaction ends: an owner's change waits for the chunk."""
    lease_check(lease)
    Account.objects.select_for_update(no_key=True).filter(pk=account_id).first()
    return DataPolicy.objects.filter(account=account_id).first()


def _strip_some(lease: HeldLease, account_id: int, removed: Counter[str]) -> bool:
    with transaction.atomic():
        policy = _policy(lease, account_id)
        if policy is None:
            return False
        ids = _take(sessions_to_strip(policy, timezone.now()))
        removed["sessions' texts"] += len(ids)
        _remove_beside(account_id, ids, removed, whole=False)
        steps = SessionStep.objects.filter(session__in=ids)
        if policy.keep_steps:
            steps.update(response=None)
            # What a flow asks is the flow's text; any other prompt is somebody's own.
            steps.filter(node_id="").update(prompt=REMOVED)
        else:
            removed["steps"] += steps.delete()[0]
        AISession.objects.filter(pk__in=ids).update(
            title="", problem_summary="", resolution_summary="", feedback="", transcript=None,
            texts_removed_at=timezone.now(), analysis_due_at=None,
        )  # fmt: skip
        _forget_words(account_id, ids)
    return len(ids) == AT_ONCE


def _remove_some(lease: HeldLease, account_id: int, removed: Counter[str]) -> bool:
    with transaction.atomic():
        policy = _policy(lease, account_id)
        if policy is None:
            return False
        ids = _take(sessions_too_old(policy, timezone.now()))
        removed["sessions"] += len(ids)
        _remove_beside(account_id, ids, removed, whole=True)
        proposals = list(FlowProposal.objects.filter(evidence__session__in=ids).distinct().order_by("pk"))
        AISession.objects.filter(pk__in=ids).delete()
        _forget_words(account_id, ids, proposals)
    return len(ids) == AT_ONCE


def _take(rows: QuerySet[AISession]) -> list[int]:
    return list(rows.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])


def _remove_beside(account_id: int, ids: Sequence[int], removed: Counter[str], *, whole: bool) -> None:
    """Files, scripts, hand-overs and what tickets and the audit log were told of these sessions."""
    files = Attachment.objects.filter(session__in=ids)
    for name in files.values_list("file", flat=True):
        # Only when the rows are gone for good: a file without a row can be found, a row without a file is an error.
        transaction.on_commit(partial(default_storage.delete, name))
    removed["files"] += files.delete()[0]
    scripts = GeneratedScript.objects.filter(session__in=ids)
    if whole:
        removed["scripts"] += scripts.delete()[0]
    else:
        removed["scripts"] += scripts.exclude(text="").update(text="", parameters={})
        removed["hand-overs"] += Handover.objects.filter(session__in=ids).update(reason=REMOVED, packet={})
        for push in PsaPush.objects.filter(session__in=ids, payload__has_key="text"):
            PsaPush.objects.filter(pk=push.pk).update(payload={**push.payload, "text": REMOVED})
    with audit_texts_erasable(account_id):
        events = AuditEvent.objects.filter(
            account=account_id, object_type=AISession._meta.label_lower, object_id__in=ids
        )
        events.update(reason="", object_label="a session")
    for name in [name for name, count in removed.items() if not count]:
        del removed[name]


def _forget_words(account_id: int, ids: Sequence[int], proposals: Sequence[FlowProposal] | None = None) -> None:
    """What topics and the proposals' search keep of the words of these sessions."""
    keys = {str(pk) for pk in ids}
    if not keys:
        return
    for topic in Topic.objects.filter(account=account_id).exclude(sketch=[]).only("sketch"):
        kept = [row for row in topic.sketch if row[0] not in keys]
        if len(kept) < len(topic.sketch):
            Topic.objects.filter(pk=topic.pk).update(sketch=kept)
    if proposals is None:
        proposals = list(FlowProposal.objects.filter(evidence__session__in=ids).distinct().order_by("pk"))
    for proposal in proposals:
        search_write(proposal)
