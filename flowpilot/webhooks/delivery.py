"""One try of a delivery: claim it (a transaction), send it (none), write what came of it (a transaction).

A worker that dies in between leaves a claim that runs out; then the next one sends again. So each event arrives at
least once, and the receiver knows one that it had already by its id.
"""

import logging
import time
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flowpilot.common.backoff import pause_after, pause_kept, pause_of_place
from flowpilot.common.claims import claim_take, database_now, place_is_full, place_pause
from flowpilot.common.vault import SealBroken
from flowpilot.webhooks.endpoints import endpoint_switch_off, signing_keys
from flowpilot.webhooks.models import WebhookDelivery, WebhookEndpoint
from flowpilot.webhooks.sending import Answer, post
from flowpilot.webhooks.signing import signed_headers

logger = logging.getLogger(__name__)

State = WebhookDelivery.State


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to try a delivery once; `clock` is on time.monotonic()'s clock, from before the claim was made."""

    delivery: WebhookDelivery
    now: datetime
    clock: float

    @property
    def elapsed(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self.clock)


def delivery_try(*, delivery_id: int, now: datetime | None = None) -> str | None:
    """Try a delivery that is due; gives its state after that, or None where it is not due, another worker has it, or
    its endpoint has as many workers as it may have at once.

    `now` None is the database's time, the same for all workers. Safe to run twice, and at once.
    """
    clock = time.monotonic()
    claim = _claim(delivery_id, now or database_now(), clock)
    return _finish(claim, _send(claim)) if claim is not None else None


def claim_length() -> timedelta:
    """Longer than any try can take: it ends at WEBHOOK_TIMEOUT."""
    return timedelta(seconds=2 * settings.WEBHOOK_TIMEOUT + 60)


def _claim(delivery_id: int, now: datetime, clock: float) -> Claim | None:
    if not WebhookDelivery.objects.due(now).filter(pk=delivery_id).exists():
        return None
    with transaction.atomic():
        if not claim_take(WebhookDelivery.objects.all(), delivery_id, now=now, length=claim_length()):
            return None
        delivery = WebhookDelivery.objects.select_related("endpoint").get(pk=delivery_id)
        others = WebhookDelivery.objects.filter(endpoint=delivery.endpoint_id).exclude(pk=delivery.pk)
        if place_is_full(delivery.endpoint, others, now=now, limit=settings.WEBHOOK_MAX_PARALLEL):
            transaction.set_rollback(True)
            return None
    return Claim(delivery, now, clock)


def _send(claim: Claim) -> Answer:
    delivery = claim.delivery
    # The claim's own time, not this moment's: a worker that was paused must not send after its claim.
    seconds = settings.WEBHOOK_TIMEOUT - claim.elapsed.total_seconds()
    if seconds <= 0:
        return Answer(error="its worker was stopped for too long")
    try:
        signed = signed_headers(
            event_id=delivery.event_id,
            timestamp=int(timezone.now().timestamp()),
            body=delivery.body,
            keys=signing_keys(delivery.endpoint, timezone.now()),
        )
        return post(
            delivery.endpoint.url, delivery.body, {"content-type": "application/json", **signed}, seconds=seconds
        )
    except SealBroken as error:
        return Answer(error=f"its secret cannot be used: {error}"[:300])
    except Exception as error:
        # Without the error's own words: they might hold what was sent.
        logger.error(
            "delivery %s: %s\n%s", delivery.pk, type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        )
        return Answer(error=f"an error of FlowPilot's own: {type(error).__name__}")


def _finish(claim: Claim, answer: Answer) -> str | None:
    finished = claim.now + claim.elapsed
    with transaction.atomic():
        own = WebhookDelivery.objects.select_for_update().filter(
            pk=claim.delivery.pk, claim_token=claim.delivery.claim_token
        )
        delivery = own.first()
        if delivery is None:
            return None  # the claim ran out, and another worker has it
        _settle(delivery, answer, finished)
        delivery.save(
            update_fields=[
                "state", "next_attempt_at", "settled_at", "claimed_until", "last_status", "last_error",
                "last_attempt_at",
            ]
        )  # fmt: skip
        if answer.is_gone:
            endpoint_switch_off(endpoint_id=delivery.endpoint_id, reason="It answered 410: it wants no more events.")
        elif pause := pause_of_place(answer.retry_after, finished, no_answer=answer.no_answer):
            place_pause(WebhookEndpoint.objects.filter(pk=delivery.endpoint_id), finished + pause)
    return delivery.state


def _settle(delivery: WebhookDelivery, answer: Answer, finished: datetime) -> None:
    """What the delivery is after this try, and when the next one is."""
    delivery.last_status, delivery.last_error, delivery.last_attempt_at = answer.status, answer.error[:300], finished
    delivery.claimed_until = None
    if answer.error and not answer.is_gone and delivery.attempt_count < delivery.attempts_allowed:
        # One that is replayed begins with short pauses again.
        before = max(delivery.attempts_allowed - settings.WEBHOOK_MAX_ATTEMPTS, 0)
        wait = pause_after(max(delivery.attempt_count - before, 1))
        delivery.next_attempt_at = finished + pause_kept(wait, answer.retry_after, finished)
        return
    delivery.state = State.EXHAUSTED if answer.error else State.SUCCEEDED
    delivery.next_attempt_at, delivery.settled_at = None, finished
