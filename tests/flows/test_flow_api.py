"""`/api/v1/flows/` and the schema of a definition."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.mermaid import to_mermaid
from flowpilot.flows.models import Flow
from flowpilot.flows.portable import read_portable
from flowpilot.flows.services import flow_version_publish
from flowpilot.flows.upkeep import flow_archive, flow_update
from tests.conftest import Cast
from tests.factories import definition, make_flow

FLOWS = "/api/v1/flows/"


def test_the_list_and_one_flow_with_its_current_definition(cast: Cast, api: Any) -> None:
    flow = make_flow(cast.account, description="When the tunnel is down").flow
    flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
    bob = api(cast.bob)
    [row] = bob.get(FLOWS).json()["results"]
    assert (row["key"], row["version"], row["description"]) == ("vpn", 2, "When the tunnel is down")
    assert "definition" not in row
    assert bob.get(f"{FLOWS}{flow.pk}/").json()["definition"] == definition(yes="Wait")


def test_a_flow_without_a_version(cast: Cast, api: Any) -> None:
    flow = Flow.objects.create(account=cast.account, key="empty", title="Empty")
    body = api(cast.bob).get(f"{FLOWS}{flow.pk}/").json()
    assert (body["version"], body["definition"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "found"),
    [("key=vpn", {"vpn"}), ("status=archived", {"old"}), ("problem_domain=email", {"old"}), ("key=x", set())],
)
def test_filters(cast: Cast, api: Any, query: str, found: set[str]) -> None:
    make_flow(cast.account, title="VPN")
    old = make_flow(cast.account, title="Old", problem_domain="email")
    Flow.objects.filter(pk=old.flow_id).update(status="archived")
    assert {row["key"] for row in api(cast.bob).get(f"{FLOWS}?{query}").json()["results"]} == found


def test_the_schema_of_a_definition_is_json_schema(cast: Cast, api: Any) -> None:
    schema = api(cast.bob).get("/api/v1/definition-schema/").json()
    assert {"schema_version", "root", "nodes"} <= set(schema["properties"])
    assert schema["type"] == "object"


def two_versions(cast: Cast) -> Flow:
    flow = make_flow(cast.account, problem_domain="networking").flow
    flow_version_publish(
        actor=cast.alice,
        flow=flow,
        base_number=1,
        definition=definition(yes="Wait"),
        note="Slower",
        confidence_score=0.5,
    )
    return flow


def test_the_owner_and_the_day_of_the_next_review(cast: Cast, api: Any) -> None:
    flow = two_versions(cast)
    flow_update(actor=cast.alice, flow_id=flow.pk, title="VPN", owner=cast.olivia, review_by=date(2031, 2, 3))
    [row] = api(cast.bob).get(FLOWS).json()["results"]
    assert (row["owner"], row["review_by"]) == ("olivia@northwind.test", "2031-02-03")


def test_filters_of_owner_and_review(cast: Cast, api: Any) -> None:
    today = timezone.localdate()
    for key, owner, review_by in (
        ("late", cast.olivia, today - timedelta(days=1)),
        ("today", cast.alice, today),
        ("never", None, None),
        ("old", cast.olivia, today - timedelta(days=1)),
    ):
        flow = make_flow(cast.account, title=key).flow
        flow_update(actor=None, flow_id=flow.pk, title=key, owner=owner, review_by=review_by)
        if key == "old":
            flow_archive(actor=None, flow_id=flow.pk, reason="Old")
    bob = api(cast.bob)
    for query, found in (
        ("overdue=true", {"late"}),
        ("overdue=false", {"today", "never", "old"}),
        ("owner=OLIVIA@northwind.test", {"late", "old"}),
        ("owner=mallory@contoso.test", set()),
        ("owner=olivia", set()),
        ("owner=olivia@northwind.test&status=published", {"late"}),
    ):
        assert {row["key"] for row in bob.get(f"{FLOWS}?{query}").json()["results"]} == found, query


def test_the_versions_newest_first(cast: Cast, api: Any) -> None:
    flow = two_versions(cast)
    new, old = api(cast.bob).get(f"{FLOWS}{flow.pk}/versions/").json()
    assert (new["number"], new["note"], new["created_by"], new["confidence_score"]) == (
        2,
        "Slower",
        "alice@northwind.test",
        0.5,
    )
    assert (old["number"], old["created_by"]) == (1, None)
    assert "definition" not in new


def test_the_difference_of_two_versions(cast: Cast, api: Any) -> None:
    flow, bob = two_versions(cast), api(cast.bob)
    flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition("Is it on?"))
    body = bob.get(f"{FLOWS}{flow.pk}/diff/?from=1&to=2").json()
    assert body == {
        "from_version": 1,
        "to_version": 2,
        "summary": diff_definitions(definition(), definition(yes="Wait")).summary(),
        "sentences": ["The action “Restart the router” reads “Wait” now."],
        "diff": diff_definitions(definition(), definition(yes="Wait")).to_json(),
    }
    for query, pair in (
        ("", (2, 3)),
        ("?to=2", (1, 2)),
        ("?from=1", (1, 3)),
        ("?from=3&to=1", (3, 1)),
        ("?to=1", (1, 1)),
    ):
        found = bob.get(f"{FLOWS}{flow.pk}/diff/{query}").json()
        assert (found["from_version"], found["to_version"]) == pair
    assert (found["summary"], found["sentences"], found["diff"]) == ("Nothing changed.", [], {})


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [("9", 404, "not_found"), ("0", 404, "not_found"), ("9" * 400, 404, "not_found"), ("x", 400, "invalid"),
     ("-1", 400, "invalid"), ("1.5", 400, "invalid"), ("%00", 400, "invalid"), ("²", 400, "invalid")],
)  # fmt: skip
def test_bad_version_numbers(cast: Cast, api: Any, number: str, status: int, code: str) -> None:
    flow, bob = two_versions(cast), api(cast.bob)
    chart = f"export/?format=mermaid&version={number}"
    for path in (f"diff/?from={number}", f"diff/?to={number}", f"export/?version={number}", chart):
        response = bob.get(f"{FLOWS}{flow.pk}/{path}")
        assert (response.status_code, response.json()["code"]) == (status, code), path


def test_a_flow_without_a_version_has_nothing_to_compare_or_to_export(cast: Cast, api: Any) -> None:
    flow = Flow.objects.create(account=cast.account, key="empty", title="Empty")
    for path in ("diff/", "export/", "export/?format=mermaid"):
        response = api(cast.bob).get(f"{FLOWS}{flow.pk}/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert api(cast.bob).get(f"{FLOWS}{flow.pk}/versions/").json() == []


def test_an_export_is_what_import_reads(cast: Cast, api: Any) -> None:
    flow, bob = two_versions(cast), api(cast.bob)
    response = bob.get(f"{FLOWS}{flow.pk}/export/")
    portable, faults = read_portable(response.content)
    assert faults == []
    assert portable is not None
    assert (portable.key, portable.version, portable.definition) == ("vpn", 2, definition(yes="Wait"))
    assert portable.to_json() == response.json()
    old = bob.get(f"{FLOWS}{flow.pk}/export/?format=json&version=1").json()
    assert (old["version"], old["definition"]) == (1, definition())


def test_an_export_as_mermaid(cast: Cast, api: Any) -> None:
    flow, bob = two_versions(cast), api(cast.bob)
    named = bob.get(f"{FLOWS}{flow.pk}/export/?format=mermaid&version=1")
    asked = bob.get(f"{FLOWS}{flow.pk}/export/?version=1", headers={"accept": "text/vnd.mermaid"})
    for response in (named, asked):
        assert response["Content-Type"] == "text/vnd.mermaid; charset=utf-8"
        assert response.content.decode() == to_mermaid(definition())
    assert bob.get(f"{FLOWS}{flow.pk}/export/?format=xml").status_code == 404


@pytest.mark.parametrize("path", ["", "versions/", "diff/", "export/", "export/?format=mermaid"])
def test_another_accounts_flow_is_not_found(cast: Cast, api: Any, path: str) -> None:
    flow = two_versions(cast)
    assert api(cast.carol).get(f"{FLOWS}{flow.pk}/{path}").status_code == 200
    response = api(cast.mallory).get(f"{FLOWS}{flow.pk}/{path}")
    assert response.status_code == 404
    assert "VPN" not in response.content.decode()
    assert api(None).get(f"{FLOWS}{flow.pk}/{path}").status_code in (401, 403)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_is_written_here(cast: Cast, api: Any, method: str) -> None:
    flow = two_versions(cast)
    for path in ("", f"{flow.pk}/", f"{flow.pk}/versions/", f"{flow.pk}/diff/", f"{flow.pk}/export/"):
        assert getattr(api(cast.olivia), method)(FLOWS + path, {"title": "x"}).status_code in (403, 405)
    flow.refresh_from_db()
    assert (flow.title, flow.versions.count()) == ("VPN", 2)
