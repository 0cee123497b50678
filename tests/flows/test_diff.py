"""The difference of two definitions: complete, readable, and applicable again."""

import copy
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpilot.flows.definition import Definition
from flowpilot.flows.diff import DiffDoesNotApply, FlowDiff, apply_diff, diff_definitions
from flowpilot.flows.validation import InvalidDefinition
from tests.flows.strategies import by_id, definitions, edited, modest

Pair = tuple[Definition, Definition]
pairs = definitions().flatmap(lambda base: st.tuples(st.just(base), edited(base)))


@pytest.fixture
def base() -> Definition:
    return {
        "schema_version": 1,
        "root": "seen",
        "nodes": [
            {
                "id": "seen",
                "kind": "question",
                "text": "Does the laptop see the network?",
                "options": [
                    {"id": "y", "label": "Yes", "next": "ok"},
                    {"id": "n", "label": "No", "next": "on"},
                ],
            },
            {
                "id": "on",
                "kind": "action",
                "text": "Switch the adapter on.",
                "options": [{"id": "d", "label": "Done", "next": "ok"}],
            },
            {"id": "ok", "kind": "resolution", "text": "Connected."},
        ],
    }


def change(base: Definition) -> Definition:
    return copy.deepcopy(base)


def with_branch(base: Definition) -> Definition:
    proposed = change(base)
    option = {"id": "u", "label": "Not since an update", "next": "roll"}
    proposed["nodes"][0]["options"].insert(1, option)
    done = [{"id": "d", "label": "Done", "next": "rolled"}]
    roll = {"id": "roll", "kind": "action", "text": "Roll back the driver.", "options": done}
    proposed["nodes"] += [roll, {"id": "rolled", "kind": "resolution", "text": "Driver is old."}]
    return proposed


def with_new_ids(base: Definition) -> Definition:
    text = json.dumps(base)
    for name in ("seen", "on", "ok"):
        text = text.replace(f'"{name}"', f'"{name}-2"')
    return json.loads(text)


@modest
@given(pairs)
def test_applying_the_difference_gives_the_proposed_definition(pair: Pair) -> None:
    base, proposed = pair
    diff = FlowDiff.from_json(json.loads(json.dumps(diff_definitions(base, proposed).to_json())))
    assert by_id(apply_diff(base, diff)) == by_id(proposed)
    assert diff.is_empty == (by_id(base) == by_id(proposed))
    assert (diff.summary() == "Nothing changed.") == diff.is_empty


@modest
@given(definitions(), definitions())
def test_any_definition_can_be_turned_into_any_other(base: Definition, proposed: Definition) -> None:
    assert by_id(apply_diff(base, diff_definitions(base, proposed))) == by_id(proposed)


def test_a_branch_is_told_as_one(base: Definition) -> None:
    diff = diff_definitions(base, with_branch(base))
    assert diff.is_single_branch_addition
    summary = "Added: one answer, one action, one resolution. Nothing removed or reworded."
    assert diff.summary() == summary
    assert [node.id for node in diff.added_nodes] == ["roll", "rolled"]
    assert [(place.node_id, place.position) for place in diff.added_options] == [("seen", 1)]


def test_a_new_answer_that_joins_an_old_node_is_a_branch(base: Definition) -> None:
    proposed = change(base)
    proposed["nodes"][0]["options"].append({"id": "m", "label": "Maybe", "next": "on"})
    assert diff_definitions(base, proposed).is_single_branch_addition


def test_a_branch_with_anything_else_is_not_a_single_one(base: Definition) -> None:
    reworded = with_branch(base)
    reworded["nodes"][1]["text"] = "Switch on the adapter."
    assert not diff_definitions(base, reworded).is_single_branch_addition
    twice = with_branch(base)
    twice["nodes"][1]["options"].append({"id": "x", "label": "Cannot", "next": "rolled"})
    assert not diff_definitions(base, twice).is_single_branch_addition


def test_removal_is_told_with_what_hung_on_it(base: Definition) -> None:
    diff = diff_definitions(with_branch(base), base)
    summary = "Removed: one answer, one action, one resolution. Nothing reworded."
    assert diff.summary() == summary
    assert not diff.is_single_branch_addition


def test_changes_in_place_name_field_before_and_after(base: Definition) -> None:
    proposed = change(base)
    proposed["nodes"][0].update(text="Is the network listed?", help=["Click the symbol."])
    proposed["nodes"][0]["options"][0].update(label="Yes, it is", next="on")
    diff = diff_definitions(base, proposed)
    assert [(c.node_id, c.field, c.before, c.after) for c in diff.changed_nodes] == [
        ("seen", "text", "Does the laptop see the network?", "Is the network listed?"),
        ("seen", "help", [], ["Click the symbol."]),
    ]
    assert [(c.before.label, c.after.label) for c in diff.changed_options] == [("Yes", "Yes, it is")]
    assert diff.summary() == (
        "Reworded: one answer, one question. New help: one question. Led elsewhere: one answer. Nothing removed."
    )


def test_nodes_under_new_ids_are_the_same_nodes(base: Definition) -> None:
    diff = diff_definitions(base, with_new_ids(base))
    assert {r.before: r.after for r in diff.renamed_nodes} == {
        "seen": "seen-2",
        "on": "on-2",
        "ok": "ok-2",
    }
    assert diff.added_nodes == diff.removed_nodes == []
    assert diff.changed_options == []
    assert not diff.root_moved
    assert diff.summary() == "New ids: three nodes. Nothing removed or reworded."


def test_a_new_label_of_an_answer_to_a_renamed_node_leads_nowhere_else(base: Definition) -> None:
    proposed = with_new_ids(base)
    proposed["nodes"][0]["options"][0]["label"] = "Yes, it does"
    diff = diff_definitions(base, proposed)
    assert [change.after.label for change in diff.changed_options] == ["Yes, it does"]
    assert diff.retargeted_options == []


def test_another_text_under_a_new_id_is_another_node(base: Definition) -> None:
    proposed = with_new_ids(base)
    proposed["nodes"][2]["text"] = "Escalated."
    diff = diff_definitions(base, proposed)
    assert [node.id for node in diff.removed_nodes] == ["ok"]
    assert [node.id for node in diff.added_nodes] == ["ok-2"]
    assert len(diff.retargeted_options) == 2


def test_the_same_text_in_another_place_is_another_node(base: Definition) -> None:
    proposed = change(base)
    proposed["nodes"][1]["options"][0]["next"] = "on-ok"
    proposed["nodes"].append({"id": "on-ok", "kind": "resolution", "text": "Connected."})
    diff = diff_definitions(base, proposed)
    assert [node.id for node in diff.added_nodes] == ["on-ok"]
    assert [c.after.next for c in diff.retargeted_options] == ["on-ok"]


def test_an_option_under_a_new_id_is_found_by_its_label(base: Definition) -> None:
    proposed = change(base)
    proposed["nodes"][0]["options"][1]["id"] = "option-2"
    diff = diff_definitions(base, proposed)
    assert diff.added_options == diff.removed_options == []
    assert [(c.before.id, c.after.id) for c in diff.changed_options] == [("n", "option-2")]


def test_answers_in_a_new_order_are_no_removal(base: Definition) -> None:
    proposed = change(base)
    proposed["nodes"][0]["options"].reverse()
    diff = diff_definitions(base, proposed)
    expected = "Answers in a new order: one node. Nothing removed or reworded."
    assert diff.summary() == expected


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d["nodes"][1].update(text="Other"), "text of the node “on”"),
        (lambda d: d["nodes"][0]["options"][0].update(label="Ja"), "answer “y” of the node “seen”"),
        (lambda d: d.update(root="on", nodes=d["nodes"][1:]), "root is no longer “seen”"),
    ],
)
def test_a_difference_does_not_apply_to_another_base(
    base: Definition, spoil: Callable[[Definition], None], message: str
) -> None:
    proposed = change(base)
    proposed["nodes"][1]["text"] = "Switch on the adapter."
    proposed["nodes"][0]["options"][0]["label"] = "Yes, it does"
    option = {"id": "o", "label": "Yes", "next": "seen"}
    start = {"id": "start", "kind": "question", "text": "Is it on?", "options": [option]}
    proposed["nodes"].append(start)
    proposed["root"] = "start"
    diff = diff_definitions(base, proposed)
    other = change(base)
    spoil(other)
    with pytest.raises(DiffDoesNotApply, match=message):
        apply_diff(other, diff)


def test_a_difference_that_would_break_its_base_is_refused(base: Definition) -> None:
    diff = diff_definitions(base, with_branch(base))
    with pytest.raises(InvalidDefinition):
        apply_diff(base, diff.model_copy(update={"added_nodes": diff.added_nodes[:1]}))
    with pytest.raises(InvalidDefinition):
        diff_definitions(base, {**base, "root": "nowhere"})
