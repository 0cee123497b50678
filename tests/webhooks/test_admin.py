"""Endpoints and deliveries in the admin: who may, what is shown once, and what the buttons do."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.urls import reverse

from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.webhooks import endpoints as endpoints_module
from flowpilot.webhooks.endpoints import endpoint_change, endpoint_create, endpoint_rotate, signing_keys
from flowpilot.webhooks.models import WebhookDelivery, WebhookEndpoint
from flowpilot.webhooks.services import deliveries_replay, endpoint_test
from tests.conftest import Cast
from tests.factories import WEBHOOK_SECRET, make_delivery, make_endpoint
from tests.webhooks.receiver import Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queued")]
URL = "https://hooks.example/flowpilot?token=hidden"
ADD = "/admin/webhooks/webhookendpoint/add/"


def page(endpoint: WebhookEndpoint, name: str = "change") -> str:
    return reverse(f"admin:webhooks_webhookendpoint_{name}", args=[endpoint.pk])


def entered(cast: Cast, **fields: Any) -> dict[str, Any]:
    return {"account": cast.account.pk, "url": URL, "event_types": ["flow.published"], "is_active": "on", **fields}


def test_the_secret_is_shown_once(cast: Cast, login: Any) -> None:
    browser = login(cast.olivia)
    shown = browser.post(ADD, entered(cast), follow=True).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    (secret,) = signing_keys(endpoint, endpoint.created_at)
    assert secret in shown.replace("&#x3D;", "=")
    assert secret.encode() not in bytes(endpoint.secrets)
    for _ in range(2):
        assert "whsec_" not in browser.get(page(endpoint)).content.decode()
    event = AuditEvent.objects.get(action="webhook_endpoint.created")
    assert "whsec_" not in str(event.after)
    assert "hidden" not in f"{event.after} {event.object_label}", "a token in the address's query is none of the log's"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://hooks.example/"),
        ("url", "https://10.0.0.1/"),
        ("url", "nonsense"),
        ("event_types", []),
        ("event_types", ["flow.eaten"]),
    ],
)
def test_what_cannot_be_entered(cast: Cast, login: Any, field: str, value: Any) -> None:
    response = login(cast.olivia).post(ADD, entered(cast, **{field: value}))
    assert list(response.context["adminform"].form.errors) == [field]
    said: dict[str, Any] = {"url": URL, "event_types": ["flow.published"], field: value}
    with pytest.raises(InvalidInput) as caught:
        endpoint_create(actor=cast.olivia, account=cast.account, **said)
    assert list(caught.value.details or {}) == [field]
    assert not WebhookEndpoint.objects.exists()


def test_an_address_once_and_so_many(cast: Cast, login: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_endpoint(cast.account, url=URL)
    response = login(cast.olivia).post(ADD, entered(cast))
    assert "another endpoint with this address" in response.content.decode()
    with pytest.raises(Conflict):
        endpoint_create(actor=cast.olivia, account=cast.account, url=URL, event_types=["flow.published"])
    monkeypatch.setattr(endpoints_module, "MOST_ENDPOINTS", 1)
    with pytest.raises(Conflict, match="at most 1"):
        endpoint_create(actor=cast.olivia, account=cast.account, url=URL + "2", event_types=["flow.published"])


def test_changing_keeps_the_secret_and_switches_on_again(cast: Cast, login: Any) -> None:
    endpoint = make_endpoint(cast.account, is_active=False, off_reason="It answered 410.")
    login(cast.olivia).post(page(endpoint), entered(cast, description="Board"))
    endpoint.refresh_from_db()
    assert (endpoint.description, endpoint.url, endpoint.is_active, endpoint.off_reason) == ("Board", URL, True, "")
    assert signing_keys(endpoint, endpoint.created_at) == [WEBHOOK_SECRET]
    assert AuditEvent.objects.get().action == "webhook_endpoint.changed"


class TestButtons:
    def test_a_test_event_tells_how_it_went(self, receiver: Receiver, cast: Cast, login: Any) -> None:
        endpoint, browser = make_endpoint(cast.account, url=receiver.url), login(cast.olivia)
        assert "The test event arrived: answered 204" in self.press(browser, endpoint, "test")
        assert receiver.messages[0].read()["type"] == "webhook.test"
        receiver.plan = lambda message: "500"
        assert "did not arrive: answered 500" in self.press(browser, endpoint, "test")
        assert len(receiver.messages) == 2, "tried once"
        assert "busy or asked for a pause" not in self.press(browser, endpoint, "test")
        receiver.plan = lambda message: "429"
        assert "did not arrive: answered 429" in self.press(browser, endpoint, "test")
        assert "busy or asked for a pause" in self.press(browser, endpoint, "test")
        WebhookEndpoint.objects.update(is_active=False)
        assert "it is off" in self.press(browser, endpoint, "test", follow=False)

    def test_a_new_secret_is_shown_once(self, cast: Cast, login: Any) -> None:
        endpoint, browser = make_endpoint(cast.account), login(cast.olivia)
        shown = self.press(browser, endpoint, "rotate")
        endpoint.refresh_from_db()
        assert endpoint.previous_until is not None
        new, former = signing_keys(endpoint, endpoint.created_at)
        assert former == WEBHOOK_SECRET
        assert new in shown.replace("&#x3D;", "=")
        assert WEBHOOK_SECRET not in shown
        assert "whsec_" not in browser.get(page(endpoint)).content.decode()

    def press(self, browser: Any, endpoint: WebhookEndpoint, name: str, follow: bool = True) -> str:
        response = browser.post(page(endpoint, name), follow=follow)
        if not follow:
            response = browser.get(page(endpoint))
        return str(response.content.decode())

    def test_replay(self, cast: Cast, login: Any) -> None:
        endpoint = make_endpoint(cast.account)
        rest: Any = {"next_attempt_at": None, "settled_at": endpoint.created_at, "attempt_count": 24}
        given_up, waiting = make_delivery(endpoint, state="exhausted", **rest), make_delivery(endpoint)
        chosen = {"_selected_action": [given_up.pk, waiting.pk], "action": "replay"}
        listed = login(cast.olivia).post(reverse("admin:webhooks_webhookdelivery_changelist"), chosen, follow=True)
        assert "1 queued again" in listed.content.decode()
        assert "1 skipped" in listed.content.decode()
        given_up.refresh_from_db()
        assert (given_up.state, given_up.attempts_allowed) == ("pending", 48)


def test_services_ask_for_the_right(cast: Cast) -> None:
    endpoint, foreign = make_endpoint(cast.account), make_endpoint(cast.other_account)
    delivery = make_delivery(endpoint, state="exhausted", next_attempt_at=None, settled_at=endpoint.created_at)
    for actor in (cast.alice, cast.bob, cast.carol, cast.sam, cast.mallory):
        with pytest.raises(NotAllowed):
            endpoint_create(actor=actor, account=cast.account, url=URL, event_types=["flow.published"])
        for service in (endpoint_change, endpoint_rotate, endpoint_test):
            with pytest.raises(NotFound):
                service(actor=actor, endpoint_id=endpoint.pk)
        with pytest.raises(NotAllowed):
            deliveries_replay(actor=actor, delivery_ids=[delivery.pk])
    for service in (endpoint_change, endpoint_rotate, endpoint_test):
        with pytest.raises(NotFound):
            service(actor=cast.olivia, endpoint_id=foreign.pk)
    assert WebhookDelivery.objects.get().state == "exhausted"


def test_secrets_are_sealed_anew_with_the_others(cast: Cast, settings: Any) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings.SEAL_KEYS = [old]
    endpoint = make_endpoint(cast.account)
    settings.SEAL_KEYS = [new, old]
    call_command("reseal_credentials")
    settings.SEAL_KEYS = [new]
    endpoint.refresh_from_db()
    assert signing_keys(endpoint, endpoint.created_at) == [WEBHOOK_SECRET]
