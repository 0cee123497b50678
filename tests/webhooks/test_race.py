"""Thirty-two workers at once, on the real database."""

import threading
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import Q
from django.utils import timezone

from flowpilot.webhooks.delivery import delivery_try
from flowpilot.webhooks.models import WebhookDelivery, WebhookDeliveryQuerySet
from tests.conftest import Cast
from tests.factories import make_delivery, make_endpoint
from tests.webhooks.receiver import Receiver

WORKERS, EVENTS = 32, 8
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queued")]


def at_once(ids: list[int]) -> list[str | None]:
    """What each of WORKERS workers made of all the deliveries, one after the other."""
    start, now = threading.Barrier(WORKERS), timezone.now()
    results: list[str | None] = []

    def work(number: int) -> None:
        try:
            start.wait()
            # Four workers begin with each, so that they meet.
            results.extend(delivery_try(delivery_id=ids[(number + n) % len(ids)], now=now) for n in range(len(ids)))
        finally:
            database.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def events_for(receiver: Receiver, cast: Cast, settings: Any) -> list[int]:
    settings.WEBHOOK_MAX_PARALLEL, settings.WEBHOOK_TIMEOUT = WORKERS, 30.0
    receiver.plan = lambda message: "late"
    endpoint = make_endpoint(cast.account, url=receiver.url)
    return [make_delivery(endpoint).pk for _ in range(EVENTS)]


def test_each_is_sent_once(receiver: Receiver, cast: Cast, settings: Any) -> None:
    results = at_once(events_for(receiver, cast, settings))
    assert len(receiver.messages) == len(receiver.taken) == EVENTS
    assert set(receiver.taken.values()) == {1}
    assert results.count("succeeded") == EVENTS
    assert set(WebhookDelivery.objects.values_list("attempt_count", "state")) == {(1, "succeeded")}


def test_with_the_claim_off_some_are_sent_twice(
    receiver: Receiver, cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowpilot.common.claims.free_q", lambda now: Q())
    all_rows: Any = lambda rows, now: rows.all()  # noqa: E731
    monkeypatch.setattr(WebhookDeliveryQuerySet, "due", all_rows)
    at_once(events_for(receiver, cast, settings))
    assert max(receiver.taken.values()) > 1, "nothing was sent twice: the claim was not what prevented it"


def test_an_endpoint_has_so_many_workers_at_once(receiver: Receiver, cast: Cast, settings: Any) -> None:
    ids = events_for(receiver, cast, settings)
    settings.WEBHOOK_MAX_PARALLEL = 2
    inside, most, lock = 0, 0, threading.Lock()
    real = delivery_try.__globals__["post"]

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        try:
            return real(*arguments, **options)
        finally:
            with lock:
                inside -= 1

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("flowpilot.webhooks.delivery.post", counted)
        at_once(ids)
    assert most == 2
    left = WebhookDelivery.objects.filter(state="pending")
    assert {(row.attempt_count, row.claimed_until) for row in left} <= {(0, None)}, "turned away is not a try"
