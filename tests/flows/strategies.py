"""Hypothesis strategies for flow definitions: valid ones, valid edits of them, and broken ones."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from flowpilot.flows.definition import ENDINGS, Definition, fold_label
from flowpilot.flows.validation import validate_definition

Draw = Callable[[st.SearchStrategy[Any]], Any]

# A busy machine makes examples slow, not wrong.
modest = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"))
_WORDS = ("Wi-Fi", "printer", "is it on?", "Neustart", "再起動", "İ", "ß", "<b>&\"'", "a\nb\tc", "🙂")

ids = st.text("abcXYZ019_-", min_size=1, max_size=6)
texts = st.one_of(st.sampled_from(_WORDS), st.text(_CHARACTERS, min_size=1, max_size=20).filter(str.strip))
labels = st.one_of(st.sampled_from(["Yes", "No", "Done", "Not sure"]), texts)


def _options(draw: Draw, targets: list[str]) -> list[dict[str, str]]:
    """One option for each target, with ids and labels that are unique in a node."""
    count = len(targets)
    option_ids = draw(st.lists(ids, min_size=count, max_size=count, unique=True))
    names = draw(st.lists(labels, min_size=count, max_size=count, unique_by=fold_label))
    return [
        {"id": option_id, "label": name, "next": target}
        for option_id, name, target in zip(option_ids, names, targets, strict=True)
    ]


def _ending(draw: Draw, node_id: str) -> dict[str, Any]:
    return {"id": node_id, "kind": draw(st.sampled_from(sorted(ENDINGS))), "text": draw(texts)}


def _step(draw: Draw, node_id: str, targets: list[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["question", "action"]))
    node = {"id": node_id, "kind": kind, "text": draw(texts), "options": _options(draw, targets)}
    if help_texts := draw(st.lists(texts, max_size=2)):
        node["help"] = help_texts
    return node


@st.composite
def definitions(draw: Draw, max_nodes: int = 8) -> Definition:
    """A valid definition in canonical form: a tree, some joins, the nodes in any order."""
    names = draw(st.lists(ids, min_size=1, max_size=max_nodes, unique=True))
    children: dict[str, list[str]] = {name: [] for name in names}
    for index, name in enumerate(names[1:], start=1):
        children[draw(st.sampled_from(names[:index]))].append(name)
    for index, name in enumerate(names):
        if children[name] and index + 1 < len(names):  # a join leads on to any later node
            children[name] += draw(st.lists(st.sampled_from(names[index + 1 :]), max_size=2))
    nodes = [_step(draw, name, targets) if targets else _ending(draw, name) for name, targets in children.items()]
    return {"schema_version": 1, "root": names[0], "nodes": draw(st.permutations(nodes))}


@st.composite
def edited(draw: Draw, definition: Definition, max_edits: int = 4) -> Definition:
    """The definition after some edits such as people make, still valid."""
    for edit in draw(st.lists(st.sampled_from(EDITS), max_size=max_edits)):
        changed = copy.deepcopy(definition)
        edit(draw, changed)
        _drop_unreachable(changed)
        if not validate_definition(changed):
            definition = changed
    return definition


def _any_node(draw: Draw, definition: Definition, *, with_options: bool = False) -> dict[str, Any]:
    nodes = [node for node in definition["nodes"] if node.get("options") or not with_options]
    return draw(st.sampled_from(nodes or definition["nodes"]))


def _any_id(draw: Draw, definition: Definition) -> str:
    return _any_node(draw, definition)["id"]


def _fresh_id(draw: Draw, definition: Definition) -> str:
    used = {node["id"] for node in definition["nodes"]}
    return draw(ids.filter(lambda name: name not in used))


def reword(draw: Draw, definition: Definition) -> None:
    _any_node(draw, definition)["text"] = draw(texts)


def rewrite_help(draw: Draw, definition: Definition) -> None:
    _any_node(draw, definition)["help"] = draw(st.lists(texts, min_size=1, max_size=2))


def add_branch(draw: Draw, definition: Definition) -> None:
    node_id = _fresh_id(draw, definition)
    option = {"id": draw(ids), "label": draw(labels), "next": node_id}
    options = _any_node(draw, definition, with_options=True).get("options", [])
    options.insert(draw(st.integers(0, len(options))), option)
    definition["nodes"].append(_ending(draw, node_id))


def grow_ending(draw: Draw, definition: Definition) -> None:
    node = _any_node(draw, definition)
    if node["kind"] in ENDINGS:
        node_id = _fresh_id(draw, definition)
        node.update(kind="action", options=_options(draw, [node_id]))
        definition["nodes"].append(_ending(draw, node_id))


def end_early(draw: Draw, definition: Definition) -> None:
    node = _any_node(draw, definition)
    node["kind"] = "resolution"
    node.pop("options", None)


def remove_option(draw: Draw, definition: Definition) -> None:
    options = _any_node(draw, definition, with_options=True).get("options", [])
    if len(options) > 1:
        options.remove(draw(st.sampled_from(options)))


def change_option(draw: Draw, definition: Definition) -> None:
    options = _any_node(draw, definition, with_options=True).get("options", [])
    if options:
        option = draw(st.sampled_from(options))
        value = {"id": draw(ids), "label": draw(labels), "next": _any_id(draw, definition)}
        field = draw(st.sampled_from(sorted(value)))
        option[field] = value[field]


def reorder_options(draw: Draw, definition: Definition) -> None:
    node = _any_node(draw, definition, with_options=True)
    if options := node.get("options"):
        node["options"] = draw(st.permutations(options))


def rename_node(draw: Draw, definition: Definition) -> None:
    before, after = _any_id(draw, definition), _fresh_id(draw, definition)
    if definition["root"] == before:
        definition["root"] = after
    for node in definition["nodes"]:
        node["id"] = after if node["id"] == before else node["id"]
        for option in node.get("options", []):
            option["next"] = after if option["next"] == before else option["next"]


def move_root(draw: Draw, definition: Definition) -> None:
    definition["root"] = _any_id(draw, definition)


EDITS: tuple[Callable[[Draw, Definition], None], ...] = (
    reword,
    rewrite_help,
    add_branch,
    grow_ending,
    end_early,
    remove_option,
    change_option,
    reorder_options,
    rename_node,
    move_root,
)


def _drop_unreachable(definition: Definition) -> None:
    nodes = {node["id"]: node for node in definition["nodes"]}
    reached, pending = set(), [definition["root"]]
    while pending:
        node_id = pending.pop()
        if node_id in nodes and node_id not in reached:
            reached.add(node_id)
            pending += [option["next"] for option in nodes[node_id].get("options", [])]
    definition["nodes"] = [node for node in definition["nodes"] if node["id"] in reached]


def by_id(definition: Definition) -> Definition:
    """The definition with its nodes sorted, to compare what differs only in their order."""
    return {**definition, "nodes": sorted(definition["nodes"], key=lambda node: node["id"])}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["schema_version", "root", "nodes", "id", "kind", "text"])
            | st.sampled_from(["help", "options", "label", "next", "\ud800", "a~/b", "\x00"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)
