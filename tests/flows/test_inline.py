"""A difference as outlines: nothing is lost, and each part says what became of it."""

from copy import deepcopy
from typing import Any

from hypothesis import given

from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.inline import DiffLine, base_lines, inline_diff, proposed_lines
from tests.factories import definition
from tests.flows.strategies import definitions


def changed() -> dict[str, Any]:
    """The small tree with a reworded action, a relabelled answer, one answer gone and one led elsewhere."""
    proposed = deepcopy(definition())
    nodes = {node["id"]: node for node in proposed["nodes"]}
    nodes["n2"]["text"] = "Restart the router and wait"
    nodes["n1"]["options"][0]["label"] = "Yes, it does"
    nodes["n1"]["options"][1]["next"] = "n5"
    nodes["n1"]["options"].append({"id": "o3", "label": "Unsure", "next": "n3"})
    proposed["nodes"] = [node for node in proposed["nodes"] if node["id"] != "n4"]
    proposed["nodes"].append({"id": "n5", "kind": "escalation", "text": "Hand over to the vendor"})
    return proposed


def lines_of(base: Any, proposed: Any) -> list[DiffLine]:
    return inline_diff(base, proposed, diff_definitions(base, proposed))


def by_label(lines: list[DiffLine]) -> dict[tuple[str | None, str], DiffLine]:
    return {(line.via_label, line.text): line for line in lines}


def test_each_part_says_what_became_of_it() -> None:
    found = by_label(lines_of(definition(), changed()))
    reworded = found["Yes, it does", "Restart the router and wait"]
    assert (reworded.mark, reworded.was, reworded.via_mark, reworded.via_was) == (
        "changed", "Restart the router", "changed", "Yes",
    )  # fmt: skip
    led_elsewhere = found["No", "Hand over to the vendor"]
    assert (led_elsewhere.mark, led_elsewhere.via_mark) == ("added", "changed")
    assert "led to “Hand over to the network team” before" in led_elsewhere.notes[0]
    assert found["No", "Hand over to the network team"].mark == "removed"
    assert found["Unsure", "It works again"].via_mark == "added"
    assert found["Unsure", "It works again"].is_reference


def test_kind_and_help_are_told_in_words() -> None:
    proposed = definition()
    proposed["nodes"][1] |= {"kind": "question", "help": ["It is under the desk"]}
    line = next(line for line in lines_of(definition(), proposed) if line.node_id == "n2")
    assert set(line.notes) == {"was an action", "new help: “It is under the desk”"}


def test_side_by_side_marks_each_on_its_own_side() -> None:
    base, proposed = definition(), changed()
    diff = diff_definitions(base, proposed)
    left = {line.node_id: line.mark for line in base_lines(base, diff)}
    right = {line.node_id: line.mark for line in proposed_lines(proposed, diff) if not line.is_reference}
    assert left == {"n1": "", "n2": "changed", "n3": "", "n4": "removed"}
    assert right == {"n1": "", "n2": "changed", "n3": "", "n5": "added"}


@given(definitions(), definitions())
def test_every_node_of_either_stands_in_full_once(base: Any, proposed: Any) -> None:
    diff = diff_definitions(base, proposed)
    full = [
        (line.mark == "removed", line.node_id) for line in inline_diff(base, proposed, diff) if not line.is_reference
    ]
    expected = [(False, node["id"]) for node in proposed["nodes"]] + [(True, node.id) for node in diff.removed_nodes]
    assert sorted(full) == sorted(expected)


@given(definitions())
def test_no_difference_marks_nothing(base: Any) -> None:
    assert not any(line.mark or line.via_mark or line.notes for line in lines_of(base, base))
