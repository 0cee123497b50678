"""Which deliveries have their turn, and which need somebody's eye."""

import random
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from flowpilot.webhooks.models import TEST_EVENT, WebhookDelivery

CHOSEN_FROM = 20
GIVEN_UP_TOLD = timedelta(days=14)


def deliveries_given_up(user: Any) -> QuerySet[WebhookDelivery]:
    """What nobody tries any more and `user` may send again, given up within GIVEN_UP_TOLD; the latest first.

    A test event that failed was told where it was sent.
    """
    rows = WebhookDelivery.objects.for_user(user, "replay").filter(state=WebhookDelivery.State.EXHAUSTED)
    rows = rows.filter(settled_at__gte=timezone.now() - GIVEN_UP_TOLD).exclude(event_type=TEST_EVENT)
    return rows.select_related("endpoint").defer("endpoint__secrets", "payload").order_by("-settled_at", "-pk")


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
