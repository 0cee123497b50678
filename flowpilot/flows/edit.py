"""What an editor says of a definition while it is written: its problems by cause, and its differences in words."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from flowpilot.flows.changes import FlowDiff, NodeChange
from flowpilot.flows.definition import Node, Option, is_id
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.validation import DefinitionError, validate_definition

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: where it is, as a JSON pointer and in words, and what follows from it.

    `follows` are the ids of the nodes that have the same problem only because this one has it.
    """

    pointer: str
    code: str
    message: str
    place: str
    node_id: str | None
    follows: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find_problems(definition: object) -> list[Problem]:
    """Every fault that validate_definition finds, in its order; nodes that are cut off stand with the first of them."""
    return grouped(definition, validate_definition(definition))


def grouped(definition: object, errors: Iterable[DefinitionError]) -> list[Problem]:
    """The errors as problems: of nodes without a way from the root only the first of each lost branch, with the rest.

    Where a branch is a circle of its own, any one of its nodes stands for it.
    """
    errors = list(errors)
    lost = {e.node_id for e in errors if e.code == "unreachable" and e.node_id}
    heads = _heads(lost, _targets(definition))
    problems = []
    for error in errors:
        message = error.message
        follows: tuple[str, ...] = ()
        if error.code == "unreachable" and error.node_id is not None:
            if error.node_id not in heads:
                continue
            follows = heads[error.node_id]
            rest = f", nor to the {_number(len(follows), 'node')} behind it" if follows else ""
            message = f"No answer leads here{rest}. Lead an answer here, or delete it."
        place = place_in_words(definition, error.pointer)
        problems.append(Problem(error.pointer, error.code, message, place, error.node_id, follows))
    return problems


def differences(before: object, after: object) -> list[str]:
    """What differs between two valid definitions (JSON form), one sentence each; raises InvalidDefinition."""
    return told(diff_definitions(before, after), before, after)


def told(diff: FlowDiff, before: object, after: object) -> list[str]:
    """`diff`, which is of these two definitions, as sentences."""
    return list(_Telling(_texts(before), _texts(after)).sentences(diff))


def place_in_words(definition: object, pointer: str) -> str:
    """Where a JSON pointer leads, for people: "“Restart the router”, answer 2"."""
    parts = pointer.split("/")[1:]
    if parts == ["root"]:
        return "The start of the flow"
    match parts:
        case ["nodes", index, *rest] if index.isdecimal():
            return ", ".join([_node_name(definition, int(index)), *_within(rest)])
    return "The whole flow"


def _within(parts: list[str]) -> Iterator[str]:
    match parts:
        case ["options", index, *rest] if index.isdecimal():
            yield f"answer {int(index) + 1}"
            if rest == ["label"]:
                yield "its words"
            elif rest == ["next"]:
                yield "where it leads"
        case ["options"]:
            yield "its answers"
        case ["help", index] if index.isdecimal():
            yield f"help line {int(index) + 1}"
        case [name]:
            yield f"its {name}"


def _node_name(definition: object, index: int) -> str:
    """A node by its text; one without by the answer that leads to it."""
    nodes = definition.get("nodes") if isinstance(definition, dict) else None
    node = nodes[index] if isinstance(nodes, list) and index < len(nodes) else None
    if not isinstance(node, dict):
        return f"Node {index + 1}"
    text = node.get("text")
    if isinstance(text, str) and text.strip():
        return _quoted(text)
    label = next((o["label"] for o in _options(nodes) if o.get("next") == node.get("id")), "")
    behind = f"behind “{label.strip()}”" if label.strip() else f"number {index + 1}"
    return f"The node {behind}, which has no text yet"


def _options(nodes: object) -> Iterator[dict[str, Any]]:
    """The answers, as far as they are well formed and have a label."""
    for node in nodes if isinstance(nodes, list) else []:
        options = node.get("options") if isinstance(node, dict) else None
        for option in options if isinstance(options, list) else []:
            if isinstance(option, dict) and isinstance(option.get("label"), str):
                yield option


def _targets(definition: object) -> dict[str, list[str]]:
    """Where the answers of each node lead, of whatever is well formed."""
    nodes = definition.get("nodes") if isinstance(definition, dict) else None
    targets: dict[str, list[str]] = {}
    for node in nodes if isinstance(nodes, list) else []:
        if isinstance(node, dict) and is_id(node.get("id")):
            options = node.get("options")
            leads = [o.get("next") for o in options if isinstance(o, dict)] if isinstance(options, list) else []
            targets.setdefault(node["id"], []).extend(target for target in leads if isinstance(target, str))
    return targets


def _heads(lost: set[str], targets: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """The first node of each lost branch, with all the others that are lost behind it."""
    led_to = {target for node_id in lost for target in targets.get(node_id, [])}
    heads: dict[str, tuple[str, ...]] = {}
    told_of: set[str] = set()
    # Nodes that no lost node leads to come first; what is left then are circles.
    for node_id in sorted(lost, key=lambda one: (one in led_to, one)):
        if node_id in told_of:
            continue
        behind = _behind(node_id, lost, targets)
        heads[node_id] = tuple(one for one in behind if one not in told_of)
        told_of |= {node_id, *behind}
    return heads


def _behind(start: str, within: set[str], targets: dict[str, list[str]]) -> list[str]:
    seen, pending, found = {start}, [start], []
    while pending:
        for target in targets.get(pending.pop(), []):
            if target in within and target not in seen:
                seen.add(target)
                found.append(target)
                pending.append(target)
    return found


def _texts(definition: object) -> dict[str, str]:
    nodes = definition["nodes"] if isinstance(definition, dict) else []
    return {node["id"]: node["text"] for node in nodes}


class _Telling:
    def __init__(self, before: dict[str, str], after: dict[str, str]) -> None:
        self._before, self._after = before, after

    def sentences(self, diff: FlowDiff) -> Iterator[str]:
        if diff.root and diff.root_moved:
            yield f"The flow starts at {self._now(diff.root.after)} now, not at {self._then(diff.root.before)}."
        yield from self._come_and_gone(diff)
        yield from map(self._changed, diff.changed_nodes)
        for change in diff.changed_options:
            of = self._now(change.node_id)
            if change.is_relabelled:
                yield f"The answer {_quoted(change.before.label)} of {of} reads {_quoted(change.after.label)} now."
            if change in diff.retargeted_options:
                leads = f"leads to {self._now(change.after.next)} now, not to {self._then(change.before.next)}"
                yield f"The answer {_quoted(change.after.label)} of {of} {leads}."
        for reordering in diff.reordered_options:
            yield f"The answers of {self._now(reordering.node_id)} stand in another order."

    def _come_and_gone(self, diff: FlowDiff) -> Iterator[str]:
        """Of a node that came or went its answers need no word of their own."""
        added = {node.id for node in diff.added_nodes}
        removed = {node.id for node in diff.removed_nodes}
        for node in diff.added_nodes:
            yield f"New {node.kind} {_quoted(node.text)}{_answers(node)}."
        for place in diff.added_options:
            if place.node_id not in added:
                yield f"New answer {self._answer(place.node_id, place.option)}."
        for node in diff.removed_nodes:
            yield f"The {node.kind} {_quoted(node.text)} is gone."
        for place in diff.removed_options:
            if place.node_id not in removed:
                yield f"{self._now(place.node_id)} has no answer {_quoted(place.option.label)} any more."

    def _answer(self, node_id: str, option: Option) -> str:
        return f"{_quoted(option.label)} of {self._now(node_id)}: it leads to {self._now(option.next)}"

    def _changed(self, change: NodeChange) -> str:
        name = self._now(change.node_id)
        if change.field == "text":
            return f"The {change.kind} {_quoted(str(change.before), 200)} reads {_quoted(str(change.after), 200)} now."
        if change.field == "kind":
            return f"{name} was {_a(str(change.before))} and is {_a(change.kind)} now."
        before, after = (" / ".join(text) for text in (change.before, change.after))
        if not before:
            return f"{name} has help now: {_quoted(after, 200)}."
        return (
            f"The help of {name} reads {_quoted(after, 200)} now, not {_quoted(before, 200)}."
            if after
            else f"{name} has no help any more; it was {_quoted(before, 200)}."
        )

    def _now(self, node_id: str) -> str:
        return _quoted(self._after.get(node_id, node_id))

    def _then(self, node_id: str) -> str:
        return _quoted(self._before.get(node_id, node_id))


def _answers(node: Node) -> str:
    labels = [_quoted(option.label) for option in node.options]
    if not labels:
        return ""
    return f", with the answer{'s' if len(labels) > 1 else ''} {', '.join(labels)}"


def _quoted(text: str, longest: int = _LONGEST_NAME) -> str:
    line = " ".join(text.split())
    return f"“{line if len(line) <= longest else line[: longest - 1].rstrip() + '…'}”"


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
