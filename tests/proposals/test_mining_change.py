"""What sessions that left a flow would add to it."""

from proposals.mining.change import FlowChange, change_flow
from proposals.mining.records import Record, Step
from proposals.mining.replay import FlowReader
from tests.factories import definition

FLOW = definition(question="Does the VPN client connect?", yes="Restart the router")


def session(key: str, *steps: Step, status: str = "resolved") -> Record:
    return Record(key, status, "VPN", "VPN does not connect", None, "", steps, None, f"client {key}", f"tech {key}")


def asked(index: int, prompt: str, answer: str | None, response: str | None = None, *options: str) -> Step:
    return Step("question", prompt, options or ("Yes", "No"), answer, response, index)


def did(index: int, prompt: str, answer: str = "Done") -> Step:
    return Step("action", prompt, ("Done",), answer, None, index)


def change(records: list[Record]) -> FlowChange | None:
    reader = FlowReader(FLOW)
    return change_flow(FLOW, None, [(record, reader.replay(record)) for record in records])


def updates(count: int, start: int = 0) -> list[Record]:
    """Sessions that leave at the first question by an answer of their own, and agree on what helps."""
    return [
        session(
            str(n),
            asked(0, "Does the VPN client connect?", None, "It asks for an update first"),
            did(1, "Install the client update from the portal"),
        )
        for n in range(start, start + count)
    ]


def labels(found: FlowChange, node: str = "n1") -> list[str]:
    return [o["label"] for n in found.definition["nodes"] if n["id"] == node for o in n["options"]]


def test_agreement_becomes_one_branch_with_its_evidence() -> None:
    found = change(updates(4))
    assert found is not None
    assert labels(found) == ["Yes", "No", "It asks for an update first"]
    assert found.sessions == ["0", "1", "2", "3"]
    assert ("2", 0) in found.evidence["n1"]
    new = next(n for n in found.definition["nodes"] if "update from the portal" in n["text"])
    assert ("2", 1) in found.evidence[new["id"]]


def test_too_few_change_nothing() -> None:
    assert change(updates(2)) is None


def test_leaving_the_same_way_for_different_things_is_no_agreement() -> None:
    others = [
        session(f"x{n}", asked(0, "Does the VPN client connect?", None, f"Something odd number {n}"), did(1, prompt))
        for n, prompt in enumerate(
            ["Reinstall the network driver", "Move the laptop to the guest network", "Clear the browser cache"]
        )
    ]
    assert change(others) is None


def test_a_stray_session_does_not_join_a_branch() -> None:
    stray = session(
        "stray",
        asked(0, "Does the VPN client connect?", None, "The screen is black"),
        did(1, "Replace the monitor cable"),
    )
    found = change([*updates(4), stray])
    assert found is not None
    assert "stray" not in found.sessions
    assert len(labels(found)) == 3


def test_two_agreements_are_two_branches() -> None:
    certificates = [
        session(
            f"c{n}",
            asked(0, "Does the VPN client connect?", None, "Certificate is out of date"),
            did(1, "Issue a new certificate from the authority"),
        )
        for n in range(4)
    ]
    found = change([*updates(4), *certificates])
    assert found is not None
    assert len(labels(found)) == 4
    assert len(found.sessions) == 8


def test_a_dead_end_that_was_answered_is_retargeted() -> None:
    answered = [
        session(str(n), asked(0, "Does the VPN client connect?", "No"), did(1, "Renew the user's certificate"))
        for n in range(4)
    ]
    found = change(answered)
    assert found is not None
    assert labels(found) == ["Yes", "No"]
    by_id = {n["id"]: n for n in found.definition["nodes"]}
    target = by_id[by_id["n1"]["options"][1]["next"]]
    assert "certificate" in target["text"]
    assert "n4" not in by_id, "the escalation that nothing leads to any more is gone"


def test_the_changed_flow_takes_the_sessions_to_their_end() -> None:
    found = change(updates(4))
    assert found is not None
    reader = FlowReader(found.definition, found.examples)
    assert {reader.replay(record).outcome for record in updates(3, start=10)} == {"resolution"}


def test_the_flow_itself_is_left_alone() -> None:
    before = repr(FLOW)
    change(updates(4))
    assert repr(FLOW) == before
