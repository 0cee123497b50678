"""Merging two changes of one definition: three-way, by node id and option id.

A field that only one side changed takes that side's value; changed differently on both it is a
conflict. What both sides added apart is kept apart, even where they chose the same id.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TypeVar

from flowpilot.flows.changes import NODE_FIELDS
from flowpilot.flows.definition import Definition, FlowDefinition, Node, Option, fold_label
from flowpilot.flows.validation import require_valid, validate_definition

_T = TypeVar("_T")
_Item = TypeVar("_Item", Node, Option)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A place where the two sides cannot both be had: what happened there, and both values.

    The values are JSON; None is "removed", or not one value: an unsound result has neither.
    """

    node_id: str | None
    what: str
    ours: object = None
    theirs: object = None
    option_id: str | None = None


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The merged definition (canonical JSON), valid, or None and the conflicts that prevent it.

    `draft` is what an editor opens: the merge with our value at each conflict, and with what one
    side removed and the other changed still in it. It need not be valid if there are conflicts.
    `renamed_nodes` gives the new ids of those nodes added by them whose ids we had taken as well.
    """

    definition: Definition | None
    conflicts: list[Conflict]
    draft: Definition
    renamed_nodes: dict[str, str]


def merge_definitions(base: object, ours: object, theirs: object) -> MergeResult:
    """The merge of two valid definitions (JSON form) that both come from `base`.

    Raises InvalidDefinition when one of the three is not valid.
    """
    old, mine, their = _read(base), _read(ours), _read(theirs)
    names = _fresh_node_ids(old, mine, their)
    their = _with_our_names(old, mine, their, names)
    merge = _Merge()
    draft = FlowDefinition.model_construct(
        schema_version=old.schema_version,
        root=merge.value(old.root, mine.root, their.root, _Place("the root")),
        nodes=merge.nodes(old, mine, their),
    ).to_json()
    conflicts = merge.conflicts or [
        Conflict(error.node_id, f"Together the two changes are not valid: {error.message}")
        for error in validate_definition(draft)
    ]
    return MergeResult(None if conflicts else draft, conflicts, draft, names)


def _read(definition: object) -> FlowDefinition:
    require_valid(definition)
    return FlowDefinition.model_validate(definition)


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    node_id: str | None = None
    option_id: str | None = None


@dataclass(slots=True)
class _Merge:
    """The conflicts met so far; each method merges one thing of base, ours and theirs.

    A base of None means that both sides added the thing.
    """

    conflicts: list[Conflict] = field(default_factory=list)

    def nodes(self, old: FlowDefinition, mine: FlowDefinition, their: FlowDefinition) -> list[Node]:
        before, ours, theirs = (_by_id(side.nodes) for side in (old, mine, their))
        merged = []
        for node_id in ours | theirs:
            sides = (before.get(node_id), ours.get(node_id), theirs.get(node_id))
            place = _Place(f"the node “{node_id}”", node_id)
            if (node := self._kept(*sides, place, self._node)) is not None:
                merged.append(node)
        return merged

    def value(self, base: _T | None, ours: _T, theirs: _T, place: _Place) -> _T:
        if theirs in (base, ours):
            return ours
        if ours == base:
            return theirs
        did = "changed" if base is not None else "added"
        self._conflict(place, f"Both sides {did} {place.name} differently.", ours, theirs)
        return ours

    def _kept(
        self,
        base: _Item | None,
        ours: _Item | None,
        theirs: _Item | None,
        place: _Place,
        merge: Callable[[_Item | None, _Item, _Item], _Item],
    ) -> _Item | None:
        """A node or an option, unless one side removed it and the other left it alone."""
        if ours is not None and theirs is not None:
            return merge(base, ours, theirs)
        left = ours if ours is not None else theirs
        if base is None:
            return left
        if left is None or left == base:
            return None
        what = f"One side removed {place.name}, the other changed it."
        self._conflict(place, what, _json(ours), _json(theirs))
        return left

    def _node(self, base: Node | None, ours: Node, theirs: Node) -> Node:
        update: dict[str, object] = {
            name: self.value(
                getattr(base, name, None),
                getattr(ours, name),
                getattr(theirs, name),
                _Place(f"the {name} of the node “{ours.id}”", ours.id),
            )
            for name in NODE_FIELDS
        }
        update["options"] = self._options(base, ours, theirs)
        return ours.model_copy(update=update)

    def _options(self, base: Node | None, ours: Node, theirs: Node) -> list[Option]:
        before, mine, their = (_by_id(node.options if node else ()) for node in (base, ours, theirs))
        merged = []
        for option_id in self._order(list(before), list(mine), list(their), ours.id):
            sides = (before.get(option_id), mine.get(option_id), their.get(option_id))
            name = f"the answer “{option_id}” of the node “{ours.id}”"
            place = _Place(name, ours.id, option_id)
            if (option := self._kept(*sides, place, partial(self._option, ours.id))) is not None:
                merged.append(option)
        return merged

    def _option(self, node_id: str, base: Option | None, ours: Option, theirs: Option) -> Option:
        answer = f"the answer “{ours.id}” of the node “{node_id}”"
        update = {
            name: self.value(
                getattr(base, name, None),
                getattr(ours, name),
                getattr(theirs, name),
                _Place(f"the {what} of {answer}", node_id, ours.id),
            )
            for name, what in (("label", "label"), ("next", "target"))
        }
        return ours.model_copy(update=update)

    def _order(self, base: list[str], ours: list[str], theirs: list[str], node_id: str) -> list[str]:
        """All option ids of both sides, in the order of the side that changed it."""
        common = {*base} & {*ours} & {*theirs}
        before, mine, their = (
            [option_id for option_id in side if option_id in common] for side in (base, ours, theirs)
        )
        if mine == before and their != before:
            return _woven(theirs, ours)
        if their not in (before, mine):
            place = _Place(f"the order of the answers of the node “{node_id}”", node_id)
            self._conflict(place, f"Both sides changed {place.name} differently.", mine, their)
        return _woven(ours, theirs)

    def _conflict(self, place: _Place, what: str, ours: object, theirs: object) -> None:
        self.conflicts.append(Conflict(place.node_id, what, ours, theirs, place.option_id))


def _json(item: Node | Option | None) -> object:
    return None if item is None else item.model_dump(mode="json", exclude_defaults=True)


def _by_id(items: Iterable[_Item]) -> dict[str, _Item]:
    return {item.id: item for item in items}


def _woven(leading: Sequence[str], other: Sequence[str]) -> list[str]:
    """The leading order with the rest of the other, each after what it follows there."""
    woven = list(leading)
    shared = set(other)
    for index, option_id in enumerate(other):
        if option_id in leading:
            continue
        place = woven.index(other[index - 1]) + 1 if index else 0
        while place < len(woven) and woven[place] not in shared:
            place += 1
        woven.insert(place, option_id)
    return woven


def _fresh_node_ids(old: FlowDefinition, mine: FlowDefinition, their: FlowDefinition) -> dict[str, str]:
    """New ids for their added nodes whose ids we gave to other nodes of ours."""
    before, ours = _by_id(old.nodes), _by_id(mine.nodes)
    used = {node.id for side in (old, mine, their) for node in side.nodes}
    return {
        node.id: _fresh_id(node.id, used)
        for node in their.nodes
        if node.id not in before and ours.get(node.id, node) != node
    }


def _fresh_id(taken: str, used: set[str]) -> str:
    """An id like the taken one that is not used yet; it is used from now on."""
    fresh = next(name for number in count(2) if (name := f"{taken[:35]}-{number}") not in used)
    used.add(fresh)
    return fresh


def _with_our_names(
    old: FlowDefinition, mine: FlowDefinition, their: FlowDefinition, names: Mapping[str, str]
) -> FlowDefinition:
    """Their definition with the new node ids, and with option ids that fit ours.

    An answer that both sides added to a node is one answer if it has the same label, and two if it
    only has the same id.
    """
    before, ours = _by_id(old.nodes), _by_id(mine.nodes)
    nodes = []
    for node in their.nodes:
        options = [o.model_copy(update={"next": names.get(o.next, o.next)}) for o in node.options]
        if node.id in ours and node.id not in names:
            old_options = before[node.id].options if node.id in before else ()
            options = _with_our_option_ids(old_options, ours[node.id].options, options)
        nodes.append(node.model_copy(update={"id": names.get(node.id, node.id), "options": options}))
    return their.model_copy(update={"root": names.get(their.root, their.root), "nodes": nodes})


def _with_our_option_ids(old: Sequence[Option], ours: Sequence[Option], theirs: Sequence[Option]) -> list[Option]:
    before = {option.id for option in old}
    our_added = {option.id: fold_label(option.label) for option in ours if option.id not in before}
    our_ids = {label: option_id for option_id, label in our_added.items()}
    used = before | set(our_added) | {option.id for option in theirs}
    renamed = []
    for option in theirs:
        option_id = option.id
        if option_id not in before:
            if (label := fold_label(option.label)) in our_ids:
                option_id = our_ids[label]
            elif option_id in our_added:
                option_id = _fresh_id(option_id, used)
        renamed.append(option.model_copy(update={"id": option_id}))
    return renamed
