"""When data is removed, erased and exported. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task

from flowpilot.privacy.erasing import erasure_run, erasures_under_way
from flowpilot.privacy.exports import export_run, exports_expire, exports_under_way
from flowpilot.privacy.retention import accounts_with_retention, retention_run


@shared_task
def apply_retention() -> int:
    """Every night: one task for each account whose policy removes anything; gives how many."""
    accounts = accounts_with_retention()
    for account_id in accounts:
        apply_account_retention.delay(account_id)
    return len(accounts)


@shared_task
def apply_account_retention(account_id: int) -> None:
    """Remove what one account keeps too long; where another worker is at it, this does nothing."""
    retention_run(account_id)


@shared_task
def erase(erasure_id: int) -> None:
    """Count or erase what one erasure is about; where another worker is at it, this does nothing."""
    erasure_run(erasure_id)


@shared_task
def export_account(export_id: int) -> None:
    """Make one export; where another worker is at it, this does nothing."""
    export_run(export_id)


@shared_task
def carry_on() -> int:
    """Every few minutes: a task for what never came to the queue or whose worker was killed; gives how many.

    Old exports are removed, too.
    """
    exports_expire()
    erasures, exports = erasures_under_way(), exports_under_way()
    for erasure_id in erasures:
        erase.delay(erasure_id)
    for export_id in exports:
        export_account.delay(export_id)
    return len(erasures) + len(exports)
