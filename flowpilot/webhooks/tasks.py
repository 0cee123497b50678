"""When events are sent. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task

from flowpilot.common.claims import database_now
from flowpilot.webhooks.delivery import delivery_try
from flowpilot.webhooks.events import delivery_start
from flowpilot.webhooks.selectors import due_deliveries, next_delivery
from flowpilot.webhooks.services import deliveries_clean


@shared_task
def deliver(delivery_id: int) -> str | None:
    """Try one delivery, if it is still due; gives its state after that. Then the next of its endpoint has its turn."""
    state = delivery_try(delivery_id=delivery_id)
    following = next_delivery(delivery_id, database_now()) if state is not None else None
    if following is not None:
        delivery_start(following)
    return state


@shared_task
def deliver_due() -> int:
    """Every half minute: a task for what is due; gives how many.

    Among them are those whose first task never came to the queue, or whose worker was killed.
    """
    due = due_deliveries(database_now())
    for delivery_id in due:
        delivery_start(delivery_id)
    return len(due)


@shared_task
def clean_deliveries() -> int:
    """Every day: remove deliveries that are too old; gives how many."""
    return deliveries_clean(now=database_now())
