"""The structural difference of two definitions, and how to apply it.

Nodes and options are the same when they have the same id. Where an id is gone, a node of the same
kind and text at the same place (the root, or behind the same answer), or an option of the same label
in the same node, is the same under a new id.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from flowpilot.flows.changes import (
    NODE_FIELDS,
    FlowDiff,
    NodeChange,
    NodePart,
    OptionChange,
    OptionPlace,
    Renaming,
    Reordering,
)
from flowpilot.flows.definition import Definition, FlowDefinition, Node, Option, fold_label
from flowpilot.flows.validation import require_valid

__all__ = ["DiffDoesNotApply", "FlowDiff", "apply_diff", "diff_definitions"]


class DiffDoesNotApply(Exception):
    """The difference was made from another base; the message says where they part."""


def diff_definitions(base: object, proposed: object) -> FlowDiff:
    """The difference from one valid definition (JSON form) to another; raises InvalidDefinition.

    `apply_diff(base, diff)` gives the proposed definition again, but for the order of its nodes.
    """
    old, new = _read(base), _read(proposed)
    old_nodes, new_nodes = _by_id(old.nodes), _by_id(new.nodes)
    names = _match_nodes(old, new)
    kept = set(names.values())
    node_changes = [_node_changes(old_nodes[before], new_nodes[after]) for before, after in names.items()]
    options = [_diff_options(old_nodes[before], new_nodes[after], names) for before, after in names.items()]
    return FlowDiff(
        root=Renaming(before=old.root, after=new.root) if old.root != new.root else None,
        renamed_nodes=[Renaming(before=b, after=a) for b, a in names.items() if b != a],
        added_nodes=[node for node in new.nodes if node.id not in kept],
        removed_nodes=[node for node in old.nodes if node.id not in names],
        changed_nodes=[change for changes in node_changes for change in changes],
        added_options=[place for part in options for place in part.added_options],
        removed_options=[place for part in options for place in part.removed_options],
        changed_options=[change for part in options for change in part.changed_options],
        reordered_options=[order for part in options for order in part.reordered_options],
    )


def apply_diff(base: object, diff: FlowDiff) -> Definition:
    """The definition (canonical JSON) that the difference makes of its base.

    Raises DiffDoesNotApply when the base is not the one it was made from, as far as it touches it,
    and InvalidDefinition when base or result is not valid.
    """
    old = _read(base)
    names = _checked_names(old, diff)
    gone = {node.id for node in diff.removed_nodes}
    parts = _parts_by_node(diff)
    nodes = [_apply_to_node(node, parts, names) for node in old.nodes if node.id not in gone]
    for node_id in parts.keys() - {node.id for node in nodes}:
        raise DiffDoesNotApply(f"There is no node “{node_id}” to change.")
    result = FlowDefinition.model_construct(
        schema_version=old.schema_version,
        root=diff.root.after if diff.root else old.root,
        nodes=[*nodes, *diff.added_nodes],
    ).to_json()
    require_valid(result)
    return result


def _read(definition: object) -> FlowDefinition:
    require_valid(definition)
    return FlowDefinition.model_validate(definition)


def _by_id(nodes: Sequence[Node]) -> dict[str, Node]:
    return {node.id: node for node in nodes}


def _match_nodes(old: FlowDefinition, new: FlowDefinition) -> dict[str, str]:
    """Base id -> proposed id of every node that stays, in the order of the base."""
    old_nodes, new_nodes = _by_id(old.nodes), _by_id(new.nodes)
    names = {node_id: node_id for node_id in old_nodes if node_id in new_nodes}
    taken = set(names)

    def places_behind(before: str) -> list[tuple[str, str]]:
        pairs = _match_options(old_nodes[before].options, new_nodes[names[before]].options)
        return [(old_option.next, new_option.next) for old_option, new_option in pairs]

    places = [(old.root, new.root)]
    for node_id in names:
        places += places_behind(node_id)
    for before, after in places:  # which grows: a match opens the places behind it
        is_open = before not in names and after not in taken
        if is_open and _is_alike(old_nodes[before], new_nodes[after]):
            names[before] = after
            taken.add(after)
            places += places_behind(before)
    return {node_id: names[node_id] for node_id in old_nodes if node_id in names}


def _is_alike(old: Node, new: Node) -> bool:
    return old.kind == new.kind and fold_label(old.text) == fold_label(new.text)


def _match_options(old: Sequence[Option], new: Sequence[Option]) -> list[tuple[Option, Option]]:
    """The options of one node that stay, in the order of the base: by id, the rest by label."""
    old_ids = {option.id for option in old}
    by_id = {option.id: option for option in new}
    by_label = {fold_label(o.label): o for o in new if o.id not in old_ids}
    pairs = ((o, by_id.get(o.id) or by_label.get(fold_label(o.label))) for o in old)
    return [(before, after) for before, after in pairs if after is not None]


def _node_changes(old: Node, new: Node) -> list[NodeChange]:
    return [
        NodeChange(
            node_id=new.id,
            kind=new.kind,
            field=field,
            before=getattr(old, field),
            after=getattr(new, field),
        )
        for field in NODE_FIELDS
        if getattr(old, field) != getattr(new, field)
    ]


def _diff_options(old: Node, new: Node, names: Mapping[str, str]) -> FlowDiff:
    pairs = _match_options(old.options, new.options)
    stayed = {before.id for before, _ in pairs}
    kept = [after.id for _, after in pairs]
    reordered = [option.id for option in new.options if option.id in set(kept)]
    return FlowDiff(
        added_options=[
            OptionPlace(node_id=new.id, position=position, option=option)
            for position, option in enumerate(new.options)
            if option.id not in kept
        ],
        removed_options=[
            OptionPlace(node_id=new.id, position=position, option=option)
            for position, option in enumerate(old.options)
            if option.id not in stayed
        ],
        changed_options=[
            OptionChange(node_id=new.id, before=before, after=after)
            for before, after in pairs
            if _renamed(before, names) != after
        ],
        reordered_options=[Reordering(node_id=new.id, option_ids=reordered)] if kept != reordered else [],
    )


def _renamed(option: Option, names: Mapping[str, str]) -> Option:
    return option.model_copy(update={"next": names.get(option.next, option.next)})


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise DiffDoesNotApply(message)


def _checked_names(old: FlowDefinition, diff: FlowDiff) -> dict[str, str]:
    nodes = _by_id(old.nodes)
    for node in diff.removed_nodes:
        _check(nodes.get(node.id) == node, f"The node “{node.id}” to remove is not as it was.")
    for renaming in diff.renamed_nodes:
        _check(renaming.before in nodes, f"There is no node “{renaming.before}” to rename.")
    if diff.root:
        _check(diff.root.before == old.root, f"The root is no longer “{diff.root.before}”.")
    return {renaming.before: renaming.after for renaming in diff.renamed_nodes}


def _parts_by_node(diff: FlowDiff) -> dict[str, FlowDiff]:
    """The part of the difference that lies in each node that stays, by its proposed id."""
    fields: dict[str, dict[str, list[NodePart]]] = defaultdict(lambda: defaultdict(list))
    parts: dict[str, Sequence[NodePart]] = {
        "changed_nodes": diff.changed_nodes,
        "added_options": diff.added_options,
        "removed_options": diff.removed_options,
        "changed_options": diff.changed_options,
        "reordered_options": diff.reordered_options,
    }
    for name, items in parts.items():
        for part in items:
            fields[part.node_id][name].append(part)
    return {node_id: FlowDiff().model_copy(update=lists) for node_id, lists in fields.items()}


def _apply_to_node(node: Node, parts: Mapping[str, FlowDiff], names: Mapping[str, str]) -> Node:
    node_id = names.get(node.id, node.id)
    part = parts.get(node_id, FlowDiff())
    update: dict[str, object] = {"id": node_id}
    for change in part.changed_nodes:
        as_it_was = getattr(node, change.field) == change.before
        _check(as_it_was, f"The {change.field} of the node “{node_id}” is not as it was.")
        update[change.field] = change.after
    update["options"] = _apply_to_options(node.options, part, names, where=f"the node “{node_id}”")
    return node.model_copy(update=update)


def _apply_to_options(options: list[Option], part: FlowDiff, names: Mapping[str, str], *, where: str) -> list[Option]:
    removed = {place.option.id: place.option for place in part.removed_options}
    changed = {change.before.id: change for change in part.changed_options}
    by_id = {option.id: option for option in options}
    for option in [*removed.values(), *(change.before for change in changed.values())]:
        is_there = by_id.get(option.id) == option
        _check(is_there, f"The answer “{option.id}” of {where} is not as it was.")
    kept = [
        changed[option.id].after if option.id in changed else _renamed(option, names)
        for option in options
        if option.id not in removed
    ]
    for order in part.reordered_options:
        same = sorted(order.option_ids) == sorted(option.id for option in kept)
        _check(same, f"The answers of {where} are not those that were reordered.")
        kept.sort(key=lambda option: order.option_ids.index(option.id))
    for place in sorted(part.added_options, key=lambda place: place.position):
        kept.insert(place.position, place.option)
    return kept
