"""A definition as an indented outline: the same facts as its graph, for terminals and screen readers."""

from dataclasses import dataclass

from flowpilot.flows.definition import Kind
from flowpilot.flows.walk import FlowGraph


@dataclass(frozen=True, slots=True)
class OutlineLine:
    """One line: a node as it is reached by one answer (`via_label`; None at the root).

    `depth` counts the answers given so far. `is_reference` marks a node where branches join again:
    it stands in full further up, with all that follows it.
    """

    depth: int
    node_id: str
    kind: Kind
    text: str
    via_label: str | None
    is_reference: bool


def outline(definition: object) -> list[OutlineLine]:
    """The lines of a definition (its JSON form), depth first in the order of the answers.

    There is one line for the root and one for every answer. Raises InvalidDefinition.
    """
    graph = FlowGraph(definition)
    lines: list[OutlineLine] = []
    seen: set[str] = set()
    pending: list[tuple[int, str, str | None]] = [(0, graph.root.id, None)]
    while pending:
        depth, node_id, via_label = pending.pop()
        node = graph.node(node_id)
        known = node_id in seen
        lines.append(OutlineLine(depth, node_id, node.kind, node.text, via_label, known))
        if not known:
            seen.add(node_id)
            pending.extend((depth + 1, o.next, o.label) for o in reversed(node.options))
    return lines


def outline_text(definition: object) -> str:
    """The outline as plain text, one line for each answer, two spaces for each depth."""
    return "\n".join(_line_text(line) for line in outline(definition))


def _line_text(line: OutlineLine) -> str:
    via = f"{_one_line(line.via_label)} → " if line.via_label is not None else ""
    seen = ", see above" if line.is_reference else ""
    return f"{'  ' * line.depth}{via}{_one_line(line.text)} ({line.kind}{seen})"


def _one_line(text: str) -> str:
    return " ".join(text.split())
