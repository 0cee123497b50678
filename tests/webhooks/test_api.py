"""Endpoints and deliveries over the API."""

from typing import Any

import pytest
from django.utils import timezone

from flowpilot.common.models import AuditEvent, IdempotentRequest
from flowpilot.webhooks.endpoints import signing_keys
from flowpilot.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.conftest import Cast
from tests.factories import WEBHOOK_SECRET, make_delivery, make_endpoint

HOOKS, DELIVERIES = "/api/v1/webhooks/", "/api/v1/webhook-deliveries/"
NEW = {"url": "https://hooks.example/flowpilot", "event_types": ["flow.published"]}


def test_an_endpoint_from_its_making_to_its_end(cast: Cast, api: Any) -> None:
    owner = api(cast.olivia)
    made = owner.post(HOOKS, {**NEW, "description": "Chat"}, format="json")
    assert made.status_code == 201, made.content
    body = made.json()
    secret = body.pop("secret")
    endpoint = WebhookEndpoint.objects.get()
    assert signing_keys(endpoint, timezone.now()) == [secret]
    assert owner.get(f"{HOOKS}{endpoint.pk}/").json() == body
    changed = owner.patch(f"{HOOKS}{endpoint.pk}/", {"is_active": False}, format="json").json()
    assert (changed["is_active"], changed["url"], changed["description"]) == (False, NEW["url"], "Chat")
    rotated = owner.post(f"{HOOKS}{endpoint.pk}/rotate/").json()
    endpoint.refresh_from_db()
    assert signing_keys(endpoint, timezone.now()) == [rotated["secret"], secret]
    make_delivery(endpoint)
    assert owner.delete(f"{HOOKS}{endpoint.pk}/").status_code == 204
    assert (WebhookEndpoint.objects.count(), WebhookDelivery.objects.count()) == (0, 0)
    actions = AuditEvent.objects.filter(action__startswith="webhook_endpoint.").order_by("pk")
    assert [event.action.partition(".")[2] for event in actions] == ["created", "changed", "rotated", "deleted"]
    assert secret not in str([(event.before, event.after) for event in actions])


def test_a_secret_is_shown_once_and_kept_nowhere(cast: Cast, api: Any) -> None:
    key = {"Idempotency-Key": "k-1"}
    first, again = (api(cast.olivia).post(HOOKS, NEW, format="json", headers=key) for _ in range(2))
    assert (again.status_code, again.json()) == (201, {**first.json(), "secret": None})
    assert WebhookEndpoint.objects.count() == 1
    assert first.json()["secret"] not in IdempotentRequest.objects.get().body
    assert "secret" not in api(cast.olivia).get(HOOKS).json()["results"][0]


def test_a_deletion_is_done_once_and_answered_alike(cast: Cast, api: Any) -> None:
    url, key = f"{HOOKS}{make_endpoint(cast.account).pk}/", {"Idempotency-Key": "k-1"}
    answers = [api(cast.olivia).delete(url, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert api(cast.olivia).delete(url).status_code == 404


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({"url": "http://hooks.example/"}, {"/url"}),
        ({"url": "https://127.0.0.1/"}, {"/url"}),
        ({"url": "nothing"}, {"/url"}),
        ({"event_types": []}, {"/event_types"}),
        ({"event_types": ["flow.published", "nothing"]}, {"/event_types/1"}),
        ({"description": "x" * 201}, {"/description"}),
    ],
)
def test_what_is_no_endpoint(cast: Cast, api: Any, said: Any, pointers: set[str]) -> None:
    url = f"{HOOKS}{make_endpoint(cast.account).pk}/"
    for refused in (api(cast.olivia).post(HOOKS, {**NEW, **said}), api(cast.olivia).patch(url, said)):
        assert (refused.status_code, {one["pointer"] for one in refused.json()["errors"]}) == (400, pointers)
    assert WebhookEndpoint.objects.count() == 1


def test_an_address_twice_is_a_conflict(cast: Cast, api: Any) -> None:
    make_endpoint(cast.account, url=NEW["url"])
    assert api(cast.olivia).post(HOOKS, NEW, format="json").status_code == 409


def test_only_owners_come_here(cast: Cast, api: Any) -> None:
    endpoint = make_endpoint(cast.account)
    for person in (cast.alice, cast.bob, cast.carol, cast.sam):
        for answer in (api(person).get(HOOKS), api(person).post(HOOKS, NEW), api(person).get(DELIVERIES)):
            assert answer.status_code == 403
        assert api(person).delete(f"{HOOKS}{endpoint.pk}/").status_code == 403
    assert WebhookEndpoint.objects.get() == endpoint


def test_deliveries_are_found_and_sent_again(cast: Cast, api: Any, queued: list[int]) -> None:
    endpoint = make_endpoint(cast.account)
    waits = make_delivery(endpoint)
    given_up = make_delivery(
        endpoint, event_type="gap.opened", state="exhausted", attempt_count=3, next_attempt_at=None,
        settled_at=timezone.now(), last_status=500, last_error="It said 500",
    )  # fmt: skip
    make_delivery(make_endpoint(cast.other_account))
    owner = api(cast.olivia)
    for query, found in (
        ("", [given_up.pk, waits.pk]), ("state=exhausted", [given_up.pk]), (f"endpoint={endpoint.pk + 10}", []),
        ("event_type=flow.published", [waits.pk]), (f"event_id={waits.event_id}", [waits.pk]),
        (f"endpoint={endpoint.pk}&ordering=created_at", [waits.pk, given_up.pk]),
        ("created_after=2000-01-01T00:00:00-23:59", [given_up.pk, waits.pk]), ("created_before=2000-01-01T00:00Z", []),
    ):  # fmt: skip
        assert [row["id"] for row in owner.get(f"{DELIVERIES}?{query}").json()["results"]] == found, query
    one = owner.get(f"{DELIVERIES}{given_up.pk}/").json()
    assert (one["last_error"], one["payload"]["type"], one["payload"]["data"]["flow_id"]) == (
        "It said 500", "gap.opened", 7,
    )  # fmt: skip
    assert WEBHOOK_SECRET not in str(one)
    again = owner.post(f"{DELIVERIES}{given_up.pk}/replay/")
    assert (again.status_code, again.json()["state"], again.json()["event_id"]) == (200, "pending", given_up.event_id)
    under_way = owner.post(f"{DELIVERIES}{given_up.pk}/replay/")
    assert (under_way.status_code, under_way.json()["details"]) == (409, {"state": "pending"})


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B23:00", "9999-12-31T23:59:59-23:00", "yesterday"])
def test_a_moment_that_is_none(cast: Cast, api: Any, moment: str) -> None:
    refused = api(cast.olivia).get(f"{DELIVERIES}?created_after={moment}")
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (400, "created_after")
