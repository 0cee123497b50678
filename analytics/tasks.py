"""When gaps are measured. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task

from analytics.gaps.detect import gaps_detect
from analytics.gaps.selectors import accounts_with_sessions


@shared_task
def detect_gaps() -> int:
    """Every half hour: one task for each account that has ended sessions; gives how many."""
    accounts = accounts_with_sessions()
    for account_id in accounts:
        detect_account_gaps.delay(account_id)
    return len(accounts)


@shared_task
def detect_account_gaps(account_id: int) -> None:
    """Measure one account's gaps anew; where another worker is at it, this does nothing."""
    gaps_detect(account_id=account_id)
