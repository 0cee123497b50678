"""A definition as the fields of a plain form, and back: editing without JavaScript.

A form shows one part of the nodes and carries the whole definition beside them, so that a big flow is edited part by
part. The names are `node-3-text`, `node-3-help-0`, `node-3-option-1-label`, where the numbers are places in the whole.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowpilot.flows.definition import ENDINGS, Definition

# A server takes a thousand fields a form (Django's DATA_UPLOAD_MAX_NUMBER_FIELDS); the rest of the page needs some.
MOST_FIELDS = 700
NEW_TARGETS = {f"new:{kind}": f"A new {kind}" for kind in ("question", "action", "resolution")} | {
    "new:escalation": "A new escalation"
}
_NODE_FIELDS = 6
_OPTION_FIELDS = 4
_PLACE = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class OptionFields:
    """One answer; `name` is the beginning of its fields' names."""

    name: str
    number: int
    label: str
    next: str


@dataclass(frozen=True, slots=True)
class NodeFields:
    """One node; the last of `help` is an empty line to write in."""

    name: str
    number: int
    id: str
    kind: str
    text: str
    help: list[str]
    options: list[OptionFields]

    @property
    def is_ending(self) -> bool:
        return self.kind in ENDINGS


def has_fields(value: object) -> bool:
    """Whether every node and answer of a JSON value can be shown as fields, valid or not."""
    if not isinstance(value, dict) or not isinstance(value.get("root"), str):
        return False
    nodes = value.get("nodes")
    return isinstance(nodes, list) and bool(nodes) and all(map(_is_node, nodes))


def parts_of(definition: Definition) -> list[range]:
    """The places of the nodes, cut into parts that a form can hold."""
    parts, start, size = [], 0, 0
    for index, node in enumerate(definition["nodes"]):
        fields = _NODE_FIELDS + len(node.get("help", [])) + _OPTION_FIELDS * len(node.get("options", []))
        if size and size + fields > MOST_FIELDS:
            parts.append(range(start, index))
            start, size = index, 0
        size += fields
    return [*parts, range(start, len(definition["nodes"]))]


def fields_of(definition: Definition, part: range) -> list[NodeFields]:
    """The fields of the nodes at these places."""
    return [_node_fields(index, definition["nodes"][index]) for index in part]


def definition_from(post: Mapping[str, Any], whole: Definition) -> Definition:
    """`whole` (see has_fields) with what a form says of the nodes it showed.

    What only a deleted node or answer led to goes with it. What is led to no more because an answer was sent elsewhere
    stays, for validation to tell of.
    """
    edited = copy.deepcopy(whole)
    edited["root"] = post.get("root", whole["root"])
    reading = _Reading(post, {node["id"] for node in whole["nodes"]})
    for index, node in enumerate(edited["nodes"]):
        if f"node-{index}-text" in post:
            reading.read(index, node)
    edited["nodes"] += reading.new_nodes
    kept = _reachable(edited["nodes"], edited["root"], set(), set())
    left = _reachable(edited["nodes"], edited["root"], reading.deleted_nodes, reading.deleted_options)
    gone = (kept - left) | reading.deleted_nodes
    edited["nodes"] = [node for node in edited["nodes"] if node["id"] not in gone]
    for node in edited["nodes"]:
        options = [
            option
            for option in node.get("options", [])
            if option["next"] not in gone and (node["id"], option["id"]) not in reading.deleted_options
        ]
        _set_list(node, "options", options)
    return edited


@dataclass
class _Reading:
    post: Mapping[str, Any]
    taken: set[str]
    new_nodes: list[dict[str, Any]] = field(default_factory=list)
    deleted_nodes: set[str] = field(default_factory=set)
    deleted_options: set[tuple[str, str]] = field(default_factory=set)

    def read(self, index: int, node: dict[str, Any]) -> None:
        name = f"node-{index}"
        node["kind"] = self._text(f"{name}-kind") or node["kind"]
        node["text"] = self._text(f"{name}-text")
        _set_list(node, "help", list(filter(str.strip, self._numbered(f"{name}-help"))))
        _set_list(node, "options", self._options(name, node))
        if f"{name}-delete" in self.post:
            self.deleted_nodes.add(node["id"])

    def _options(self, name: str, node: dict[str, Any]) -> list[dict[str, Any]]:
        placed: list[tuple[int, int, dict[str, Any]]] = []
        options = node.get("options", [])
        for number, option in enumerate(options):
            own = f"{name}-option-{number}"
            if f"{own}-label" in self.post:
                target = self._target(self._text(f"{own}-next"), "")
                option = {**option, "label": self._text(f"{own}-label"), "next": target}
                if f"{own}-delete" in self.post:
                    self.deleted_options.add((node["id"], option["id"]))
            place = self._text(f"{own}-place")
            wanted = int(place) if _PLACE.fullmatch(place) else number + 1
            # An answer sent up to a place stands before the one that has it, an answer sent down behind it.
            placed.append((wanted, (wanted > number + 1) - (wanted < number + 1), option))
        placed.sort(key=lambda item: item[:2])
        own = f"{name}-option-new"
        label, target, text = (self._text(f"{own}-{part}") for part in ("label", "next", "text"))
        if label.strip() or text.strip():
            new = {"id": _free("o", {o["id"] for o in options}), "label": label}
            placed.append((0, 0, {**new, "next": self._target(target or "new:action", text)}))
        return [option for *_, option in placed]

    def _target(self, value: str, text: str) -> str:
        """The id that a choice of target means; a new node is made where one is asked for."""
        if value not in NEW_TARGETS:
            return value.strip()
        node_id = _free("n", self.taken)
        self.taken.add(node_id)
        self.new_nodes.append({"id": node_id, "kind": value.removeprefix("new:"), "text": text})
        return node_id

    def _numbered(self, name: str) -> Iterator[str]:
        number = 0
        while f"{name}-{number}" in self.post:
            yield self._text(f"{name}-{number}")
            number += 1

    def _text(self, name: str) -> str:
        """A field's text with plain newlines: forms send CR LF."""
        return str(self.post.get(name, "")).replace("\r\n", "\n")


def _reachable(
    nodes: Iterable[dict[str, Any]], root: str, deleted_nodes: set[str], deleted_options: set[tuple[str, str]]
) -> set[str]:
    by_id = {node["id"]: node for node in nodes if node["id"] not in deleted_nodes}
    seen, pending = set(), [root]
    while pending:
        node_id = pending.pop()
        if node_id in by_id and node_id not in seen:
            seen.add(node_id)
            options = by_id[node_id].get("options", [])
            pending.extend(o["next"] for o in options if (node_id, o["id"]) not in deleted_options)
    return seen


def _set_list(node: dict[str, Any], key: str, items: list[Any]) -> None:
    """As the canonical form has it: an empty list is left out."""
    if items:
        node[key] = items
    else:
        node.pop(key, None)


def _free(letter: str, taken: set[str]) -> str:
    return next(one for n in range(1, len(taken) + 2) if (one := f"{letter}{n}") not in taken)


def _node_fields(index: int, node: dict[str, Any]) -> NodeFields:
    name = f"node-{index}"
    options = [
        OptionFields(f"{name}-option-{number}", number + 1, option["label"], option["next"])
        for number, option in enumerate(node.get("options", []))
    ]
    return NodeFields(name, index + 1, node["id"], node["kind"], node["text"], [*node.get("help", []), ""], options)


def _is_node(value: object) -> bool:
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("id", "kind", "text")):
        return False
    lines, options = value.get("help", []), value.get("options", [])
    return (
        isinstance(lines, list)
        and all(isinstance(line, str) for line in lines)
        and isinstance(options, list)
        and all(isinstance(option, dict) and _has_texts(option, ("id", "label", "next")) for option in options)
    )


def _has_texts(value: dict[str, Any], keys: tuple[str, ...]) -> bool:
    return all(isinstance(value.get(key), str) for key in keys)
