"""Three-way merge: what both sides want is had, or the conflict says why it cannot be."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpilot.flows.definition import Definition
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.merge import merge_definitions
from flowpilot.flows.validation import InvalidDefinition, validate_definition
from tests.flows.strategies import by_id, definitions, edited, modest

Edit = Callable[[dict[str, Any]], object]

BASE: Definition = {
    "schema_version": 1,
    "root": "q",
    "nodes": [
        {
            "id": "q",
            "kind": "question",
            "text": "Is it on?",
            "options": [
                {"id": "y", "label": "Yes", "next": "a"},
                {"id": "n", "label": "No", "next": "c"},
            ],
        },
        {
            "id": "a",
            "kind": "action",
            "text": "Restart.",
            "options": [{"id": "d", "label": "Done", "next": "r"}],
        },
        {
            "id": "c",
            "kind": "action",
            "text": "Plug it in.",
            "options": [
                {"id": "d", "label": "Done", "next": "r"},
                {"id": "x", "label": "Cannot", "next": "e"},
            ],
        },
        {"id": "r", "kind": "resolution", "text": "Works."},
        {"id": "e", "kind": "escalation", "text": "Call us."},
    ],
}

Triple = tuple[Definition, Definition, Definition]
triples = definitions().flatmap(lambda b: st.tuples(st.just(b), edited(b), edited(b)))


def side(*edits: Edit) -> Definition:
    """The base after edits, each of which gets the nodes by id (and the definition as "")."""
    definition = copy.deepcopy(BASE)
    for edit in edits:
        nodes = {node["id"]: node for node in definition["nodes"]}
        edit(nodes | {"": definition})
    assert validate_definition(definition) == []
    return definition


def text(node_id: str, value: str) -> Edit:
    return lambda nodes: nodes[node_id].update(text=value)


def answer(node_id: str, option_id: str, **values: str) -> Edit:
    def edit(nodes: dict[str, Any]) -> None:
        next(o for o in nodes[node_id]["options"] if o["id"] == option_id).update(values)

    return edit


def branch(node_id: str, option_id: str, label: str, new_id: str, new_text: str) -> Edit:
    def edit(nodes: dict[str, Any]) -> None:
        nodes[node_id]["options"].append({"id": option_id, "label": label, "next": new_id})
        nodes[""]["nodes"].append({"id": new_id, "kind": "resolution", "text": new_text})

    return edit


def drop(node_id: str, option_id: str, *gone: str) -> Edit:
    def edit(nodes: dict[str, Any]) -> None:
        kept = [o for o in nodes[node_id]["options"] if o["id"] != option_id]
        nodes[node_id]["options"] = kept
        nodes[""]["nodes"] = [n for n in nodes[""]["nodes"] if n["id"] not in gone]

    return edit


def reverse(nodes: dict[str, Any]) -> None:
    nodes["q"]["options"].reverse()


@modest
@given(triples)
def test_a_merge_is_valid_or_says_why_not(triple: Triple) -> None:
    base, ours, theirs = triple
    result = merge_definitions(base, ours, theirs)
    assert (result.definition is None) == bool(result.conflicts)
    assert all(conflict.what for conflict in result.conflicts)
    if result.definition is not None:
        assert validate_definition(result.definition) == []
        assert result.draft == result.definition


@modest
@given(triples)
def test_the_sides_are_equal_before_the_law(triple: Triple) -> None:
    base, ours, theirs = triple
    one, other = merge_definitions(base, ours, theirs), merge_definitions(base, theirs, ours)
    assert (one.definition is None) == (other.definition is None)
    assert len(one.conflicts) == len(other.conflicts)


@modest
@given(triples)
def test_a_change_on_one_side_only_is_taken_whole(triple: Triple) -> None:
    base, ours, _ = triple
    for result in (
        merge_definitions(base, ours, base),
        merge_definitions(base, base, ours),
        merge_definitions(base, ours, ours),
    ):
        assert result.conflicts == []
        assert result.definition is not None
        assert by_id(result.definition) == by_id(ours)


def test_changes_of_different_places_are_both_had() -> None:
    merged = merge_definitions(
        BASE,
        side(text("q", "Is it switched on?"), branch("a", "f", "Failed", "r2", "Replaced.")),
        side(answer("q", "n", label="Not at all"), text("a", "Restart it."), reverse),
    ).definition
    assert merged == side(
        text("q", "Is it switched on?"),
        text("a", "Restart it."),
        branch("a", "f", "Failed", "r2", "Replaced."),
        answer("q", "n", label="Not at all"),
        reverse,
    )


def test_branches_that_chose_the_same_ids_are_both_kept() -> None:
    result = merge_definitions(
        BASE,
        side(branch("q", "o3", "Blinks", "n5", "Firmware.")),
        side(branch("q", "o3", "Smokes", "n5", "Replaced.")),
    )
    assert result.definition == side(
        branch("q", "o3", "Blinks", "n5", "Firmware."),
        branch("q", "o3-2", "Smokes", "n5-2", "Replaced."),
    )
    assert result.renamed_nodes == {"n5": "n5-2"}


def test_the_same_branch_on_both_sides_is_added_once() -> None:
    ours = side(branch("q", "o3", "Blinks", "n5", "Firmware."))
    theirs = side(branch("q", "other", "BLINKS", "n5", "Firmware."))
    theirs["nodes"][0]["options"][2]["label"] = "Blinks"
    assert merge_definitions(BASE, ours, theirs).definition == ours


def test_a_removed_branch_stays_removed() -> None:
    ours = side(drop("c", "x", "e"))
    merged = merge_definitions(BASE, ours, side(text("a", "Restart it."))).definition
    assert merged is not None
    assert [node["id"] for node in merged["nodes"]] == ["q", "a", "c", "r"]
    assert diff_definitions(ours, merged).summary() == "Reworded: one action. Nothing removed."


@pytest.mark.parametrize(
    ("ours", "theirs", "node_id", "what"),
    [
        (
            [text("q", "On?")],
            [text("q", "Lit?")],
            "q",
            "Both sides changed the text of the node “q” differently.",
        ),
        (
            [answer("a", "d", next="e")],
            [answer("a", "d", next="c")],
            "a",
            "Both sides changed the target of the answer “d” of the node “a” differently.",
        ),
        (
            [drop("c", "x", "e")],
            [text("e", "Call.")],
            "e",
            "One side removed the node “e”, the other changed it.",
        ),
        (
            [drop("c", "x", "e")],
            [answer("c", "x", label="Nope")],
            "c",
            "One side removed the answer “x” of the node “c”, the other changed it.",
        ),
        (
            [branch("q", "m", "Maybe", "r2", "Wait.")],
            [branch("q", "z", "maybe ", "r3", "Ask.")],
            "q",
            "Both sides added the label of the answer “m” of the node “q” differently.",
        ),
    ],
)
def test_what_cannot_both_be_had_is_a_conflict(ours: list[Edit], theirs: list[Edit], node_id: str, what: str) -> None:
    result = merge_definitions(BASE, side(*ours), side(*theirs))
    assert result.definition is None
    assert (node_id, what) in [(c.node_id, c.what) for c in result.conflicts]


def test_a_conflict_carries_both_values_and_the_draft_has_ours() -> None:
    result = merge_definitions(BASE, side(text("q", "On?")), side(text("q", "Lit?")))
    (conflict,) = result.conflicts
    assert (conflict.ours, conflict.theirs) == ("On?", "Lit?")
    assert result.draft == side(text("q", "On?"))


def test_changes_that_are_unsound_only_together_are_a_conflict() -> None:
    def leads_to(node_id: str, target: str) -> Edit:
        option = {"id": "o", "label": "Something else", "next": target}
        return lambda nodes: nodes[node_id]["options"].append(option)

    result = merge_definitions(BASE, side(leads_to("a", "c")), side(leads_to("c", "a")))
    assert result.definition is None
    (conflict,) = result.conflicts
    assert "Together the two changes are not valid" in conflict.what
    assert "a → c → a" in conflict.what


def test_a_new_answer_to_a_node_that_the_other_side_removed_is_a_conflict() -> None:
    theirs = side(lambda nodes: nodes["a"]["options"].append({"id": "f", "label": "Failed", "next": "e"}))
    result = merge_definitions(BASE, side(drop("c", "x", "e")), theirs)
    assert [c.node_id for c in result.conflicts] == ["a"]
    assert "leads to “e”, which is not a node" in result.conflicts[0].what


@pytest.mark.parametrize("invalid", range(3))
def test_only_valid_definitions_are_merged(invalid: int) -> None:
    sides = [BASE, BASE, BASE]
    sides[invalid] = {**BASE, "root": "nowhere"}
    with pytest.raises(InvalidDefinition, match="root"):
        merge_definitions(*sides)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_new_root_keeps_its_place_when_its_id_is_taken(swapped: bool) -> None:
    """One side puts a new node before everything, the other adds a node of the same id elsewhere."""

    def new_root(nodes: dict[str, Any]) -> None:
        first = {"id": "new", "kind": "action", "text": "Look.", "options": [{"id": "d", "label": "Done", "next": "q"}]}
        nodes[""]["nodes"].append(first)
        nodes[""]["root"] = "new"

    sides = [side(new_root), side(branch("q", "m", "Maybe", "new", "Wait."))]
    ours, theirs = reversed(sides) if swapped else sides
    merged = merge_definitions(BASE, ours, theirs).definition
    assert merged is not None
    nodes = {node["id"]: node for node in merged["nodes"]}
    assert nodes[merged["root"]]["text"] == "Look."
    assert nodes[nodes["q"]["options"][-1]["next"]]["text"] == "Wait."
