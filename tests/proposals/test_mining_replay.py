"""Replay is honest, and works for mined and for hand-written flows."""

from typing import Any

import pytest

from proposals.mining import FlowIndex, FlowReader, FlowReplayer, FlowSource, Replay
from tests.proposals.mining_cases import (
    action,
    mined,
    network_talks,
    printer_talks,
    question,
    structured,
    structured_vpn,
    talk,
)

WRITTEN = {
    "schema_version": 1,
    "root": "a",
    "nodes": [
        {
            "id": "a",
            "kind": "question",
            "text": "Can the user open web mail?",
            "options": [{"id": "y", "label": "Yes", "next": "b"}, {"id": "n", "label": "No", "next": "c"}],
        },
        {
            "id": "b",
            "kind": "action",
            "text": "Make a new Outlook profile.",
            "options": [
                {"id": "w", "label": "Worked", "next": "d"},
                {"id": "f", "label": "Did not help", "next": "e"},
            ],
        },
        {"id": "c", "kind": "resolution", "text": "Reset the password."},
        {"id": "d", "kind": "resolution", "text": "Outlook uses the new profile."},
        {"id": "e", "kind": "escalation", "text": "Escalate to the mail team."},
    ],
}


def replay(*steps: dict[str, Any], status: str = "resolved") -> Replay:
    return FlowReader(WRITTEN).replay(structured("r", steps, status=status))


def test_follows_the_options_of_a_written_flow() -> None:
    result = replay(question("Can the user open web mail?", "Yes"), action("Make a new Outlook profile.", "Worked"))
    assert (result.outcome, result.end_node, result.coverage) == ("resolution", "d", 1.0)
    assert result.path == (("a", "y", 0), ("b", "w", 1), ("d", None, -1))


def test_reads_free_answers_and_other_wordings_of_a_written_flow() -> None:
    result = replay(
        {"kind": "question", "prompt": "Does web mail open for the user?", "response": "Yes, it opens."},
        action("Please make a new profile in Outlook.", "It did not help at all."),
    )
    assert (result.outcome, result.end_node) == ("escalation", "e")


@pytest.mark.parametrize(
    ("steps", "outcome", "left_at"),
    [
        ([question("Can the user open web mail?", None)], "unfinished", "a"),
        ([question("Can the user open web mail?", "Yes")], "unfinished", "a"),
        ([question("Can the user open web mail?", "Purple")], "left", "a"),
        ([question("Is the toner empty?", "No")], "not_applicable", None),
        ([], "not_applicable", None),
        (
            [question("Can the user open web mail?", "Yes"), question("Is the toner empty?", "No")],
            "left",
            "a",
        ),
        (
            [question("Can the user open web mail?", "No"), question("Is the toner empty?", "No"), action("Refill.")],
            "left",
            "a",
        ),
    ],
)
def test_says_where_a_session_leaves(steps: list[dict[str, Any]], outcome: str, left_at: str | None) -> None:
    result = replay(*steps)
    assert (result.outcome, result.left_at, result.end_node) == (outcome, left_at, None)


def test_never_looks_ahead() -> None:
    """The answer decides the branch even where the next prompt shows that another was taken."""
    result = replay(question("Can the user open web mail?", "No"), action("Make a new Outlook profile.", "Worked"))
    assert result.path[0] == ("a", "n", 0)
    assert result.end_node != "d"


def test_replays_unseen_sessions_through_a_mined_flow() -> None:
    records = network_talks(36)
    flow = mined(records[:18])
    reader = FlowReader(flow.definition, flow.examples)
    unseen = talk(
        "u",
        "No network here.",
        "Is the network cable plugged in well?",
        "Yes, it is plugged in.",
        "Is the light of the port green?",
        "No, it is dark.",
    )
    result = reader.replay(unseen)
    texts = {node["id"]: node["text"] for node in flow.definition["nodes"]}
    assert "wall port" in texts[result.end_node]
    assert all(reader.replay(record).outcome == "resolution" for record in records[18:])


def test_examples_survive_json() -> None:
    flow = mined(structured_vpn())
    again = type(flow.examples).from_json(flow.examples.to_json())
    reader = FlowReader(flow.definition, again)
    assert [reader.replay(r).outcome for r in structured_vpn(3)] == ["resolution", "resolution", "escalation"]
    assert type(flow.examples).from_json(["junk"]) == type(flow.examples)()


def test_the_index_ranks_flows_by_problem_and_prompts() -> None:
    sources = {
        name: FlowSource((flow := mined(records)).definition, flow.examples, flow.title)
        for name, records in {"net": network_talks(), "prn": printer_talks(), "vpn": structured_vpn()}.items()
    }
    index = FlowIndex(sources | {"mail": FlowSource(WRITTEN, about="Outlook asks for a password")})
    assert index.match(printer_talks(1)[0])[0][0] == "prn"
    assert index.match(structured("m", [question("Can the user open web mail?", "No")]))[0][0] == "mail"
    assert len(index.match(network_talks(1)[0], limit=2)) <= 2
    assert FlowIndex({}).match(network_talks(1)[0]) == []


def test_the_replayer_picks_the_flow_that_explains_most() -> None:
    flows = {"net": mined(network_talks()), "prn": mined(printer_talks())}
    replayer = FlowReplayer({name: FlowSource(f.definition, f.examples, f.title) for name, f in flows.items()})
    stranger = structured("x", [question("Is the coffee hot?", "No")], problem_summary="Cold coffee")
    found = replayer.replay_all([*printer_talks(2), network_talks(1)[0], stranger])
    assert [(key, result.outcome) for key, result in found] == [
        ("prn", "resolution"),
        ("prn", "resolution"),
        ("net", "resolution"),
        (None, "not_applicable"),
    ]
