"""The parts that the difference of two definitions is made of, and how it reads in words."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from flowpilot.flows.definition import Kind, Node, Option

NodeField = Literal["kind", "text", "help"]
NODE_FIELDS: tuple[NodeField, ...] = ("kind", "text", "help")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Renaming(_Part):
    """An id that changed, of a node or of the root."""

    before: str
    after: str


class NodePart(_Part):
    """A change within one node that stays, named by its proposed id."""

    node_id: str


class NodeChange(NodePart):
    """A field of a node; `before` and `after` are as in the definition."""

    kind: Kind  # as proposed
    field: NodeField
    before: str | list[str]
    after: str | list[str]


class OptionPlace(NodePart):
    """An option that was added to, or removed from, a node; `position` counts from 0.

    The position is in the node that has the option: the proposed one if added, the base if removed.
    """

    position: int
    option: Option


class OptionChange(NodePart):
    """An option that stays but has another label, id or target; `before.next` is an id of the base."""

    before: Option
    after: Option

    @property
    def is_relabelled(self) -> bool:
        return self.before.label != self.after.label


class Reordering(NodePart):
    """The options that stay in a node stand in another order: their ids, as proposed."""

    option_ids: list[str]


class FlowDiff(_Part):
    """The difference between a base and a proposed definition; `node_id`s are the proposed ones."""

    root: Renaming | None = None
    renamed_nodes: list[Renaming] = []
    added_nodes: list[Node] = []
    removed_nodes: list[Node] = []
    changed_nodes: list[NodeChange] = []
    added_options: list[OptionPlace] = []
    removed_options: list[OptionPlace] = []
    changed_options: list[OptionChange] = []
    reordered_options: list[Reordering] = []

    @property
    def is_empty(self) -> bool:
        return not any(value for _, value in self)

    @property
    def is_single_branch_addition(self) -> bool:
        """Whether the change is exactly one new option of one existing node and what hangs on it.

        With nothing else changed, all added nodes of a valid definition are reached through it only.
        """
        rest = self.model_copy(update={"added_nodes": [], "added_options": []})
        return len(self.added_options) == 1 and rest.is_empty

    @property
    def retargeted_options(self) -> list[OptionChange]:
        """The changed options that lead to another node, not only to one under a new id."""
        names = {renaming.before: renaming.after for renaming in self.renamed_nodes}
        return [
            change
            for change in self.changed_options
            if names.get(change.before.next, change.before.next) != change.after.next
        ]

    @property
    def root_moved(self) -> bool:
        """Whether the flow starts at another node, not only at one under a new id."""
        return self.root is not None and self.root not in self.renamed_nodes

    def summary(self) -> str:
        """The difference in words: what was added, removed, reworded and led elsewhere."""
        return _summary(self)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; fields without a change are left out."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The difference from `to_json`'s form; raises pydantic.ValidationError for anything else."""
        return cls.model_validate(value)


def _summary(diff: FlowDiff) -> str:
    added = _counted([*["answer"] * len(diff.added_options), *_kinds(diff.added_nodes)])
    removed = _counted([*["answer"] * len(diff.removed_options), *_kinds(diff.removed_nodes)])
    relabelled = ["answer" for change in diff.changed_options if change.is_relabelled]
    reworded = _counted([*relabelled, *_changed(diff, "text")])
    facts = {
        "Added": added,
        "Removed": removed,
        "Reworded": reworded,
        "New help": _counted(_changed(diff, "help")),
        "Changed into": _counted(_changed(diff, "kind")),
        "Led elsewhere": _counted("answer" for _ in diff.retargeted_options),
        "Answers in a new order": _counted("node" for _ in diff.reordered_options),
        "Starts elsewhere": "another root" if diff.root_moved else "",
        "New ids": _counted(_renamed(diff)),
    }
    sentences = [f"{what}: {count}." for what, count in facts.items() if count]
    if not sentences:
        return "Nothing changed."
    missing = [word for word, count in (("removed", removed), ("reworded", reworded)) if not count]
    if missing:
        sentences.append(f"Nothing {' or '.join(missing)}.")
    return " ".join(sentences)


def _kinds(nodes: Iterable[Node]) -> list[Kind]:
    return [node.kind for node in nodes]


def _changed(diff: FlowDiff, field: NodeField) -> list[Kind]:
    return [change.kind for change in diff.changed_nodes if change.field == field]


def _renamed(diff: FlowDiff) -> list[str]:
    options = [c for c in diff.changed_options if c.before.id != c.after.id]
    return ["node"] * len(diff.renamed_nodes) + ["answer"] * len(options)


def _counted(names: Iterable[str]) -> str:
    """The names counted, in the order in which answers and steps follow: "one answer, two actions"."""
    order = ("answer", "question", "action", "resolution", "escalation", "node")
    counts = Counter(names)
    return ", ".join(
        f"{_NUMBERS[n] if n < len(_NUMBERS) else n} {name}{'s' if n > 1 else ''}"
        for name in order
        if (n := counts[name])
    )
