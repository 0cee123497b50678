"""When the runner's own upkeep runs. Tasks re-read the state, and are safe to run twice."""

from celery import shared_task
from django.utils import timezone

from sessions.runner.ending import sessions_abandon_idle


@shared_task
def abandon_idle_sessions() -> int:
    """Every hour: abandon what nobody has touched for a day; gives how many."""
    return sessions_abandon_idle(timezone.now())
