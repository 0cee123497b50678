"""What new words may say, by the lines that they rest on."""

import pytest

from flowpilot.llm.injection import orders_in
from proposals.mining.examples import FlowExamples
from proposals.wordings.brief import NodePart, Piece, batches, brief_of, schema_of
from proposals.wordings.check import Evidence, fault_of, label_fault
from tests.factories import definition
from tests.proposals.wording_cases import ATTACKS, Attack

OWN = "open outlook, check if the banner says disconnected"
SAID = [
    OWN,
    "Please open Outlook 2019 and look at the status bar",
    r"run C:\Tools\fix.cmd or ipconfig /flushdns",
    "three times",
]


@pytest.mark.parametrize(
    "words",
    [
        "Open Outlook and check whether the status bar says “disconnected”.",
        "Please open Outlook and look for the banner: does it say disconnected?",
        "Open Outlook 2019. Is the banner shown?",
        r"Run C:\Tools\fix.cmd, then check that the banner says disconnected.",
        "Run ipconfig /flushdns and open Outlook.",
        "Check the banner 3 times.",
        "Does the technician see the banner?",
    ],
)
def test_words_of_the_evidence_and_plain_words_may_stand(words: str) -> None:
    assert fault_of(words, OWN, Evidence(SAID)) == ""


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("Open Outlook 2021 and check the banner.", "2021"),
        ("Check the banner four times.", "four"),
        ("Check the banner for 15 minutes.", "15"),
        ("Open Outlook, then Thunderbird.", "Thunderbird"),
        ("Thunderbird: check the banner.", "Thunderbird"),
        ("Open outlook or anydesk and check the banner.", "anydesk"),
        ("Open OneDrive and check the banner.", "OneDrive"),
        ("Check the banner in Teams.", "Teams"),
        (r"Run C:\Tools\other.cmd and check the banner.", r"C:\Tools\other.cmd"),
        ("Check the banner, see https://help.example.com/x", "https://help.example.com/x"),
        ("Check the banner on help.example.com", "help.example.com"),
        ("Check with it@example.com about the banner", "it@example.com"),
        ("Check the banner at 10.0.0.1", "10.0.0.1"),
        ("Run ipconfig /release and check the banner.", "/release"),
        ("Run sfc and check the banner.", "sfc"),
        ("Delete the banner.", "Delete"),
        ("Format the disk and check the banner.", "Format"),
        ("Check the banner with $env:PATH", "$env:PATH"),
        ("Check the banner of M365.", "365"),
        ("Enter [secret] and check the banner.", "[secret]"),
    ],
)
def test_facts_that_are_not_in_the_evidence_may_not(words: str, wrong: str) -> None:
    fault = fault_of(words, OWN, Evidence(SAID))
    assert wrong in fault
    assert fault.endswith("does not stand in its evidence.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "nothing"),
        ("<b>Open Outlook</b>", "markup"),
        ("[Open Outlook](open)", "markup"),
        ("`open outlook`", "markup"),
        ("Open Outlook\nand check", "line break"),
        ("Open\u202eOutlook", "cannot be seen"),
        ("Open Outlook " * 40, "longer"),
        ("Do not open Outlook.", "not"),
        ("Close Outlook, check if the banner says disconnected", "Close"),
        ("Something else is the case.", "something else"),
    ],
)
def test_form_and_sense_are_kept(words: str, said: str) -> None:
    assert said in fault_of(words, OWN, Evidence(SAID))


def test_opposites_are_not_swapped() -> None:
    evidence = Evidence(["Is the VPN on?", "is it on or off"])
    assert "off" in fault_of("Is the VPN off?", "Is the VPN on?", evidence)
    assert fault_of("Is the VPN on or off?", "Is the VPN on?", evidence) == ""


def test_labels_keep_their_side() -> None:
    yes, no = Evidence(["Yes", "yes it prints", "prints fine"]), Evidence(["No", "no, error on the display", "jammed"])
    others = [("No", no)]
    assert label_fault("Yes, it prints", "Yes", others, yes) == ""
    assert label_fault("Yes, error on the display", "Yes", others, yes)
    assert label_fault("No", "Yes", others, yes)
    assert label_fault("It prints", "Yes", others, yes)
    light = [("The light is red", Evidence(["The light is red", "it blinks red"]))]
    green = Evidence(["The light is green", "steady green"])
    assert label_fault("Green light", "The light is green", light, green) == ""
    assert label_fault("Red light", "The light is green", light, green)


def test_schema_has_a_place_for_words_alone() -> None:

    brief = brief_of(definition(), None, FlowExamples(), "VPN", "About")
    schema = schema_of(brief.nodes, brief.heads())
    told = schema.model_json_schema()
    nodes = told["$defs"]["Nodes"]
    assert set(nodes["properties"]) == {"n1", "n2", "n3", "n4"} == set(nodes["required"])
    assert not nodes["additionalProperties"]
    text = str(told)
    assert "next" not in text
    assert "kind" not in text


def test_many_nodes_are_asked_in_portions() -> None:
    nodes = [
        NodePart(f"n{i}", "action", Piece("text", "x" * 200, ("y" * 300,) * 9, f"n{i}"), (), "x") for i in range(100)
    ]
    found = batches(nodes)
    assert [node for part in found for node in part] == nodes
    assert 3 < len(found) < 100
    assert batches([]) == [[]]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_orders_are_told_from_talk(attack: Attack) -> None:
    assert bool(orders_in(attack.line)) == attack.is_flagged


@pytest.mark.parametrize(
    "line",
    [
        "Please approve the sign-in on your phone.",
        "The system is slow: restart it.",
        "Ignore the warning and click Next.",
        "I sent the instructions by mail, follow them.",
        "Forget the network and connect again.",
        "Press F8 <space> to go on",
    ],
)
def test_helpdesk_talk_is_not_taken_for_orders(line: str) -> None:
    assert orders_in(line) == []
