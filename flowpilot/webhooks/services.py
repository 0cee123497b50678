"""What people and beat do with deliveries: test, replay, remove."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, NotAllowed
from flowpilot.webhooks.delivery import delivery_try
from flowpilot.webhooks.endpoints import endpoint_lock
from flowpilot.webhooks.events import deliveries_write, delivery_start_on_commit, payload_of
from flowpilot.webhooks.models import TEST_EVENT, WebhookDelivery

REPLAY = "webhooks.replay_webhookdelivery"
CLEANED_AT_ONCE = 5_000


def endpoint_test(*, actor: Any, endpoint_id: int) -> WebhookDelivery:
    """Send a test event, once and now; the delivery tells how it went.

    It is pending still where the endpoint asked for a pause or has all its workers at work: a worker sends it later.
    Raises NotFound, NotAllowed, Conflict (it is off). Not in a transaction: it calls the endpoint.
    """
    with transaction.atomic():
        endpoint = endpoint_lock(actor, endpoint_id)
        if not endpoint.is_active:
            raise Conflict("it is off: switch it on first")
        data = {"account": endpoint.account.slug, "endpoint_id": endpoint.pk}
        event = payload_of(TEST_EVENT, data, timezone.now())
        delivery = deliveries_write([endpoint], [event], attempts=1, start=False)[0]
        audit_record(actor=actor, action="webhook_endpoint.tested", target=endpoint, after={"event": delivery.event_id})
    delivery_try(delivery_id=delivery.pk)
    delivery.refresh_from_db()
    return delivery


@transaction.atomic
def deliveries_replay(*, actor: Any, delivery_ids: Sequence[int]) -> int:
    """Send deliveries that are at rest again, with their ids as they were and all tries before them; gives how many.

    Those that are under way, and those outside the actor's scope, are passed over. Raises NotAllowed where the actor
    may replay nowhere.
    """
    if not actor.has_perm(REPLAY):
        raise NotAllowed("only owners send events again")
    rows = WebhookDelivery.objects.for_user(actor, "replay").replayable().filter(pk__in=delivery_ids).order_by("pk")
    deliveries = list(rows.select_for_update(of=("self",)).select_related("endpoint"))
    for delivery in deliveries:
        _replay(actor, delivery)
    return len(deliveries)


def _replay(actor: Any, delivery: WebhookDelivery) -> None:
    before = {"state": delivery.state, "attempts": delivery.attempt_count}
    delivery.state, delivery.next_attempt_at = WebhookDelivery.State.PENDING, timezone.now()
    delivery.settled_at = delivery.claimed_until = None
    delivery.attempts_allowed = delivery.attempt_count + settings.WEBHOOK_MAX_ATTEMPTS
    delivery.save(update_fields=["state", "next_attempt_at", "settled_at", "claimed_until", "attempts_allowed"])
    audit_record(actor=actor, action="webhook_delivery.replayed", target=delivery, before=before)
    delivery_start_on_commit(delivery.pk)


def deliveries_clean(*, now: datetime) -> int:
    """Remove deliveries that have been at rest for longer than WEBHOOK_KEEP; gives how many.

    A part at a time, so that nobody waits for its locks.
    """
    old = WebhookDelivery.objects.filter(settled_at__lt=now - settings.WEBHOOK_KEEP).order_by("settled_at")
    removed = 0
    while ids := list(old.values_list("pk", flat=True)[:CLEANED_AT_ONCE]):
        # Once more by its time: one that was replayed meanwhile stays.
        gone = WebhookDelivery.objects.filter(pk__in=ids, settled_at__lt=now - settings.WEBHOOK_KEEP).delete()[0]
        removed += gone
    return removed
