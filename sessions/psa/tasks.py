"""When pushes are sent. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task

from flowpilot.common.claims import database_now
from sessions.psa.delivery import push_deliver
from sessions.psa.selectors import due_pushes, next_push
from sessions.psa.services import attempts_clean, push_start


@shared_task
def deliver_push(push_id: int) -> str | None:
    """Try one push, if it is still due; gives its state after that.

    Then the next of its connection has its turn: a task that came while the connection was busy has ended in vain.
    """
    state = push_deliver(push_id=push_id)
    following = next_push(push_id, database_now()) if state is not None else None
    if following is not None:
        push_start(following)
    return state


@shared_task
def deliver_due_pushes() -> int:
    """Every half minute: one task for each push that is due; gives how many.

    Among them are those whose first task never came to the queue, or whose worker was killed.
    """
    due = due_pushes(database_now())
    for push_id in due:
        push_start(push_id)
    return len(due)


@shared_task
def clean_attempts() -> int:
    """Every day: remove attempts that are too old; gives how many."""
    return attempts_clean(now=database_now())
