"""Whole flows mined from sessions: their shape, their evidence, their validity."""

from typing import Any

import pytest

from flowpilot.flows.validation import validate_definition
from proposals.mining import Record, engine, mine, mine_topic, record_from_json
from tests.proposals.mining_cases import (
    action,
    follow,
    mined,
    network_talks,
    node_asking,
    printer_talks,
    question,
    structured,
    structured_vpn,
    talk,
)


def test_a_tree_of_talks_is_found_again() -> None:
    flow = mined(network_talks())
    cable = flow.definition["nodes"][0]
    assert "cable" in cable["text"]
    assert {option["label"] for option in cable["options"]} == {"Yes", "No"}
    light = follow(flow.definition, cable, "Yes")
    assert "light" in light["text"]
    assert "repair tool" in follow(flow.definition, light, "Yes")["text"]
    assert "wall port" in follow(flow.definition, light, "No")["text"]
    assert "click" in follow(flow.definition, cable, "No")["text"]
    assert len(flow.definition["nodes"]) == 5


def test_farewells_are_no_nodes_and_ends_are_resolutions() -> None:
    flow = mined(network_talks())
    assert not any("Glad" in node["text"] for node in flow.definition["nodes"])
    assert {node["kind"] for node in flow.definition["nodes"] if not node.get("options")} == {"resolution"}


def test_every_node_and_option_names_the_steps_it_rests_on() -> None:
    records = network_talks()
    flow = mined(records)
    by_key = {record.key: record for record in records}
    root = flow.definition["nodes"][0]
    assert len(flow.evidence[root["id"]]) == len(records)
    assert all((by_key[key].transcript or ())[index].role == "agent" for key, index in flow.evidence[root["id"]])
    split = flow.option_evidence[root["id"]]
    assert sorted(len(places) for places in split.values()) == [6, 12]
    assert flow.answer_examples[root["id"]].keys() == split.keys()


def test_options_keep_the_technicians_labels_and_escalations_end_as_such() -> None:
    flow = mined(structured_vpn())
    expired = node_asking(flow.definition, "expired")
    assert {option["label"] for option in expired["options"]} == {"Yes", "No"}
    assert follow(flow.definition, expired, "No") | {"id": ""} == {
        "id": "",
        "kind": "escalation",
        "text": "Handed to the network team.",
    }


def test_other_words_with_the_same_options_are_one_question() -> None:
    choices = ("Ethernet", "Wireless", "Docking station")
    cures = ("Swap the cable.", "Forget the network and join it again.", "Update its firmware.")
    asked = ("How are you connected?", "Which kind of link does the laptop use?")
    records = [
        structured(
            f"s-{i}",
            [question(asked[i % 2], choices[i // 2 % 3], choices), action(cures[i // 2 % 3])],
            problem_summary="Laptop without network.",
        )
        for i in range(18)
    ]
    flow = mined(records)
    assert [node["id"] for node in flow.definition["nodes"] if node["kind"] == "question"] == ["n1"]
    assert {option["label"] for option in flow.definition["nodes"][0]["options"]} == set(choices)


def test_a_stock_phrase_is_another_node_after_each_step() -> None:
    records = [
        structured(
            f"s-{i}",
            [
                action("Restart the router.", "Done"),
                question("Did that help?", "No"),
                action("Replace the cable.", "Done"),
                question("Did that help?", "Yes" if i % 2 else "No"),
                *([] if i % 2 else [action("Order a new router.")]),
            ],
        )
        for i in range(10)
    ]
    flow = mined(records)
    assert sum(node["text"] == "Did that help?" for node in flow.definition["nodes"]) == 2


def test_checks_made_at_any_time_are_no_nodes() -> None:
    records = []
    for i, record in enumerate(structured_vpn(30)):
        steps = [{"kind": s.kind, "prompt": s.prompt, "selected_option": s.selected_option} for s in record.steps]
        if i % 5 == 0:
            steps.insert(i // 5 % len(steps), {"kind": "script", "prompt": "Ran the inventory script."})
        records.append(structured(record.key, steps, status=record.status, problem_summary="VPN fails."))
    flow = mined(records)
    assert not any("inventory" in node["text"] for node in flow.definition["nodes"])


def test_one_stray_session_adds_no_branch() -> None:
    stray = talk("stray", "No network.", "Is the network cable plugged in?", "Yes.", "Sing to the router.", "Thanks.")
    flow = mined([*network_talks(), stray])
    assert not any("Sing" in node["text"] for node in flow.definition["nodes"])
    assert "stray" in flow.sessions


def test_a_single_session_gives_a_flow() -> None:
    flow = mined(network_talks(2)[1:])
    assert validate_definition(flow.definition) == []
    assert [node["kind"] for node in flow.definition["nodes"]] == ["question", "question", "resolution"]


def test_each_topic_gives_a_flow_and_order_does_not_matter() -> None:
    records = network_talks() + printer_talks() + structured_vpn()
    flows = mine(records)
    assert len(flows) == 3
    assert [flow.definition for flow in flows] == [flow.definition for flow in mine(list(records))]
    assert sorted(key for flow in flows for key in flow.sessions) == sorted(record.key for record in records)


LONG = "The adapter " + "and again " * 1200
JUNK: list[dict[str, Any]] = [
    {"external_id": "empty", "steps": []},
    {"external_id": "silent", "transcript": []},
    {"external_id": "blank", "steps": [{"prompt": "   "}]},
    {"external_id": "notes", "steps": [{"kind": "note", "prompt": "Called."}]},
    {"external_id": "emoji", "steps": [{"prompt": "🔥🔥🔥", "selected_option": "👍"}, {"prompt": "💧"}]},
    {"external_id": "zh", "steps": [{"prompt": "电脑能上网吗", "selected_option": "不能"}, {"prompt": "重启路由器"}]},
    {"external_id": "de", "steps": [{"prompt": "Leuchtet die grüne Lampe?", "response": "Nein"}]},
    {"external_id": "long", "steps": [{"prompt": LONG, "response": LONG}, {"kind": "action", "prompt": LONG}]},
    {"external_id": "loop", "steps": [{"prompt": p} for p in "ABABAB"]},
    {"external_id": "user only", "transcript": [{"role": "user", "text": "Help!"}]},
    {"external_id": "lonely", "transcript": [{"role": "agent", "text": "Hello?"}]},
]


@pytest.mark.parametrize("obj", JUNK, ids=[str(obj["external_id"]) for obj in JUNK])
def test_odd_sessions_alone_give_a_valid_flow_or_none(obj: Any) -> None:
    flow = mine_topic([record_from_json(obj)])
    assert flow is None or validate_definition(flow.definition) == []


def test_odd_sessions_among_others_spoil_nothing() -> None:
    records = network_talks() + [record_from_json(obj) for obj in JUNK]
    flows = mine(records)
    assert all(validate_definition(flow.definition) == [] for flow in flows)
    assert any({f"net-{i}" for i in range(18)} <= set(flow.sessions) for flow in flows)


def test_more_wordings_than_are_compared_are_placed_on_the_sampled_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mined(network_talks(36)).definition
    monkeypatch.setattr(engine, "MOST_WORDINGS", 14)
    flow = mined(network_talks(36))
    assert len(flow.definition["nodes"]) == len(whole["nodes"])
    assert len(flow.evidence["n1"]) == 36


def joins(i: int, *, told: bool) -> Record:
    """A session at whose end the user joins the network; `told` whether the closing words were kept."""
    asked = question("Is the old profile still listed?", "Yes" if i % 2 else "No")
    again = ("Forget the network and join it.", "Join the network.")[i % 2 == 0]
    step = action(again, ("Connected.", "Connected")[i % 3 == 0])
    ending = [action("The saved profile was out of date; it holds now.", "Thanks.")] if told else []
    summary = ("Old profile removed.", "Joined anew.")[i % 2]
    return structured(f"j-{i}", [asked, step, *ending], problem_summary="No Wi-Fi.", resolution_summary=summary)


def test_sessions_that_stop_at_an_answer_took_the_ending_of_the_same_answer() -> None:
    flow = mined([joins(i, told=i >= 6) for i in range(24)])
    endings = [node for node in flow.definition["nodes"] if node["kind"] == "resolution"]
    assert [node["text"] for node in endings] == ["The saved profile was out of date; it holds now."]
    assert len(flow.evidence[endings[0]["id"]]) == 18
    joined = [node for node in flow.definition["nodes"] if node["kind"] == "action"]
    assert [len(node["options"]) for node in joined] == [1] * len(joined)
    assert sum(len(places) for node in joined for places in flow.option_evidence[node["id"]].values()) == 24


def test_an_answer_that_no_other_session_ends_is_told_by_the_summary() -> None:
    def session(i: int) -> Record:
        picked = ("Red", "Green")[i % 2]
        steps = [question("Which light is on?", picked, ("Red", "Green"))]
        if picked == "Green":
            steps.append(action("The printer is ready, print again."))
        summary = "Printer swapped." if picked == "Red" else "Printed again."
        return structured(f"l-{i}", steps, problem_summary="Printer lamp.", resolution_summary=summary)

    flow = mined([session(i) for i in range(16)])
    root = node_asking(flow.definition, "Which light")
    assert follow(flow.definition, root, "Red")["text"] == "Printer swapped."
    assert follow(flow.definition, root, "Green")["text"] == "The printer is ready, print again."


def test_a_check_on_a_named_machine_is_no_node_wherever_it_is_made() -> None:
    records = []
    for i, record in enumerate(structured_vpn(30)):
        steps = [{"kind": s.kind, "prompt": s.prompt, "selected_option": s.selected_option} for s in record.steps]
        if i % 4 == 0:
            ran: dict[str, str | None] = {
                "kind": "script",
                "prompt": f"Ran Get-Health.ps1 on FAB-LT-{100 + i}.",
                "response": "Fine.",
            }
            steps.insert(1 + i // 4 % len(steps), ran)
        records.append(structured(record.key, steps, status=record.status, problem_summary="VPN fails."))
    assert not any("Get-Health" in node["text"] for node in mined(records).definition["nodes"])


def test_what_a_session_calls_help_is_help_in_a_transcript() -> None:
    told = "No, only a restart really starts it afresh."
    records = [
        talk(f"t-{i}", "PC slow.", "When was it restarted?", "Days ago, I shut it down.", told, "Then days ago.",
             "Restart it now.", "Quick again.") for i in range(4)
    ]  # fmt: skip
    steps = [question("When was it restarted?", "Days ago", ("Today", "Days ago")), action("Restart it now.")]
    helped = [steps[0], {"kind": "help", "prompt": told, "response": "Is off not the same?"}, steps[1]]
    records += [structured(f"s-{i}", helped, problem_summary="PC slow.") for i in range(6)]
    flow = mined(records)
    assert not any(told in node["text"] for node in flow.definition["nodes"])
    assert [option["label"] for option in flow.definition["nodes"][0]["options"]] == ["Days ago"]


@pytest.mark.parametrize("said", ["Works again, thanks for the quick help.", "Brilliant, I can get on with my day."])
def test_a_statement_that_mostly_ends_sessions_is_the_ending(said: str) -> None:
    goodbyes = ("Good. You get a survey by mail, bye for now.", "You are welcome. Call us if it comes back.")
    records = []
    for i in range(16):
        turns = ["No Wi-Fi.", "Is flight mode on?", ("Yes, it was on.", "No, it is off.")[i % 2]]
        turns += [("Switch it off.", "Reset the adapter.")[i % 2], "Done.", "Wi-Fi is up again after that."]
        turns.append(said)
        records.append(talk(f"w-{i}", *turns, *([goodbyes[i // 3 % 2]] if i % 3 == 0 else [])))
    flow = mined(records)
    assert node_asking(flow.definition, "up again")["kind"] == "resolution"
    assert not any("bye" in node["text"] or "welcome" in node["text"] for node in flow.definition["nodes"])
