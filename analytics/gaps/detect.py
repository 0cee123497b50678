"""One detection of an account's gaps: count, judge, write. Leased, and safe to run twice.

Reading takes one transaction, writing another that first checks the lease: a worker that was paused past its lease
writes nothing. A row is found by its key, so that the same place is the same row for ever.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.gaps.judge import Judge, Measured, Window
from analytics.gaps.lifecycle import has_recovered
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.services import gap_close, gap_found, gap_measured, gap_reopen
from analytics.gaps.subjects import Subjects
from analytics.gaps.workspace import workspace_fill
from flowpilot.accounts.models import Account
from flowpilot.common.leases import HeldLease, LeaseLost, lease_check, lease_keep, lease_release, lease_take

logger = logging.getLogger(__name__)

State = KnowledgeGap.State


@dataclass(slots=True)
class Detected:
    """What a detection did."""

    opened: int = 0
    reopened: int = 0
    closed: int = 0
    measured: int = 0


def gaps_lease_key(account_id: int) -> str:
    return f"gaps:{account_id}"


def gaps_detect(*, account_id: int, now: datetime | None = None) -> Detected | None:
    """Measure one account's gaps anew; None where another worker is at it, or the account is gone.

    `now` is the end of what is looked at, for histories; the clock's time where it is not given.
    """
    account = Account.objects.filter(pk=account_id).first()
    lease = lease_take(key=gaps_lease_key(account_id), duration=settings.GAPS_LEASE) if account else None
    if lease is None or account is None:
        return None
    end = now or timezone.now()
    window = Window(account.pk, end - timedelta(days=settings.GAPS_DAYS), end, account.time_zone)
    try:
        with lease_keep(lease, duration=settings.GAPS_LEASE):
            judge, found = gaps_read(window)
            return _write(lease, window, judge.subjects, found)
    except LeaseLost as error:
        logger.warning("%s", error)
        return None
    finally:
        lease_release(lease)


def gaps_read(window: Window) -> tuple[Judge, list[Measured]]:
    """What is a gap now, and what has a row; nothing is written."""
    with transaction.atomic():
        known = {gap.key: gap for gap in KnowledgeGap.objects.filter(account=window.account_id).light()}
        workspace_fill(window.account_id, window.start, window.end)
        judge = Judge(window, known)
        return judge, judge.judge()


def _write(lease: HeldLease, window: Window, subjects: Subjects, found: Sequence[Measured]) -> Detected:
    done = Detected()
    with transaction.atomic():
        lease_check(lease)
        locked = KnowledgeGap.objects.select_for_update().filter(account=window.account_id).light().order_by("pk")
        rows = {gap.key: gap for gap in locked}
        for measured in found:
            row = rows.get(measured.key)
            if row is not None:
                _update(row, measured, window, subjects, done)
            elif measured.flagged:
                gap_found(measured=measured, window=window, subjects=subjects)
                done.opened += 1
    return done


def _update(row: KnowledgeGap, measured: Measured, window: Window, subjects: Subjects, done: Detected) -> None:
    """Write the figures, and close or reopen where they say so."""
    former = float(row.evidence.get("opening_share") or 1.0)
    if row.state == State.CLOSED and not measured.flagged:
        return  # it keeps the figures that it closed with
    gap_measured(gap=row, measured=measured, window=window, subjects=subjects)
    done.measured += 1
    if row.state == State.CLOSED:
        gap_reopen(gap=row, now=window.end)
        done.reopened += 1
    elif row.is_unsettled and (why := _why_closed(row, measured, window, subjects, former)):
        gap_close(gap=row, reason=why, now=window.end)
        done.closed += 1


def _why_closed(row: KnowledgeGap, measured: Measured, window: Window, subjects: Subjects, former: float) -> str:
    """What closes an open gap; empty where nothing does."""
    if not subjects.stands(measured.place):
        return "It is no longer there to be measured: it was taken out, archived or merged."
    if not measured.detail.sessions and row.measured_from < window.start:
        return f"No session came by in {settings.GAPS_DAYS} days."
    since, base = measured.detail.since, measured.base.share or 0.0
    if measured.flagged and measured.kind == KnowledgeGap.Kind.MISSING_FLOW:
        return ""
    if has_recovered(since, base, former):
        return f"Recovered: {since.count} of the {since.n} sessions since, against {former:.0%} when it was opened."
    return ""
