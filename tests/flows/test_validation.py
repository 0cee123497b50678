"""Validation finds every fault of any JSON value, says where it is, and never fails itself."""

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpilot.flows.definition import Definition, FlowDefinition, definition_schema
from flowpilot.flows.validation import InvalidDefinition, parse_definition, require_valid, validate_definition
from tests.flows.strategies import definitions, json_values, modest

SCHEMA = jsonschema.Draft202012Validator(definition_schema())

BASE: Definition = {
    "schema_version": 1,
    "root": "q",
    "nodes": [
        {
            "id": "q",
            "kind": "question",
            "text": "Is it on?",
            "help": ["Look for the light."],
            "options": [
                {"id": "y", "label": "Yes", "next": "a"},
                {"id": "n", "label": "No", "next": "e"},
            ],
        },
        {"id": "a", "kind": "action", "text": "Restart.", "options": [{"id": "d", "label": "Done", "next": "r"}]},
        {"id": "r", "kind": "resolution", "text": "Works."},
        {"id": "e", "kind": "escalation", "text": "Call us."},
    ],
}

Spoil = Callable[[Any], object]
Faults = set[tuple[str, str]]


def faults(definition: object) -> Faults:
    return {(error.pointer, error.code) for error in validate_definition(definition)}


def question(node_id: str, targets: list[str]) -> dict[str, Any]:
    options = [{"id": f"o{i}", "label": f"{i}", "next": target} for i, target in enumerate(targets)]
    return {"id": node_id, "kind": "question", "text": "?", "options": options}


def flow(*nodes: dict[str, Any]) -> Definition:
    return {"schema_version": 1, "root": nodes[0]["id"], "nodes": list(nodes)}


def end(node_id: str) -> dict[str, Any]:
    return {"id": node_id, "kind": "resolution", "text": "End."}


def chain(length: int) -> Definition:
    """A definition of `length` nodes in a row."""
    return flow(*(question(f"n{i}", [f"n{i + 1}"]) for i in range(length - 1)), end(f"n{length - 1}"))


def wide(size: int) -> Definition:
    """A definition of `size` nodes: the root leads to questions, each of which has up to 30 ends."""
    questions = -(-(size - 1) // 31)
    ends = [f"e{i}" for i in range(size - 1 - questions)]
    root = question("q", [f"q{i}" for i in range(questions)])
    middle = (question(f"q{i}", ends[i * 30 : i * 30 + 30]) for i in range(questions))
    return flow(root, *middle, *map(end, ends))


def set_in(*path: str | int, to: object) -> Spoil:
    def spoil(definition: Any) -> None:
        for part in path[:-1]:
            definition = definition[part]
        definition[path[-1]] = to

    return spoil


def drop_in(*path: str | int) -> Spoil:
    def spoil(definition: Any) -> None:
        for part in path[:-1]:
            definition = definition[part]
        del definition[path[-1]]

    return spoil


TEXT = ("nodes", 0, "text")
CASES: dict[str, tuple[Spoil, Faults]] = {
    "version": (set_in("schema_version", to=2), {("/schema_version", "wrong_value")}),
    "version is true": (set_in("schema_version", to=True), {("/schema_version", "schema_version")}),
    "no version": (drop_in("schema_version"), {("/schema_version", "missing")}),
    "no root": (drop_in("root"), {("/root", "missing")}),
    "unknown root": (set_in("root", to="x"), {("/root", "root_unknown")}),
    "no nodes": (set_in("nodes", to=[]), {("/nodes", "too_few"), ("/root", "root_unknown")}),
    "nodes no list": (set_in("nodes", to={}), {("/nodes", "wrong_type")}),
    "unknown field": (set_in("nodes", 0, "a~/b", to=1), {("/nodes/0/a~0~1b", "unexpected")}),
    "unprintable field": (set_in("\ud800\x00", to=1), {("/\\ud800\\x00", "unexpected")}),
    "unprintable field of an answer": (
        set_in("nodes", 0, "options", 0, "\ud800", to=1),
        {("/nodes/0/options/0/\\ud800", "unexpected")},
    ),
    "kind": (set_in("nodes", 0, "kind", to="menu"), {("/nodes/0/kind", "wrong_value")}),
    "kind no text": (set_in("nodes", 0, "kind", to=[[]]), {("/nodes/0/kind", "wrong_value")}),
    "id": (set_in("nodes", 0, "options", 0, "id", to="a b"), {("/nodes/0/options/0/id", "bad_id")}),
    "id ends a line": (set_in("nodes", 0, "options", 0, "id", to="y\n"), {("/nodes/0/options/0/id", "bad_id")}),
    "text no text": (set_in(*TEXT, to=7), {("/nodes/0/text", "wrong_type")}),
    "text missing": (drop_in(*TEXT), {("/nodes/0/text", "missing")}),
    "text blank": (set_in(*TEXT, to=" \n"), {("/nodes/0/text", "blank")}),
    "text long": (set_in(*TEXT, to="x" * 2001), {("/nodes/0/text", "too_long")}),
    "text NUL": (set_in(*TEXT, to="a\x00"), {("/nodes/0/text", "control_character")}),
    "text CR": (set_in(*TEXT, to="a\r\nb"), {("/nodes/0/text", "control_character")}),
    "text surrogate": (set_in(*TEXT, to="a\ud800"), {("/nodes/0/text", "lone_surrogate")}),
    "text all at once": (
        set_in(*TEXT, to="\x00\udc00" * 1001),
        {("/nodes/0/text", code) for code in ("too_long", "control_character", "lone_surrogate")},
    ),
    "help": (set_in("nodes", 0, "help", to=["ok", ""]), {("/nodes/0/help/1", "blank")}),
    "much bad help": (
        set_in("nodes", 0, "help", to=[*["ok"] * 20, ""]),
        {("/nodes/0/help", "too_many"), ("/nodes/0/help/20", "blank")},
    ),
    "label long": (set_in("nodes", 0, "options", 0, "label", to="x" * 201), {("/nodes/0/options/0/label", "too_long")}),
    "label again": (
        set_in("nodes", 0, "options", 1, "label", to=" yEs\t"),
        {("/nodes/0/options/1/label", "repeated_label")},
    ),
    "option id again": (set_in("nodes", 0, "options", 1, "id", to="y"), {("/nodes/0/options/1/id", "repeated_id")}),
    "node id again": (
        set_in("nodes", 2, "id", to="e"),
        {("/nodes/3/id", "repeated_id"), ("/nodes/1/options/0/next", "next_unknown")},
    ),
    "dangling": (
        set_in("nodes", 1, "options", 0, "next", to="x"),
        {("/nodes/1/options/0/next", "next_unknown"), ("/nodes/2", "unreachable")},
    ),
    "dead end": (
        set_in("nodes", 1, "options", to=[]),
        {("/nodes/1/options", "dead_end"), ("/nodes/2", "unreachable")},
    ),
    "answers at the end": (
        set_in("nodes", 2, "options", to=[{"id": "o", "label": "Then", "next": "e"}]),
        {("/nodes/2/options", "ending_has_options")},
    ),
    "cycle": (
        set_in("nodes", 1, "options", 0, "next", to="q"),
        {("/nodes/1/options/0/next", "cycle"), ("/nodes/2", "unreachable")},
    ),
    "cycle of one": (
        set_in("nodes", 1, "options", 0, "next", to="a"),
        {("/nodes/1/options/0/next", "cycle"), ("/nodes/2", "unreachable")},
    ),
    "node no object": (
        set_in("nodes", 2, to="r"),
        {("/nodes/2", "wrong_type"), ("/nodes/1/options/0/next", "next_unknown")},
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), CASES.values(), ids=CASES)
def test_each_fault_is_found_and_located(spoil: Spoil, expected: Faults) -> None:
    definition = copy.deepcopy(BASE)
    spoil(definition)
    assert faults(definition) == expected


def test_independent_faults_are_all_reported_together() -> None:
    definition = copy.deepcopy(BASE)
    names = ("version", "kind", "text all at once", "label again", "much bad help", "cycle", "unknown field")
    for name in names:
        CASES[name][0](definition)
    assert faults(definition) == set().union(*(CASES[name][1] for name in names))


def test_a_fault_names_its_node_and_reads_well() -> None:
    definition = copy.deepcopy(BASE)
    set_in("nodes", 1, "options", 0, "next", to="q")(definition)
    cycle = next(error for error in validate_definition(definition) if error.code == "cycle")
    assert cycle.as_json() == {
        "pointer": "/nodes/1/options/0/next",
        "code": "cycle",
        "message": "This answer leads back in a circle: q → a → q.",
        "node_id": "a",
    }


def test_faults_are_sorted_by_place() -> None:
    definition = chain(12)
    for index in (11, 2, 10):
        definition["nodes"][index]["text"] = ""
    assert [e.pointer for e in validate_definition(definition)] == [f"/nodes/{i}/text" for i in (2, 10, 11)]


def test_limits_are_inclusive() -> None:
    assert faults(chain(51)) == set()
    assert faults(chain(53)) == {("/nodes/51", "too_deep")}
    assert faults(wide(500)) == set()
    assert faults(wide(501)) == {("/nodes", "too_many")}
    assert faults(flow(question("q", ["e"] * 30), end("e"))) == set()
    assert faults(flow(question("q", ["e"] * 31), end("e"))) == {("/nodes/0/options", "too_many")}
    assert faults(flow({**end("e"), "text": "x" * 2000})) == set()


def test_without_the_answers_that_close_circles_no_circle_is_left() -> None:
    definition = chain(20)
    for index in range(1, 19):
        back = {"id": "b", "label": "Back", "next": f"n{index // 2}"}
        definition["nodes"][index]["options"].append(back)
    found = [error for error in validate_definition(definition) if error.code == "cycle"]
    assert len(found) == 18
    for error in found:
        _, _, node, _, option, _ = error.pointer.split("/")
        assert option == "1"
        del definition["nodes"][int(node)]["options"][1]
    assert faults(definition) == set()


def test_a_circle_makes_nothing_deeper() -> None:
    definition = chain(51)
    definition["nodes"][50] = question("n50", ["n3"])
    assert faults(definition) == {("/nodes/50/options/0/next", "cycle")}


def test_a_long_circle_is_named_briefly() -> None:
    definition = chain(40)
    definition["nodes"][38]["options"].append({"id": "b", "label": "Back", "next": "n3"})
    (error,) = validate_definition(definition)
    assert "n3 → n4 → " in error.message
    assert error.message.endswith("→ … 24 more … → n38 → n3.")


def test_the_densest_graph_takes_little_time() -> None:
    nodes = [question(f"n{i}", [f"n{min(i + 1 + k, 499)}" for k in range(30)]) for i in range(499)]
    started = time.process_time()
    found = faults(flow(*nodes, end("n499")))
    assert time.process_time() - started < 2  # the number of ways is beyond counting
    assert found == {("/nodes/51", "too_deep")}


def test_endless_nesting_and_length_raise_nothing() -> None:
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    circle = chain(3000)
    circle["nodes"][2998]["options"][0]["next"] = "n0"
    for value in (deep, {"nodes": deep}, {"nodes": [deep, {"id": deep, "options": deep}]}, circle):
        assert validate_definition(value)


@modest
@given(json_values)
def test_any_json_value_gets_an_answer(value: object) -> None:
    errors = validate_definition(value)
    assert errors
    json.dumps([error.as_json() for error in errors], ensure_ascii=False).encode()  # no surrogates
    assert all(error.message and "\x00" not in error.pointer + error.message for error in errors)


@modest
@given(definitions())
def test_valid_definitions_pass_and_fit_schema_and_models(definition: Definition) -> None:
    assert validate_definition(definition) == []
    assert SCHEMA.is_valid(definition)
    assert FlowDefinition.model_validate(definition).to_json() == definition
    assert parse_definition(json.dumps(definition)) == (definition, [])


@modest
@given(definitions(), st.data())
def test_one_broken_link_is_always_found(definition: Definition, data: st.DataObject) -> None:
    places = [
        (("nodes", i, "options", k, "next"), f"/nodes/{i}/options/{k}/next")
        for i, node in enumerate(definition["nodes"])
        for k, _ in enumerate(node.get("options", []))
    ]
    path, pointer = data.draw(st.sampled_from([*places, (("root",), "/root")]))
    target = data.draw(st.sampled_from([definition["root"], "not-there"]))
    set_in(*path, to=target)(definition)
    if path == ("root",) and target == definition["root"]:
        assert faults(definition) in (set(), {("/root", "root_unknown")})
    else:
        assert faults(definition) & {(pointer, code) for code in ("cycle", "next_unknown", "root_unknown")}


@pytest.mark.parametrize("name", CASES)
def test_the_schema_refuses_what_it_can_express(name: str) -> None:
    spoil, expected = CASES[name]
    definition = copy.deepcopy(BASE)
    spoil(definition)
    beyond = {"repeated_id", "root_unknown", "next_unknown", "unreachable", "cycle", "repeated_label"}
    beyond_python = {"id ends a line", "text surrogate", "version is true"}  # jsonschema's own leniency
    if name not in beyond_python:
        assert SCHEMA.is_valid(definition) == ({code for _, code in expected} <= beyond)


def test_require_valid_carries_every_fault() -> None:
    require_valid(BASE)
    with pytest.raises(InvalidDefinition, match="/root: ") as caught:
        require_valid({**BASE, "root": "x", "schema_version": 3})
    assert [error.code for error in caught.value.errors] == ["root_unknown", "wrong_value"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"root": "a",\n "nodes": [,]}', "Line 2, column 12: Expecting value."),
        ("", "Line 1, column 1: Expecting value."),
        ("[" * 100_000, "The JSON is nested too deeply."),
        ("9" * 5000, "A number has too many digits to be read."),
    ],
)
def test_text_that_is_not_json_is_placed(text: str, message: str) -> None:
    value, (error,) = parse_definition(text)
    assert value is None
    assert (error.code, error.message) == ("not_json", message)


def test_a_repeated_key_is_a_fault_where_it_is() -> None:
    text = json.dumps(BASE).replace('"text": "Restart."', '"text": "Wait.", "text": "Restart."')
    value, (error,) = parse_definition(text)
    assert value == BASE
    assert (error.pointer, error.code, error.node_id) == ("/nodes/1/text", "repeated_key", "a")


def test_not_a_number_is_not_json() -> None:
    _, errors = parse_definition(json.dumps({**BASE, "schema_version": float("nan")}))
    assert [error.code for error in errors] == ["not_json", "schema_version"]


def test_form_text_gets_the_faults_of_the_definition_too() -> None:
    value, errors = parse_definition(json.dumps({**BASE, "root": "x"}))
    assert value == {**BASE, "root": "x"}
    assert [error.code for error in errors] == ["root_unknown"]
