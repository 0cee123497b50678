"""When the runner's own upkeep runs, and the ticketing side's tasks where Celery looks for them.

Tasks re-read the state, and are safe to run twice.
"""

from celery import shared_task
from django.utils import timezone

from sessions.ingest.tasks import clean_ingest_jobs, ingest_account, ingest_waiting
from sessions.psa.tasks import deliver_due_pushes, deliver_push
from sessions.runner.ending import sessions_abandon_idle

__all__ = [
    "abandon_idle_sessions",
    "clean_ingest_jobs",
    "deliver_due_pushes",
    "deliver_push",
    "ingest_account",
    "ingest_waiting",
]


@shared_task
def abandon_idle_sessions() -> int:
    """Every hour: abandon what nobody has touched for a day; gives how many."""
    return sessions_abandon_idle(timezone.now())
