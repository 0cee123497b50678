"""Which deliveries have their turn."""

import random
from datetime import datetime

from django.conf import settings

from flowpilot.webhooks.models import WebhookDelivery

CHOSEN_FROM = 20


def next_delivery(after_id: int, now: datetime) -> int | None:
    """A delivery that may be tried now that this one of its endpoint was; None where none waits.

    One of the oldest, by chance: workers that end together do not all go for the same.
    """
    waiting = WebhookDelivery.objects.due(now).filter(endpoint__deliveries=after_id)
    oldest = list(waiting.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:CHOSEN_FROM])
    return random.choice(oldest) if oldest else None  # noqa: S311


def due_deliveries(now: datetime) -> list[int]:
    """Ids of what should be tried now: of each endpoint as many as it may have at once, for each calls the next."""
    waiting = WebhookDelivery.objects.due(now)
    endpoints = waiting.order_by().values_list("endpoint", flat=True).distinct()
    return [
        pk
        for endpoint in sorted(endpoints)
        for pk in waiting.filter(endpoint=endpoint)
        .order_by("next_attempt_at", "pk")
        .values_list("pk", flat=True)[: settings.WEBHOOK_MAX_PARALLEL]
    ]
