"""What arrives, what is tried again and when, against a service that misbehaves."""

import random
import subprocess
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from flowpilot.common.models import AuditEvent
from flowpilot.webhooks.delivery import delivery_try
from flowpilot.webhooks.endpoints import endpoint_rotate, signing_keys
from flowpilot.webhooks.models import WebhookDelivery
from flowpilot.webhooks.selectors import due_deliveries
from flowpilot.webhooks.services import deliveries_clean, deliveries_replay
from flowpilot.webhooks.signing import new_secret, signed_headers
from flowpilot.webhooks.tasks import clean_deliveries, deliver, deliver_due
from tests.conftest import Cast
from tests.factories import WEBHOOK_SECRET, make_delivery, make_endpoint
from tests.processes import BASE_DIR, PYTHON, environment
from tests.webhooks.receiver import FAULTS, Receiver, receiving

pytestmark = pytest.mark.django_db
LATER = timedelta(days=2)


def due_at(receiver: Receiver, cast: Cast, **fields: Any) -> WebhookDelivery:
    return make_delivery(make_endpoint(cast.account, url=f"{receiver.url}/hook?token=t"), **fields)


def tried(delivery: WebhookDelivery, now: Any = None) -> WebhookDelivery:
    assert delivery_try(delivery_id=delivery.pk, now=now) is not None
    delivery.refresh_from_db()
    return delivery


class TestMessage:
    def test_it_arrives_signed(self, receiver: Receiver, cast: Cast) -> None:
        delivery = tried(due_at(receiver, cast))
        (message,) = receiver.messages
        assert message.read() == delivery.payload
        assert set(delivery.payload) == {"type", "timestamp", "data"}
        assert message.id == delivery.event_id
        assert message.headers["content-type"] == "application/json"
        assert (delivery.state, delivery.attempt_count, delivery.last_status) == ("succeeded", 1, 204)
        assert delivery_try(delivery_id=delivery.pk, now=timezone.now() + LATER) is None, "at rest"

    @pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "secret"])
    def test_the_signature_holds_for_this_message_only(self, changed: str) -> None:
        body, secret = b'{"type":"flow.published"}', new_secret()
        headers = signed_headers(event_id="msg_1", timestamp=int(time.time()), body=body, keys=[secret])
        assert Webhook(secret).verify(body, headers)
        if changed in headers:
            headers[changed] = "msg_2" if changed == "webhook-id" else str(int(time.time()) - 1)
        with pytest.raises(WebhookVerificationError):
            Webhook(new_secret() if changed == "secret" else secret).verify(body + b" " * (changed == "body"), headers)

    def test_a_former_secret_signs_for_a_while(self, receiver: Receiver, cast: Cast, settings: Any) -> None:
        delivery = due_at(receiver, cast)
        _, new = endpoint_rotate(actor=cast.olivia, endpoint_id=delivery.endpoint_id)
        tried(delivery)
        (message,) = receiver.messages
        assert message.read(new) == message.read(WEBHOOK_SECRET) == delivery.payload
        delivery.endpoint.refresh_from_db()
        after = timezone.now() + settings.WEBHOOK_ROTATION
        assert signing_keys(delivery.endpoint, after) == [new]
        # A second rotation ends the first secret at once: there are never more than two.
        _, newest = endpoint_rotate(actor=cast.olivia, endpoint_id=delivery.endpoint_id)
        delivery.endpoint.refresh_from_db()
        assert signing_keys(delivery.endpoint, timezone.now()) == [newest, new]


class TestTrying:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_it_is_tried_until_it_arrives_with_one_id_and_the_same_bytes(
        self, receiver: Receiver, cast: Cast, fault: str
    ) -> None:
        receiver.plan = lambda message: fault if len(receiver.messages) < 3 else ""
        delivery, now = due_at(receiver, cast), timezone.now()
        for number in (1, 2):
            tried(delivery, now + number * LATER)
            assert (delivery.state, delivery.attempt_count) == ("pending", number)
            assert delivery.last_error
        assert tried(delivery, now + 3 * LATER).state == "succeeded"
        assert {message.id for message in receiver.messages} == {delivery.event_id}
        assert len({message.body for message in receiver.messages}) == 1
        assert all(message.read() for message in receiver.messages)

    @pytest.mark.parametrize(("fault", "seconds"), [("429", 7), ("503-date", 88)])
    def test_retry_after_is_kept_by_all_that_goes_there(
        self, receiver: Receiver, cast: Cast, fault: str, seconds: int
    ) -> None:
        receiver.plan = lambda message: fault
        delivery, now = due_at(receiver, cast), timezone.now()
        other = make_delivery(delivery.endpoint)
        elsewhere = make_delivery(make_endpoint(cast.account))
        tried(delivery, now)
        assert delivery.next_attempt_at is not None
        assert delivery.next_attempt_at >= now + timedelta(seconds=seconds)
        just_before, after = (now + timedelta(seconds=s) for s in (seconds - 1, 200))
        assert due_deliveries(just_before) == [elsewhere.pk]
        assert delivery_try(delivery_id=other.pk, now=just_before) is None
        assert set(due_deliveries(after)) == {delivery.pk, other.pk, elsewhere.pk}

    def test_pauses_grow_with_jitter(self, receiver: Receiver, cast: Cast) -> None:
        receiver.plan = lambda message: "500"
        delivery = due_at(receiver, cast)
        for number in range(1, 9):
            now = timezone.now() + number * LATER
            tried(delivery, now)
            assert delivery.next_attempt_at is not None
            ceiling = min(timedelta(hours=1), timedelta(seconds=30) * 2 ** (number - 1))
            assert timedelta() <= delivery.next_attempt_at - now <= ceiling + timedelta(seconds=5)

    def test_silence_costs_a_timeout_and_leaves_the_endpoint_alone_for_a_minute(
        self, receiver: Receiver, cast: Cast
    ) -> None:
        receiver.plan = lambda message: "stall"
        delivery, start = due_at(receiver, cast), time.monotonic()
        tried(delivery)
        assert 0.9 < time.monotonic() - start < 3
        assert "no answer within" in delivery.last_error
        assert due_deliveries(timezone.now() + timedelta(seconds=50)) == []
        assert due_deliveries(timezone.now() + timedelta(seconds=100)) == [delivery.pk]

    @pytest.mark.parametrize("fault", ["huge", "drip-body"])
    def test_a_yes_is_a_yes_whatever_follows_it(self, receiver: Receiver, cast: Cast, fault: str) -> None:
        receiver.plan, start = (lambda message: fault), time.monotonic()
        assert tried(due_at(receiver, cast)).state == "succeeded"
        assert time.monotonic() - start < 3

    def test_a_redirect_is_not_followed(self, receiver: Receiver, cast: Cast) -> None:
        with receiving() as inside:
            receiver.plan, receiver.redirect_to = (lambda message: "redirect"), inside.url
            delivery = tried(due_at(receiver, cast))
            assert (delivery.state, delivery.last_status) == ("pending", 307)
            assert "points elsewhere" in delivery.last_error
            assert inside.messages == []

    def test_it_is_given_up_after_so_many_tries(self, receiver: Receiver, cast: Cast, settings: Any) -> None:
        settings.WEBHOOK_MAX_ATTEMPTS = 3
        receiver.plan = lambda message: "500"
        delivery = due_at(receiver, cast, attempts_allowed=3)
        states = [tried(delivery, timezone.now() + number * LATER).state for number in (1, 2, 3)]
        assert states == ["pending", "pending", "exhausted"]
        assert len(receiver.messages) == 3

    def test_whoever_wants_no_more_is_switched_off(self, receiver: Receiver, cast: Cast) -> None:
        receiver.plan = lambda message: "410"
        delivery = due_at(receiver, cast)
        waiting = make_delivery(delivery.endpoint)
        assert tried(delivery).state == "exhausted"
        delivery.endpoint.refresh_from_db()
        assert not delivery.endpoint.is_active
        assert "410" in delivery.endpoint.off_reason
        assert AuditEvent.objects.get().action == "webhook_endpoint.switched_off"
        assert delivery_try(delivery_id=waiting.pk) is None, "what waits, waits"

    def test_an_error_of_our_own_is_no_end(
        self, receiver: Receiver, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery = due_at(receiver, cast)
        with monkeypatch.context() as patched:
            patched.setattr("flowpilot.webhooks.delivery.post", lambda *_, **__: 1 / 0)
            tried(delivery)
        assert (delivery.state, delivery.last_error) == ("pending", "an error of FlowPilot's own: ZeroDivisionError")
        assert tried(delivery, timezone.now() + LATER).state == "succeeded"

    def test_a_secret_that_does_not_open_sends_nothing_unsigned(self, receiver: Receiver, cast: Cast) -> None:
        delivery = due_at(receiver, cast)
        delivery.endpoint.secrets = make_endpoint(cast.other_account).secrets
        delivery.endpoint.save()
        assert "another account" in tried(delivery).last_error
        assert receiver.messages == []


def test_a_storm(receiver: Receiver, cast: Cast) -> None:
    """150 events through a service that fails four in ten: each is taken at least once, under one id."""
    dice = random.Random(7)
    receiver.plan = lambda message: dice.choice(FAULTS) if dice.random() < 0.4 else ""
    first = due_at(receiver, cast)
    ids = [first.pk, *(make_delivery(first.endpoint).pk for _ in range(149))]
    for round_number in range(24):
        left = WebhookDelivery.objects.filter(state="pending").values_list("pk", flat=True)
        for position, pk in enumerate(left):
            # So late that no pause of the endpoint holds any more.
            delivery_try(delivery_id=pk, now=timezone.now() + round_number * LATER + position * timedelta(hours=2))
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"succeeded"}
    events = set(WebhookDelivery.objects.filter(pk__in=ids).values_list("event_id", flat=True))
    assert set(receiver.taken) == events
    assert len(events) == 150
    # Twice came only what was taken without a yes that reached us.
    assert max(receiver.taken.values()) > 1, "nothing was lost on its way back: the storm was too mild"
    assert all(message.read() for message in receiver.messages)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_in_the_middle(receiver: Receiver, cast: Cast) -> None:
    """A real process, killed while the service has the event and has not answered yet."""
    delivery = due_at(receiver, cast)
    receiver.plan, receiver.stall_s = (lambda message: "stall"), 60
    call = f"from flowpilot.webhooks.delivery import delivery_try; delivery_try(delivery_id={delivery.pk})"
    env = environment(
        DJANGO_SETTINGS_MODULE="flowpilot.settings",
        WEBHOOK_ALLOW_PRIVATE="1",
        WEBHOOK_ALLOW_HTTP="1",
        WEBHOOK_TIMEOUT_SECONDS="60",
    )
    worker = subprocess.Popen([PYTHON, "-c", f"import django; django.setup(); {call}"], env=env, cwd=BASE_DIR)
    try:
        deadline = time.monotonic() + 60
        while not receiver.messages:
            assert worker.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline, "it sends nothing"
            time.sleep(0.02)
    finally:
        worker.kill()
        worker.wait(30)
    receiver.plan = lambda message: ""
    now = timezone.now()
    assert delivery_try(delivery_id=delivery.pk, now=now) is None, "its claim holds"
    assert delivery_try(delivery_id=delivery.pk, now=now + timedelta(hours=1)) == "succeeded"
    assert [message.id for message in receiver.messages] == [delivery.event_id] * 2


class TestQueue:
    def test_the_next_of_the_endpoint_has_its_turn(self, receiver: Receiver, cast: Cast, queued: list[int]) -> None:
        first = due_at(receiver, cast)
        second = make_delivery(first.endpoint)
        make_delivery(make_endpoint(cast.account))
        assert deliver(first.pk) == "succeeded"
        assert queued == [second.pk]
        assert deliver(first.pk) is None
        assert queued == [second.pk], "what came in vain calls nobody"

    def test_beat_finds_what_is_due(self, receiver: Receiver, cast: Cast, queued: list[int]) -> None:
        first = due_at(receiver, cast)
        rows = [first, *(make_delivery(first.endpoint) for _ in range(3))]
        make_delivery(first.endpoint, next_attempt_at=timezone.now() + LATER)
        make_delivery(make_endpoint(cast.account, is_active=False))
        assert deliver_due() == 2
        assert queued == [row.pk for row in rows[:2]], "as many as it may have at once; each calls the next"

    def test_what_is_at_rest_can_be_sent_again(self, receiver: Receiver, cast: Cast, queued: list[int]) -> None:
        delivery = tried(due_at(receiver, cast))
        waiting = make_delivery(delivery.endpoint)
        foreign = make_delivery(make_endpoint(cast.other_account))
        assert deliveries_replay(actor=cast.olivia, delivery_ids=[delivery.pk, waiting.pk, foreign.pk]) == 1
        assert tried(delivery).state == "succeeded"
        assert [message.id for message in receiver.messages] == [delivery.event_id] * 2
        assert AuditEvent.objects.get().action == "webhook_delivery.replayed"

    def test_old_ones_are_removed(self, cast: Cast, settings: Any) -> None:
        endpoint, now = make_endpoint(cast.account), timezone.now()
        rest: Any = {"state": "succeeded", "next_attempt_at": None}
        make_delivery(endpoint, **rest, settled_at=now - settings.WEBHOOK_KEEP - timedelta(hours=1))
        kept = [make_delivery(endpoint, **rest, settled_at=now), make_delivery(endpoint)]
        assert deliveries_clean(now=now) == 1
        assert set(WebhookDelivery.objects.all()) == set(kept)
        assert clean_deliveries() == 0
