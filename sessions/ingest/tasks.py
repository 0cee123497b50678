"""When ingest jobs are worked off. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task
from django.conf import settings

from flowpilot.common.claims import database_now
from sessions.ingest.jobs import account_jobs_work, accounts_with_jobs, ingest_jobs_clean, ingest_start


@shared_task
def ingest_account(account_id: int) -> None:
    """A turn at an account's jobs; where some are left, another is queued behind what else waits."""
    if account_jobs_work(account_id):
        ingest_start(account_id)


@shared_task
def ingest_waiting() -> int:
    """Every half minute: a turn for each account with jobs; gives how many.

    Among them are those whose first task never came to the queue, or whose worker was killed.
    """
    accounts = accounts_with_jobs()
    for account_id in accounts:
        ingest_start(account_id)
    return len(accounts)


@shared_task
def clean_ingest_jobs() -> int:
    """Every day: remove jobs whose time is over; gives how many."""
    return ingest_jobs_clean(now=database_now(), keep=settings.INGEST_KEEP)
