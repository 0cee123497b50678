"""Flows for a client that runs them itself: which one fits a problem, and one step after another."""

from typing import Any

import pytest

from flowpilot.flows.services import flow_version_publish
from sessions.models import AISession
from sessions.runner.guide import guide
from tests.conftest import Cast
from tests.factories import definition, make_flow

FLOWS = "/api/v1/flows/"
PROBLEM = "The VPN client does not connect from home"


def test_search_tells_what_the_runners_start_page_shows(cast: Cast, api: Any) -> None:
    flow = make_flow(cast.account).flow
    make_flow(cast.account, title="Printer", definition=definition("Is the printer on?", "Change its toner"))
    make_flow(cast.other_account, title="Their VPN")
    found = api(cast.bob).post(f"{FLOWS}search/", {"problem": PROBLEM}, format="json").json()["matches"]
    shown = guide().matches(cast.bob, cast.account.pk, PROBLEM)
    assert [(one["flow"], one["version"], one["score"], one["tier"]) for one in found] == [
        (match.version.flow_id, match.version.number, match.score, match.tier) for match in shown
    ]
    assert (found[0]["flow"], found[0]["key"]) == (flow.pk, "vpn")
    assert found[0]["why"]
    assert api(cast.bob).post(f"{FLOWS}search/", {"problem": "zzz"}, format="json").json() == {"matches": []}


@pytest.mark.parametrize("problem", ["", "x" * 20_001, "x\x00", None])
def test_a_problem_that_is_none(cast: Cast, api: Any, problem: Any) -> None:
    refused = api(cast.bob).post(f"{FLOWS}search/", {"problem": problem}, format="json")
    assert (refused.status_code, [one["pointer"] for one in refused.json()["errors"]]) == (400, ["/problem"])


def test_a_walk_to_the_end_keeps_nothing(cast: Cast, api: Any) -> None:
    flow, client = make_flow(cast.account).flow, api(cast.sam)

    def walk(**said: Any) -> Any:
        return client.post(f"{FLOWS}{flow.pk}/walk/", said, format="json").json()

    first = walk()
    assert first == {
        "flow": flow.pk, "version": 1, "node": definition()["nodes"][0], "is_end": False, "answered": None,
        "understood": True,
    }  # fmt: skip
    second = walk(node="n1", response="yes")
    assert (second["node"]["id"], second["answered"]["id"], second["is_end"]) == ("n2", "o1", False)
    third = walk(node="n2", option="o1")
    assert (third["node"]["text"], third["is_end"]) == ("It works again", True)
    assert not AISession.objects.exists()


def test_words_that_mean_none_of_the_answers(cast: Cast, api: Any) -> None:
    lamp = definition("Which colour is the lamp?")
    lamp["nodes"][0]["options"][0]["label"], lamp["nodes"][0]["options"][1]["label"] = "Red", "Green"
    flow = make_flow(cast.account, definition=lamp).flow
    for response, answered in (("it is red", "o1"), ("green!", "o2"), ("there is no lamp", None)):
        told = api(cast.bob).post(f"{FLOWS}{flow.pk}/walk/", {"response": response}, format="json").json()
        assert told["understood"] is (answered is not None), response
        assert (told["answered"] or {}).get("id") == answered
        assert answered or told["node"]["id"] == "n1"


def test_a_walk_stays_in_the_version_that_it_began_in(cast: Cast, api: Any) -> None:
    flow = make_flow(cast.account).flow
    flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
    url, client = f"{FLOWS}{flow.pk}/walk/", api(cast.bob)
    for version, text in ((1, "Restart the router"), (2, "Wait"), (None, "Wait")):
        said = {"node": "n1", "option": "o1", **({"version": version} if version else {})}
        assert client.post(url, said, format="json").json()["node"]["text"] == text
    assert client.post(url, {"version": 3}, format="json").status_code == 404


@pytest.mark.parametrize(
    ("said", "pointer"),
    [({"node": "n9"}, "/node"), ({"node": "n1", "option": "o9"}, "/option"), ({"node": "n3", "option": "o1"}, "/node"),
     ({"node": "n3", "response": "yes"}, "/node"), ({"version": 0}, "/version"), ({"node": "n" * 41}, "/node")],
)  # fmt: skip
def test_where_nothing_leads(cast: Cast, api: Any, said: Any, pointer: str) -> None:
    flow = make_flow(cast.account).flow
    refused = api(cast.bob).post(f"{FLOWS}{flow.pk}/walk/", said, format="json")
    assert (refused.status_code, [one["pointer"] for one in refused.json()["errors"]]) == (400, [pointer])


def test_one_version_with_its_definition(cast: Cast, api: Any) -> None:
    flow = make_flow(cast.account, note="First").flow
    flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
    first = api(cast.carol).get(f"{FLOWS}{flow.pk}/versions/1/").json()
    assert (first["number"], first["note"], first["definition"]) == (1, "First", definition())
    assert api(cast.carol).get(f"{FLOWS}{flow.pk}/versions/3/").status_code == 404
    assert api(cast.mallory).get(f"{FLOWS}{flow.pk}/versions/1/").status_code == 404
