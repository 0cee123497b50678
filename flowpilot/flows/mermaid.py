"""A definition as a Mermaid flowchart, for README files, wikis and tickets that draw it."""

from flowpilot.flows.definition import Kind
from flowpilot.flows.walk import FlowGraph

# Shape and sign say the kind, so that it can be read without colour.
_SHAPES: dict[Kind, tuple[str, str]] = {
    "question": ('{{"', '"}}'),
    "action": ('["', '"]'),
    "resolution": ('(["✓ ', '"])'),
    "escalation": ('[/"↑ ', '"/]'),
}
_PLAIN = frozenset(" .,?!'()/-+=_@")


def to_mermaid(definition: object) -> str:
    """Mermaid source of a definition (its JSON form), top down. Raises InvalidDefinition.

    Nodes are called s0, s1, … in the order of the definition: ids such as "end" are Mermaid's words.
    """
    graph = FlowGraph(definition)
    names = {node_id: f"s{index}" for index, node_id in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for node in graph.nodes.values():
        opening, closing = _SHAPES[node.kind]
        lines.append(f"  {names[node.id]}{opening}{_escape(node.text)}{closing}")
    for node in graph.nodes.values():
        lines += [f'  {names[node.id]} -->|"{_escape(option.label)}"| {names[option.next]}' for option in node.options]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """The text with everything but letters, digits and plain marks as Mermaid's #number; codes.

    A colon, too: Mermaid drops the semicolon of a code on a line that also holds "style…:".
    """
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in " ".join(text.split()))
