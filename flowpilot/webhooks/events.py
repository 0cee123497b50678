"""Telling of an event: the one door by which the other rooms come in."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from flowpilot.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint, new_event_id

Data = Mapping[str, Any]
# A task that comes later than this has been overtaken by beat's.
TASK_EXPIRES_S = 60
WRITTEN_AT_ONCE = 1_000


def event_emit(*, account_id: int, type: EventType, data: Data) -> None:  # noqa: A002 - the payload's own name
    """Tell the account's endpoints that ask for it of one event. See events_emit."""
    events_emit(account_id=account_id, type=type, data=(data,))


def events_emit(*, account_id: int, type: EventType, data: Iterable[Data]) -> None:  # noqa: A002
    """Write what shall be told of several events of one kind; delivery starts when the transaction commits.

    Call it in the transaction of what happened: both happen, or neither. `data` names things by their ids and addresses
    and holds no texts and no names of people; it is read only where somebody asks for such events, so make it as you
    go. Without such an endpoint this is one query. Raises RuntimeError outside a transaction.
    """
    if not database.in_atomic_block:
        raise RuntimeError("events are written in the transaction of what happened: call this inside one")
    asking = WebhookEndpoint.objects.filter(account=account_id, is_active=True, event_types__contains=[type])
    endpoints = list(asking.select_related("account").only("account__slug").order_by("pk"))
    endpoints = endpoints_hold(endpoints)
    if endpoints:
        now = timezone.now()
        events = [payload_of(type, {"account": endpoints[0].account.slug, **told}, now) for told in data]
        deliveries_write(endpoints, events)


def endpoints_hold(endpoints: list[WebhookEndpoint]) -> list[WebhookEndpoint]:
    """Those that are there still, and stay until the transaction ends: a delivery without its endpoint would fail the
    commit of what is told. Not in the way of any change of an endpoint, nor of each other, but of its removal."""
    if not endpoints:
        return []
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM webhooks_webhookendpoint WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
            [[endpoint.pk for endpoint in endpoints]],
        )
        there = {pk for (pk,) in cursor.fetchall()}
    return [endpoint for endpoint in endpoints if endpoint.pk in there]


def payload_of(event_type: str, data: Data, now: datetime) -> dict[str, Any]:
    return {"type": str(event_type), "timestamp": now.isoformat(), "data": dict(data)}


def links(page: str, api: str, pk: int) -> dict[str, str]:
    """Where a thing is found: its page, and the same over the API, by the names of their addresses."""
    return {
        "url": f"{settings.SITE_URL}{reverse(page, args=[pk])}",
        "api": f"{settings.SITE_URL}{reverse(api, args=[pk])}",
    }


def deliveries_write(
    endpoints: list[WebhookEndpoint], events: list[dict[str, Any]], *, attempts: int | None = None, start: bool = True
) -> list[WebhookDelivery]:
    """A row for each event and endpoint. On commit, with `start`, the first are queued, and call the next."""
    rows = [row for event in events for row in _rows(endpoints, event, attempts or settings.WEBHOOK_MAX_ATTEMPTS)]
    WebhookDelivery.objects.bulk_create(rows, batch_size=WRITTEN_AT_ONCE)
    for row in rows[: len(endpoints) * settings.WEBHOOK_MAX_PARALLEL if start else 0]:
        delivery_start_on_commit(row.pk)
    return rows


def _rows(endpoints: list[WebhookEndpoint], event: dict[str, Any], attempts: int) -> Iterator[WebhookDelivery]:
    event_id, now = new_event_id(), timezone.now()
    for endpoint in endpoints:
        yield WebhookDelivery(
            account_id=endpoint.account_id,
            endpoint=endpoint,
            event_id=event_id,
            event_type=event["type"],
            payload=event,
            attempts_allowed=attempts,
            next_attempt_at=now,
        )


def delivery_start(delivery_id: int) -> None:
    """Queue one try. Call after the commit."""
    current_app.send_task(
        "flowpilot.webhooks.tasks.deliver", args=[delivery_id], expires=TASK_EXPIRES_S, retry=False, ignore_result=True
    )


def delivery_start_on_commit(delivery_id: int) -> None:
    """Queue one try when the transaction commits. A queue that is down fails nothing: beat finds the delivery."""

    def start() -> None:  # not a partial: Django names what failed by its __qualname__
        delivery_start(delivery_id)

    transaction.on_commit(start, robust=True)
