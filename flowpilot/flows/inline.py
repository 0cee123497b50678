"""The difference of two definitions as outlines: one tree with both, or two trees side by side."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from flowpilot.flows.changes import FlowDiff
from flowpilot.flows.definition import FlowDefinition, Kind, Node, Option

Mark = Literal["", "added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A node as it is reached by one answer, with what became of both.

    `node_id` is the proposed id, or the base's of a removed node. `mark` is what became of the node, `via_mark` of the
    answer that leads to it; `was` and `via_was` are their former texts where they differ, `notes` what else changed.
    `is_reference` marks a node that stands in full elsewhere in the outline.
    """

    depth: int
    node_id: str
    kind: Kind
    text: str
    via_label: str | None
    is_reference: bool
    mark: Mark = ""
    via_mark: Mark = ""
    was: str = ""
    via_was: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    """An answer still to be followed, and the side on which its target's id stands."""

    depth: int
    node_id: str
    is_removed: bool
    option: Option | None = None
    via_mark: Mark = ""
    via_was: str = ""
    note: str = ""
    is_named_only: bool = False  # what stays stands in full where the proposed flow has it


def inline_diff(base: object, proposed: object, diff: FlowDiff) -> list[DiffLine]:
    """One outline of the proposed definition that also holds, where they were, the answers and nodes taken away.

    Both definitions are valid JSON forms and `diff` is theirs. Every node of either stands in it in full once.
    """
    return list(_Inline(_nodes(base), FlowDefinition.model_validate(proposed), diff).lines())


def base_lines(base: object, diff: FlowDiff) -> list[DiffLine]:
    """The base's outline, marked by what becomes of each part: the left of two outlines side by side."""
    definition = FlowDefinition.model_validate(base)
    names = {renaming.before: renaming.after for renaming in diff.renamed_nodes}
    removed = {node.id for node in diff.removed_nodes}
    changed = {change.node_id for change in diff.changed_nodes}
    gone = {(place.node_id, place.option.id) for place in diff.removed_options}
    altered = {(change.node_id, change.before.id) for change in diff.changed_options}

    def node_mark(node: Node) -> Mark:
        return "removed" if node.id in removed else "changed" if names.get(node.id, node.id) in changed else ""

    def via_mark(source: Node, option: Option) -> Mark:
        if source.id in removed:
            return "removed"
        place = (names.get(source.id, source.id), option.id)
        return "removed" if place in gone else "changed" if place in altered else ""

    return list(_marked(definition, node_mark, via_mark))


def proposed_lines(proposed: object, diff: FlowDiff) -> list[DiffLine]:
    """The proposed definition's outline, marked by what is new: the right of two outlines side by side."""
    definition = FlowDefinition.model_validate(proposed)
    added = {node.id for node in diff.added_nodes}
    changed = {change.node_id for change in diff.changed_nodes}
    new = {(place.node_id, place.option.id) for place in diff.added_options}
    altered = {(change.node_id, change.after.id) for change in diff.changed_options}

    def node_mark(node: Node) -> Mark:
        return "added" if node.id in added else "changed" if node.id in changed else ""

    def via_mark(source: Node, option: Option) -> Mark:
        place = (source.id, option.id)
        return "added" if source.id in added or place in new else "changed" if place in altered else ""

    return list(_marked(definition, node_mark, via_mark))


def _nodes(definition: object) -> dict[str, Node]:
    return {node.id: node for node in FlowDefinition.model_validate(definition).nodes}


def _marked(
    definition: FlowDefinition, node_mark: Callable[[Node], Mark], via_mark: Callable[[Node, Option], Mark]
) -> Iterator[DiffLine]:
    nodes = {node.id: node for node in definition.nodes}
    seen: set[str] = set()
    pending: list[tuple[int, Node, Option | None, Mark]] = [(0, nodes[definition.root], None, "")]
    while pending:
        depth, node, option, via = pending.pop()
        known = node.id in seen
        label = option.label if option else None
        yield DiffLine(depth, node.id, node.kind, node.text, label, known, node_mark(node), via)
        if not known:
            seen.add(node.id)
            pending.extend((depth + 1, nodes[o.next], o, via_mark(node, o)) for o in reversed(node.options))


class _Inline:
    def __init__(self, base: Mapping[str, Node], proposed: FlowDefinition, diff: FlowDiff) -> None:
        self._base, self._root = base, proposed.root
        self._proposed = {node.id: node for node in proposed.nodes}
        self._diff = diff
        self._names = {renaming.before: renaming.after for renaming in diff.renamed_nodes}
        self._removed = {node.id for node in diff.removed_nodes}
        self._added = {node.id for node in diff.added_nodes}
        self._new = {(place.node_id, place.option.id) for place in diff.added_options}
        self._altered = {(change.node_id, change.after.id): change for change in diff.changed_options}

    def lines(self) -> Iterator[DiffLine]:
        seen: set[tuple[bool, str]] = set()
        # A new root leaves the former one, and what only it led to, without a way from the root.
        lost = [_Way(0, node_id, is_removed=True, note="no longer reached") for node_id in self._removed_in_order()]
        pending = [*reversed(lost), _Way(0, self._root, is_removed=False)]
        while pending:
            way = pending.pop()
            key = (way.is_removed, way.node_id)
            known = way.is_named_only or key in seen
            if known and way.option is None:
                continue
            yield self._line(way, known)
            if not known:
                seen.add(key)
                pending.extend(reversed(self._ways(way)))

    def _removed_in_order(self) -> list[str]:
        return [node_id for node_id in self._base if node_id in self._removed]

    def _line(self, way: _Way, known: bool) -> DiffLine:
        node = (self._base if way.is_removed else self._proposed)[way.node_id]
        mark: Mark = "removed" if way.is_removed else "added" if node.id in self._added else ""
        was, notes = "", [way.note] if way.note else []
        if not mark:
            was, told = self._changes(node)
            notes += told
            mark = "changed" if was or told else ""
        return DiffLine(
            way.depth,
            node.id,
            node.kind,
            node.text,
            way.option.label if way.option else None,
            known,
            mark,
            way.via_mark,
            was,
            way.via_was,
            tuple(notes),
        )

    def _changes(self, node: Node) -> tuple[str, list[str]]:
        """The former text of a node that stays, and its other changes in words."""
        was, told = "", []
        for change in self._diff.changed_nodes:
            if change.node_id != node.id:
                continue
            if change.field == "text":
                was = str(change.before)
            elif change.field == "kind":
                told.append(f"was {'an' if str(change.before)[0] in 'ae' else 'a'} {change.before}")
            else:
                told.append(_help(change.before, change.after))
        return was, told

    def _ways(self, way: _Way) -> list[_Way]:
        depth = way.depth + 1
        if way.is_removed:
            return [self._lost(depth, option) for option in self._base[way.node_id].options]
        ways: list[_Way] = []
        for option in self._proposed[way.node_id].options:
            ways += self._kept(depth, way.node_id, option)
        for place in self._diff.removed_options:  # in the order of their places, so that each lands where it stood
            if place.node_id == way.node_id:
                ways.insert(min(place.position, len(ways)), self._lost(depth, place.option))
        return ways

    def _kept(self, depth: int, node_id: str, option: Option) -> list[_Way]:
        """The way of an answer that is proposed; where it led elsewhere before, also the way that is lost."""
        if node_id in self._added or (node_id, option.id) in self._new:
            return [_Way(depth, option.next, is_removed=False, option=option, via_mark="added")]
        change = self._altered.get((node_id, option.id))
        if change is None:
            return [_Way(depth, option.next, is_removed=False, option=option)]
        was = change.before.label if change.is_relabelled else ""
        if change not in self._diff.retargeted_options:
            return [_Way(depth, option.next, False, option, "changed" if was else "", was)]
        before = change.before.next
        former = self._base[before].text
        now = _Way(depth, option.next, False, option, "changed", was, f"this answer led to “{former}” before")
        return [now, self._lost(depth, change.before)] if before in self._removed else [now]

    def _lost(self, depth: int, option: Option) -> _Way:
        if option.next in self._removed:
            return _Way(depth, option.next, is_removed=True, option=option, via_mark="removed")
        kept = self._names.get(option.next, option.next)
        return _Way(depth, kept, is_removed=False, option=option, via_mark="removed", is_named_only=True)


def _help(before: str | Sequence[str], after: str | Sequence[str]) -> str:
    old, new = (" / ".join([part] if isinstance(part, str) else part) for part in (before, after))
    if not old:
        return f"new help: “{new}”"
    return f"help was “{old}”, now “{new}”" if new else f"help taken away: “{old}”"
