"""Reading a definition as a graph, an outline and a drawing."""

import re

import pytest
from hypothesis import given

from flowpilot.flows.definition import Definition
from flowpilot.flows.mermaid import to_mermaid
from flowpilot.flows.outline import OutlineLine, outline, outline_text
from flowpilot.flows.validation import InvalidDefinition
from flowpilot.flows.walk import FlowGraph, UnknownNode, UnknownOption
from tests.flows.strategies import definitions, modest

# Two ways lead to "end": a short one, and a long one on which it is deepest.
JOINED: Definition = {
    "schema_version": 1,
    "root": "q",
    "nodes": [
        {"id": "end", "kind": "resolution", "text": "Works."},
        {
            "id": "q",
            "kind": "question",
            "text": "Is it\non?",
            "options": [
                {"id": "n", "label": "No", "next": "a"},
                {"id": "y", "label": "Yes, it  is", "next": "end"},
                {"id": "u", "label": "Unsure", "next": "a"},
            ],
        },
        {
            "id": "a",
            "kind": "action",
            "text": 'Press "On"; wait.',
            "options": [{"id": "d", "label": "Done", "next": "end"}, {"id": "x", "label": "Cannot", "next": "e"}],
        },
        {"id": "e", "kind": "escalation", "text": "Call us."},
    ],
}


def test_neighbours_depths_and_ends() -> None:
    graph = FlowGraph(JOINED)
    assert graph.root.id == "q"
    assert graph.children("q") == ("a", "end")
    assert graph.parents("end") == ("q", "a")
    assert [(edge.source, edge.option.id) for edge in graph.edges_into("a")] == [("q", "n"), ("q", "u")]
    assert [graph.depth(node_id) for node_id in ("q", "a", "end", "e")] == [0, 1, 2, 2]
    assert graph.max_depth == 2
    assert graph.terminals == ("end", "e")
    assert graph.topological_order == ("q", "a", "end", "e")


def test_a_step_follows_the_answer() -> None:
    graph = FlowGraph(JOINED)
    assert graph.step("q", "y").text == "Works."
    found = graph.option_labelled("q", " YES, it is\n")
    assert found is not None
    assert found.id == "y"
    assert graph.option_labelled("q", "Perhaps") is None


def test_what_is_not_there_is_named() -> None:
    graph = FlowGraph(JOINED)
    with pytest.raises(UnknownNode, match="no node “gone”"):
        graph.path_to("gone")
    with pytest.raises(UnknownOption, match="node “q” has no answer “gone”"):
        graph.step("q", "gone")
    with pytest.raises(UnknownOption):
        graph.step("end", "y")


def test_an_invalid_definition_is_no_graph() -> None:
    with pytest.raises(InvalidDefinition, match="root"):
        FlowGraph({**JOINED, "root": "gone"})


def test_the_shortest_way_is_found() -> None:
    graph = FlowGraph(JOINED)
    assert [edge.option.id for edge in graph.path_to("end")] == ["y"]
    assert [edge.option.id for edge in graph.path_to("e")] == ["n", "x"]
    assert graph.path_to("q") == ()


@modest
@given(definitions())
def test_ways_orders_and_depths_agree(definition: Definition) -> None:
    graph = FlowGraph(definition)
    position = {node_id: index for index, node_id in enumerate(graph.topological_order)}
    assert position.keys() == graph.nodes.keys()
    for node_id in graph.nodes:
        here = graph.root
        for edge in graph.path_to(node_id):
            assert edge.source == here.id
            here = graph.step(here.id, edge.option.id)
        assert here.id == node_id
        assert len(graph.path_to(node_id)) <= graph.depth(node_id)
        parents = graph.parents(node_id)
        assert all(position[parent] < position[node_id] for parent in parents)
        assert graph.depth(node_id) == max((graph.depth(parent) + 1 for parent in parents), default=0)
        if parents:
            shortest = min(len(graph.path_to(parent)) for parent in parents)
            assert len(graph.path_to(node_id)) == shortest + 1


def test_the_outline_shows_each_answer_and_refers_back_at_joins() -> None:
    assert outline_text(JOINED).splitlines() == [
        "Is it on? (question)",
        '  No → Press "On"; wait. (action)',
        "    Done → Works. (resolution)",
        "    Cannot → Call us. (escalation)",
        "  Yes, it is → Works. (resolution, see above)",
        '  Unsure → Press "On"; wait. (action, see above)',
    ]
    assert outline(JOINED)[4] == OutlineLine(1, "end", "resolution", "Works.", "Yes, it  is", is_reference=True)


@modest
@given(definitions())
def test_the_outline_is_complete(definition: Definition) -> None:
    lines = outline(definition)
    answers = [option["label"] for node in definition["nodes"] for option in node.get("options", [])]
    assert sorted(line.via_label for line in lines if line.via_label is not None) == sorted(answers)
    in_full = [line.node_id for line in lines if not line.is_reference]
    assert sorted(in_full) == sorted(node["id"] for node in definition["nodes"])
    assert len(outline_text(definition).splitlines()) == len(lines)


def test_the_drawing_shows_kinds_by_shape_and_sign() -> None:
    assert to_mermaid(JOINED).splitlines() == [
        "flowchart TD",
        '  s0(["✓ Works."])',
        '  s1{{"Is it on?"}}',
        '  s2["Press #34;On#34;#59; wait."]',
        '  s3[/"↑ Call us."/]',
        '  s1 -->|"No"| s2',
        '  s1 -->|"Yes, it is"| s0',
        '  s1 -->|"Unsure"| s2',
        '  s2 -->|"Done"| s0',
        '  s2 -->|"Cannot"| s3',
    ]


@modest
@given(definitions())
def test_no_text_gets_out_of_its_quotes(definition: Definition) -> None:
    lines = to_mermaid(definition).splitlines()
    options = sum(len(node.get("options", [])) for node in definition["nodes"])
    assert len(lines) == 1 + len(definition["nodes"]) + options
    for line in lines[1:]:
        (quoted,) = re.findall(r'"(.*)"', line)
        assert not set(re.sub(r"#\d+;", "", quoted)) & set('"<>&`#;:%{}[]|\\')
