"""`/api/v1/sessions/`: sending one and many, reading, filters, and bodies that are no sessions."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import make_flow, make_session, record

SESSIONS = "/api/v1/sessions/"


def send(client: APIClient, raw: bytes, content_type: str = "application/json") -> Any:
    return client.post(SESSIONS, raw, content_type=content_type)


def told(field: str, reason: str) -> dict[str, str]:
    return {"field": field, "pointer": f"/{field}" if field else "", "reason": reason}


def test_one_record_is_new_then_unchanged_then_updated(cast: Cast, api: Any) -> None:
    client, obj = api(cast.bob), record("CW-1")
    answers = [client.post(SESSIONS, one) for one in (obj, obj, {**obj, "title": "Changed"})]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert [answer.json()["results"] for answer in answers] == [
        [{"external_id": "CW-1", "outcome": outcome, "errors": []}] for outcome in ("imported", "unchanged", "updated")
    ]


def test_a_list_keeps_the_good_and_tells_the_bad_in_their_place(cast: Cast, api: Any) -> None:
    body = [record("A"), {"external_id": "B"}, 5, record("A"), record("C", flow="nowhere"), record("D")]
    response = api(cast.bob).post(SESSIONS, body)
    assert response.status_code == 201
    assert [(r["external_id"], r["outcome"], r["errors"]) for r in response.json()["results"]] == [
        ("A", "imported", []),
        ("B", "bad", [told("status", "is missing")]),
        ("", "bad", [told("", "must be an object")]),
        ("A", "bad", [told("external_id", "comes twice in this list; the first one was taken")]),
        ("C", "bad", [told("flow/key", "no flow of this account has the key 'nowhere'")]),
        ("D", "imported", []),
    ]
    assert set(AISession.objects.values_list("external_id", flat=True)) == {"A", "D"}


def test_a_single_bad_record_is_400_with_its_faults(cast: Cast, api: Any) -> None:
    response = api(cast.bob).post(SESSIONS, record("A", steps=[{"kind": "note"}], colour="red"))
    assert response.status_code == 400
    assert (response.json()["code"], response.json()["detail"]) == ("invalid", "The session record is not valid.")
    assert response.json()["errors"] == [
        {"pointer": "/steps/0/prompt", "detail": "is missing"},
        {"pointer": "/colour", "detail": "is not a field of a session record"},
    ]


def test_an_empty_list_and_one_too_long(cast: Cast, api: Any) -> None:
    assert api(cast.bob).post(SESSIONS, []).json() == {"results": []}
    response = api(cast.bob).post(SESSIONS, [{}] * 1_001)
    assert (response.status_code, response.json()["detail"]) == (
        400,
        "a list holds at most 1000 records, this one has 1001",
    )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"external_id": ', "EOF while parsing"),
        (b'{"external_id": "A\xff"}', "invalid unicode"),
        (b'{"title": "\\ud800"}', "hex escape"),
        (b"[" * 100_000 + b"]" * 100_000, "recursion limit"),
        (b'{"version": NaN}', "expected value"),
    ],
)
def test_a_body_that_is_no_json(cast: Cast, api: Any, raw: bytes, words: str) -> None:
    response = send(api(cast.bob), raw)
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")
    assert words in response.json()["detail"]


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"5", b'"x"', b"true", b"1e999", b'{"external_id": "\\u0000", "status": "active"}']
)
def test_json_that_is_no_record(cast: Cast, api: Any, raw: bytes) -> None:
    response = send(api(cast.bob), raw)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response.json()["errors"]


def test_a_body_of_another_type_or_size(cast: Cast, api: Any) -> None:
    response = send(api(cast.bob), b"external_id=A", "application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    huge = b'{"title": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    response = send(api(cast.bob), huge)
    assert (response.status_code, response.json()["code"], response.json()["detail"]) == (
        413,
        "too_large",
        "The body is longer than 16 MiB: send it in parts.",
    )


def test_a_log_in_with_several_accounts_names_one(cast: Cast, api: Any) -> None:
    response = api(cast.root).post(SESSIONS, record("A"))
    assert (response.status_code, response.json()["detail"]) == (400, "name the account by ?account=SLUG")
    assert api(cast.root).post(f"{SESSIONS}?account=contoso", record("A")).status_code == 201
    assert AISession.objects.get().account == cast.other_account
    assert api(cast.alice).post(f"{SESSIONS}?account=%00", record("B")).status_code == 404


def test_one_session_with_its_steps(cast: Cast, api: Any) -> None:
    make_flow(cast.account, title="VPN")
    session = make_session(cast.account, team="Field", flow="vpn", psa={"system": "connectwise", "ticket_id": "7"})
    body = api(cast.carol).get(f"{SESSIONS}{session.pk}/").json()
    assert (body["client"], body["team"], body["flow"], body["tier"]) == ("Acme", "Field", "vpn", "discovery")
    assert (body["psa_system"], body["psa_ticket_id"], body["transcript"]) == ("connectwise", "7", None)
    assert [(step["position"], step["prompt"], step["selected_option"]) for step in body["steps"]] == [
        (0, "Does the VPN client connect?", "Yes"),
        (1, "Restart the router", "Done"),
    ]


@pytest.mark.parametrize("pk", ["0", "x", "99999999999999999999999", "%00", "-1"])
def test_ids_that_are_none(cast: Cast, api: Any, pk: str) -> None:
    response = api(cast.carol).get(f"{SESSIONS}{pk}/")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=resolved", {"A"}),
        ("problem_domain=email", {"B"}),
        ("client=Globex", {"B"}),
        ("team=Field", {"B"}),
        ("technician=BOB@northwind.test", {"A", "B"}),
        ("flow=vpn", {"A"}),
        ("external_id=B", {"B"}),
        ("psa_ticket_id=7", {"A"}),
        ("tier=guided", {"A"}),
        ("tier=discovery", {"B"}),
        ("started_after=2026-02-01T00:00:00Z", {"B"}),
        ("started_before=2026-02-01T00:00:00Z", {"A"}),
        ("started_before=2026-01-31T23:00:00-18:08", {"A"}),
        ("status=resolved&client=Globex", set()),
    ],
)
def test_filters(cast: Cast, api: Any, query: str, found: set[str]) -> None:
    make_flow(cast.account, title="VPN")
    one = make_session(
        cast.account, external_id="A", started_at="2026-01-01T00:00:00Z", ended_at=None, flow="vpn",
        psa={"system": "connectwise", "ticket_id": "7"},
    )  # fmt: skip
    make_session(
        cast.account, external_id="B", started_at="2026-03-01T00:00:00Z", ended_at=None, status="escalated",
        client="Globex", team="Field", problem_domain="email",
    )  # fmt: skip
    AISession.objects.filter(pk=one.pk).update(confidence_score=0.8)
    response = api(cast.carol).get(f"{SESSIONS}?{query}")
    assert {row["external_id"] for row in response.json()["results"]} == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("tier=high", "tier"),
        ("started_after=soon", "started_after"),
        ("started_after=0001-01-01T00:00:00%2B10:00", "started_after"),
        ("client=%00", "client"),
    ],
)
def test_a_filter_that_makes_no_sense_names_its_field(cast: Cast, api: Any, query: str, field: str) -> None:
    response = api(cast.carol).get(f"{SESSIONS}?{query}")
    assert (
        response.status_code,
        response.json()["code"],
        [error["parameter"] for error in response.json()["errors"]],
    ) == (
        400,
        "invalid",
        [field],
    )


def test_pages(cast: Cast, api: Any) -> None:
    for number in range(3):
        make_session(cast.account, external_id=f"P-{number}", started_at=f"2026-01-0{number + 1}T00:00:00Z")
    body = api(cast.carol).get(f"{SESSIONS}?page_size=2").json()
    assert [row["external_id"] for row in body["results"]] == ["P-2", "P-1"]
    # What comes in meanwhile shifts nothing.
    make_session(cast.account, external_id="P-9", started_at="2026-01-09T00:00:00Z")
    following = api(cast.carol).get(body["next"]).json()
    assert ([row["external_id"] for row in following["results"]], following["next"]) == (["P-0"], None)
    response = api(cast.carol).get(f"{SESSIONS}?cursor=9")
    assert (response.status_code, response.json()["detail"]) == (404, "There is no such page.")


def test_rows_of_one_time_come_once_each(cast: Cast, api: Any) -> None:
    for number in range(7):
        make_session(cast.account, external_id=f"T-{number}", started_at="2026-01-01T00:00:00Z")
    client, url, found = api(cast.carol), f"{SESSIONS}?page_size=2", []
    while url:
        body = client.get(url).json()
        found += [row["external_id"] for row in body["results"]]
        url = body["next"]
    assert sorted(found) == [f"T-{number}" for number in range(7)]


def test_order_and_fields_are_chosen(cast: Cast, api: Any) -> None:
    for number in (2, 1, 3):
        make_session(cast.account, external_id=f"O-{number}", started_at=f"2026-01-0{number}T00:00:00Z")
    body = api(cast.carol).get(f"{SESSIONS}?ordering=started_at&fields=external_id").json()
    assert body["results"] == [{"external_id": f"O-{number}"} for number in (1, 2, 3)]
    for query, parameter in (("ordering=technician__password", "ordering"), ("fields=id,account_id", "fields")):
        refused = api(cast.carol).get(f"{SESSIONS}?{query}")
        assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (400, parameter)


def test_other_methods_are_refused(cast: Cast, api: Any) -> None:
    session = make_session(cast.account)
    for method in ("put", "patch", "delete"):
        response = getattr(api(cast.olivia), method)(f"{SESSIONS}{session.pk}/", {})
        assert response.status_code in {403, 405}
        assert response.json()["code"] in {"permission_denied", "method_not_allowed"}
    assert AISession.objects.exists()


def test_sending_many_asks_the_database_little(cast: Cast, api: Any) -> None:
    def queries(count: int) -> int:
        body = json.dumps([record(f"{count}-{n}") for n in range(count)]).encode()
        with CaptureQueriesContext(connection) as captured:
            assert send(api(cast.bob), body).status_code == 201
        return len(captured)

    send(api(cast.bob), json.dumps(record("warm")).encode())
    assert queries(5) == queries(300)
