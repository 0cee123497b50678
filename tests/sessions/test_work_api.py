"""Sessions worked over the API: the runner's services, on what the client has read."""

from typing import Any

import pytest

from flowpilot.flows.models import FlowVersion
from sessions.models import AISession, Handover
from tests.conftest import Cast
from tests.factories import make_flow, make_session, make_worked

SESSIONS = "/api/v1/sessions/"


class Worker:
    """A client that works one session, naming by `If-Match` what it has read."""

    def __init__(self, client: Any, started: Any) -> None:
        assert started.status_code == 201, started.content
        self.client, self.tag, self.body = client, started["ETag"], started.json()

    def send(self, act: str, **said: Any) -> Any:
        url = f"{SESSIONS}{self.body['id']}/{act}/"
        answer = self.client.post(url, said, format="json", headers={"If-Match": self.tag})
        if answer.status_code == 200:
            self.tag, self.body = answer["ETag"], answer.json()
        return answer


def start(caller: Any, **said: Any) -> Worker:
    said = {"problem": "The VPN does not connect\nsince noon", **said}
    return Worker(caller, caller.post(f"{SESSIONS}start/", said, format="json"))


@pytest.fixture
def version(cast: Cast) -> FlowVersion:
    return make_flow(cast.account)


def test_a_guided_session_from_its_start_to_its_end(cast: Cast, api: Any, version: FlowVersion) -> None:
    worker = start(api(cast.bob), flow=version.flow_id, client="Acme", psa_system="halopsa", psa_ticket_id="7")
    began = worker.body
    assert (began["title"], began["status"], began["client"], began["flow"]) == (
        "The VPN does not connect", "active", "Acme", "vpn",
    )  # fmt: skip
    assert (began["node_id"], began["flow_version"], began["technician"]) == ("n1", 1, cast.bob.email)
    assert (began["is_worked_here"], began["psa_ticket_id"], began["steps"]) == (True, "7", [])
    worker.send("answer", node="n1", option="o1", response="but slowly")
    worker.send("steps", kind="note", prompt="A new laptop")
    worker.send("steps", prompt="Replace the cable", response="no change")
    worker.send("answer", node="n2", option="o1")
    assert worker.body["node_id"] == "n3"
    ended = worker.send("resolve", summary="The router was restarted").json()
    assert (ended["status"], ended["resolution_summary"], ended["revision"]) == (
        "resolved", "The router was restarted", worker.body["revision"],
    )  # fmt: skip
    assert [(s["kind"], s["prompt"], s["selected_option"], s["response"]) for s in ended["steps"]] == [
        ("question", "Does the VPN client connect?", "Yes", "but slowly"),
        ("note", "A new laptop", None, None),
        ("action", "Replace the cable", None, "no change"),
        ("action", "Restart the router", "Done", None),
    ]
    again = worker.send("resolve", summary="Twice")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_none_of_the_answers_fits(cast: Cast, api: Any, version: FlowVersion) -> None:
    worker = start(api(cast.bob), flow=version.flow_id)
    mute = worker.send("answer", node="n1")
    assert (mute.status_code, mute.json()["errors"][0]["pointer"]) == (400, "/option")
    worker.send("answer", node="n1", response="It asks for a certificate")
    assert worker.body["node_id"] == ""
    assert worker.body["steps"][0]["response"] == "It asks for a certificate"
    note = worker.send("steps", kind="note", prompt="x", response="y")
    assert (note.status_code, note.json()["errors"][0]["pointer"]) == (400, "/response")


def test_a_paused_session_takes_no_step(cast: Cast, api: Any) -> None:
    worker = start(api(cast.bob))
    assert worker.send("pause").json()["status"] == "paused"
    assert worker.send("steps", prompt="x").status_code == 409
    assert worker.send("resume").json()["status"] == "active"
    assert worker.send("steps", prompt="x").status_code == 200
    assert worker.send("abandon").json()["status"] == "abandoned"


def test_what_has_gone_on_elsewhere_is_412_with_where_it_stands(cast: Cast, api: Any, version: FlowVersion) -> None:
    here = start(api(cast.bob), flow=version.flow_id)
    there = Worker(here.client, here.client.post(f"{SESSIONS}start/", {"problem": "x"}, format="json"))
    there.tag, there.body = here.tag, here.body
    there.send("answer", node="n1", option="o1")
    for act, said in (
        ("answer", {"node": "n1", "option": "o1"}), ("steps", {"prompt": "x"}), ("pause", {}), ("resume", {}),
        ("resolve", {"summary": "x"}), ("escalate", {"reason": "x"}), ("abandon", {}),
    ):  # fmt: skip
        stale = here.send(act, **said)
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed"), act
        assert stale.json()["details"] == {
            "your_revision": 0, "current_revision": 1, "status": "active", "node_id": "n2",
        }, act  # fmt: skip
    by_body = here.client.post(f"{SESSIONS}{here.body['id']}/pause/", {"revision": 0}, format="json")
    assert (by_body.status_code, by_body.json()["details"]["current_revision"]) == (409, 1)
    assert AISession.objects.get(pk=here.body["id"]).steps.count() == 1


@pytest.mark.parametrize(
    ("said", "receiver"),
    [({}, (None, None)), ({"to_user": "ALICE@northwind.test"}, ("Alice", None)),
     ({"to_team": "Service Desk"}, (None, "Service Desk"))],
)  # fmt: skip
def test_a_handover(cast: Cast, api: Any, said: Any, receiver: Any) -> None:
    worker = start(api(cast.bob))
    assert worker.send("escalate", reason="No access", **said).json()["status"] == "escalated"
    given = Handover.objects.get()
    assert tuple(str(one) if one else None for one in (given.to_user, given.to_team)) == receiver


@pytest.mark.parametrize(
    ("said", "pointers"),
    [({"to_user": "mallory@contoso.test"}, ["/to_user"]), ({"to_user": "carol@northwind.test"}, ["/to_user"]),
     ({"to_team": "Nowhere"}, ["/to_team"]),
     ({"reason": ""}, ["/reason"])],
)  # fmt: skip
def test_a_handover_to_nobody_changes_nothing(cast: Cast, api: Any, said: Any, pointers: list[str]) -> None:
    worker = start(api(cast.bob))
    refused = worker.send("escalate", **{"reason": "No access", **said})
    assert (refused.status_code, [one["pointer"] for one in refused.json()["errors"]]) == (400, pointers)
    assert AISession.objects.get(pk=worker.body["id"]).status == "active"


def test_what_cannot_be_started(cast: Cast, api: Any, version: FlowVersion) -> None:
    bob = api(cast.bob)
    foreign = make_flow(cast.other_account, title="Theirs")
    for said, status in (
        ({"problem": ""}, 400), ({"problem": "x\x00"}, 400), ({"problem": "x" * 20_001}, 400),
        ({"problem": "x", "flow": foreign.flow_id}, 404), ({"problem": "x", "flow": 987_654_321}, 404),
    ):  # fmt: skip
        assert bob.post(f"{SESSIONS}start/", said, format="json").status_code == status, said
    assert api(cast.carol).post(f"{SESSIONS}start/", {"problem": "x"}, format="json").status_code == 403
    assert not AISession.objects.exists()


def test_a_record_is_only_read(cast: Cast, api: Any) -> None:
    session = make_session(cast.account)
    body = api(cast.bob).get(f"{SESSIONS}{session.pk}/").json()
    assert (body["is_worked_here"], len(body["steps"])) == (False, 2)
    refused = api(cast.bob).post(f"{SESSIONS}{session.pk}/steps/", {"revision": 0, "prompt": "x"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


def test_a_session_of_another_account_is_absent(cast: Cast, api: Any) -> None:
    theirs = make_worked(cast.mallory, cast.other_account)
    assert api(cast.bob).post(f"{SESSIONS}{theirs.pk}/pause/", {"revision": 0}, format="json").status_code == 404
