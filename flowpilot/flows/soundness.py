"""What a JSON Schema cannot say of a flow definition: counts, uniqueness, links and the graph.

Works on the well-formed parts of any JSON value, so that one malformed node hides no fault of another.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flowpilot.flows.definition import (
    ENDINGS,
    MAX_DEPTH,
    MAX_HELP,
    MAX_NODES,
    MAX_OPTIONS,
    fold_label,
)

Path = tuple[str | int, ...]

_NAMED_IN_CYCLE = 12  # a longer cycle is named by its beginning and its end


class Fault(NamedTuple):
    """One fault at a path of keys and indexes from the top of the definition."""

    path: Path
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class _Edge:
    path: Path  # of the option's `next`
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class _Draft:
    """The parts of a perhaps malformed definition that can be judged as a graph."""

    paths: dict[str, Path] = field(default_factory=dict)  # node id -> path of its first node
    edges: dict[str, list[_Edge]] = field(default_factory=dict)  # only between known nodes
    dangling: list[_Edge] = field(default_factory=list)
    root: str | None = None


def printable(text: str, longest: int | None = None) -> str:
    """The text without anything a page, a log or PostgreSQL chokes on, cut to `longest`."""
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def find_faults(obj: object) -> Iterator[Fault]:
    """Every fault of counts, uniqueness, links and graph, in no particular order."""
    if not isinstance(obj, dict) or not isinstance(obj.get("nodes"), list):
        return
    nodes = obj["nodes"]
    if not nodes:
        yield Fault(("nodes",), "too_few", "A flow has at least one node.")
    yield from _count(("nodes",), nodes, MAX_NODES, "nodes")
    yield from _repeated(
        (("nodes", index, "id"), node["id"])
        for index, node in enumerate(nodes)
        if isinstance(node, dict) and isinstance(node.get("id"), str)
    )
    for index, node in enumerate(nodes):
        if isinstance(node, dict):
            yield from _node_faults(("nodes", index), node)
    draft = _read(nodes, obj.get("root"))
    yield from _link_faults(draft, obj.get("root"))
    yield from _graph_faults(draft)


def _node_faults(path: Path, node: dict[str, Any]) -> Iterator[Fault]:
    yield from _count((*path, "help"), node.get("help"), MAX_HELP, "help texts")
    options = node.get("options", [])
    if not isinstance(options, list):
        return
    kind, here = node.get("kind"), (*path, "options")
    if kind in ("question", "action") and not options:
        message = f"This {kind} has no answers, so the flow stops here without an end."
        yield Fault(here, "dead_end", message)
    if isinstance(kind, str) and kind in ENDINGS and options:
        yield Fault(here, "ending_has_options", f"A node of kind “{kind}” has no answers.")
    yield from _count(here, options, MAX_OPTIONS, "answers")
    named = [(index, option) for index, option in enumerate(options) if isinstance(option, dict)]
    yield from _repeated(
        ((*here, index, "id"), option["id"]) for index, option in named if isinstance(option.get("id"), str)
    )
    yield from _repeated(
        (((*here, index, "label"), option["label"]) for index, option in named if isinstance(option.get("label"), str)),
        code="repeated_label",
        fold=fold_label,
    )


def _count(path: Path, items: object, most: int, name: str) -> Iterator[Fault]:
    if isinstance(items, list) and len(items) > most:
        yield Fault(path, "too_many", f"{len(items)} {name}; at most {most} are allowed.")


def _repeated(
    places: Iterable[tuple[Path, str]],
    code: str = "repeated_id",
    fold: Callable[[str], str] = str,
) -> Iterator[Fault]:
    first: dict[str, Path] = {}
    for path, value in places:
        before = first.setdefault(fold(value), path)
        if before is not path:
            number = before[-2]
            what = "label" if code == "repeated_label" else "id"
            message = f"The {what} “{printable(value, 60)}” is already used by item {number} here."
            yield Fault(path, code, message)


def _read(nodes: list[Any], root: object) -> _Draft:
    draft = _Draft(root=root if isinstance(root, str) else None)
    known = [
        (index, node) for index, node in enumerate(nodes) if isinstance(node, dict) and isinstance(node.get("id"), str)
    ]
    for index, node in known:
        draft.paths.setdefault(node["id"], ("nodes", index))
        draft.edges.setdefault(node["id"], [])
    for index, node in known:
        options = node.get("options")
        for place, option in enumerate(options if isinstance(options, list) else []):
            target = option.get("next") if isinstance(option, dict) else None
            if isinstance(target, str):
                # Nodes that share an id share their edges: better than to call their children lost.
                edge = _Edge(("nodes", index, "options", place, "next"), node["id"], target)
                (draft.edges[node["id"]] if target in draft.paths else draft.dangling).append(edge)
    return draft


def _link_faults(draft: _Draft, root: object) -> Iterator[Fault]:
    if isinstance(root, str) and root not in draft.paths:
        message = f"The root “{printable(root, 60)}” is not the id of a node."
        yield Fault(("root",), "root_unknown", message)
    for edge in draft.dangling:
        message = f"This answer leads to “{printable(edge.target, 60)}”, which is not a node."
        yield Fault(edge.path, "next_unknown", message)


def _graph_faults(draft: _Draft) -> Iterator[Fault]:
    order, closing = _depth_first(draft)
    for edge, cycle in closing:
        yield Fault(edge.path, "cycle", f"This answer leads back in a circle: {cycle}.")
    if draft.root not in draft.paths:
        return  # without a root nothing is reachable: the root's own fault says so once
    reached = _reachable(draft, draft.root)
    for node_id, path in draft.paths.items():
        if node_id not in reached:
            yield Fault(path, "unreachable", "No way from the root leads to this node.")
    depths = _depths(draft, draft.root, order, {edge for edge, _ in closing})
    for node_id, depth in depths.items():
        if depth == MAX_DEPTH + 1:  # what lies deeper on the same way is the same fault
            message = f"It takes more than {MAX_DEPTH} answers to come here; that is the limit."
            yield Fault(draft.paths[node_id], "too_deep", message)


def _depth_first(draft: _Draft) -> tuple[list[str], list[tuple[_Edge, str]]]:
    """The nodes, each before all it leads to, and the edges that close a cycle, named.

    The order disregards the closing edges; without them the graph has no cycle.
    """
    finished: list[str] = []
    closing: list[tuple[_Edge, str]] = []
    seen: set[str] = set()
    first = [draft.root] if draft.root in draft.paths else []
    for start in [*first, *draft.paths]:
        if start in seen:
            continue
        seen.add(start)
        way = {start: 0}  # the nodes of the present way, in order, and their places in it
        pending = [(start, iter(draft.edges[start]))]
        while pending:
            node_id, edges = pending[-1]
            edge = next(edges, None)
            if edge is None:
                pending.pop()
                del way[node_id]
                finished.append(node_id)
            elif edge.target in way:
                closing.append((edge, _cycle_names(pending, way[edge.target])))
            elif edge.target not in seen:
                seen.add(edge.target)
                way[edge.target] = len(pending)
                pending.append((edge.target, iter(draft.edges[edge.target])))
    return finished[::-1], closing


def _cycle_names(way: Sequence[tuple[str, object]], start: int) -> str:
    """The cycle from way[start] to the end of the way and back, in words."""
    left_out = len(way) - start - _NAMED_IN_CYCLE
    shown = way[start:] if left_out <= 0 else way[start : start + _NAMED_IN_CYCLE - 1]
    names = [printable(node_id, 40) for node_id, _ in shown]
    if left_out > 0:
        names += [f"… {left_out} more …", printable(way[-1][0], 40)]
    return " → ".join([*names, names[0]])


def _reachable(draft: _Draft, root: str) -> set[str]:
    reached, pending = {root}, deque([root])
    while pending:
        for edge in draft.edges[pending.popleft()]:
            if edge.target not in reached:
                reached.add(edge.target)
                pending.append(edge.target)
    return reached


def _depths(draft: _Draft, root: str, order: list[str], closing: set[_Edge]) -> dict[str, int]:
    """The number of answers on the longest way from the root to each node it reaches."""
    depths = {root: 0}
    for node_id in order:
        if node_id in depths:
            for edge in draft.edges[node_id]:
                if edge not in closing:
                    depths[edge.target] = max(depths.get(edge.target, 0), depths[node_id] + 1)
    return depths
