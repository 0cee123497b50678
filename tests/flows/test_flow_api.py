"""`/api/v1/flows/` and the schema of a definition."""

from typing import Any

import pytest

from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_version_publish
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
