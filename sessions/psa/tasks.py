"""When pushes are sent. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task

from sessions.psa.delivery import database_now, push_deliver
from sessions.psa.selectors import due_pushes
from sessions.psa.services import push_start


@shared_task
def deliver_push(push_id: int) -> str | None:
    """Try one push, if it is still due; gives its state after that."""
    return push_deliver(push_id=push_id)


@shared_task
def deliver_due_pushes() -> int:
    """Every half minute: one task for each push that is due; gives how many.

    Among them are those whose first task never came to the queue, or whose worker was killed.
    """
    due = due_pushes(database_now())
    for push_id in due:
        push_start(push_id)
    return len(due)
