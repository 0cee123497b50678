"""Reading a valid definition as a graph: who follows whom, how deep, which way leads where."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from flowpilot.flows.definition import FlowDefinition, Node, Option, fold_label
from flowpilot.flows.validation import require_valid


class UnknownNode(LookupError):
    """The flow has no node of this id."""


class UnknownOption(LookupError):
    """The node has no option of this id."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One answer of a node; it leads to `option.next`."""

    source: str
    option: Option


class FlowGraph:
    """A read-only view of a valid definition; nodes are named by their ids.

    Takes the JSON form and raises InvalidDefinition unless it is valid, so every walk ends.
    Looking up a node or an option that is not there raises UnknownNode or UnknownOption.
    """

    def __init__(self, definition: object) -> None:
        require_valid(definition)
        self.definition = FlowDefinition.model_validate(definition)
        self.nodes: Mapping[str, Node] = MappingProxyType({node.id: node for node in self.definition.nodes})

    @property
    def root(self) -> Node:
        return self.nodes[self.definition.root]

    def node(self, node_id: str) -> Node:
        try:
            return self.nodes[node_id]
        except KeyError:
            raise UnknownNode(f"The flow has no node “{node_id}”.") from None

    def option(self, node_id: str, option_id: str) -> Option:
        for option in self.node(node_id).options:
            if option.id == option_id:
                return option
        raise UnknownOption(f"The node “{node_id}” has no answer “{option_id}”.")

    def option_labelled(self, node_id: str, label: str) -> Option | None:
        """The node's answer with this label, whatever its case and spacing; None without one."""
        folded = fold_label(label)
        for option in self.node(node_id).options:
            if fold_label(option.label) == folded:
                return option
        return None

    def step(self, node_id: str, option_id: str) -> Node:
        """The node that this answer leads to."""
        return self.nodes[self.option(node_id, option_id).next]

    def children(self, node_id: str) -> tuple[str, ...]:
        """The nodes this one leads to, each once, in the order of its answers."""
        return tuple(dict.fromkeys(option.next for option in self.node(node_id).options))

    def parents(self, node_id: str) -> tuple[str, ...]:
        """The nodes that lead to this one, each once, in the order of the definition."""
        return tuple(dict.fromkeys(edge.source for edge in self.edges_into(node_id)))

    def edges_into(self, node_id: str) -> tuple[Edge, ...]:
        """The answers that lead to this node, in the order of the definition."""
        return tuple(self._edges_into[self.node(node_id).id])

    def depth(self, node_id: str) -> int:
        """The number of answers on the longest way from the root (whose depth is 0)."""
        return self._depths[self.node(node_id).id]

    def path_to(self, node_id: str) -> tuple[Edge, ...]:
        """A shortest way from the root: the answers to give; empty for the root itself.

        Of several shortest ways it is the one whose first differing answer stands first.
        """
        path: list[Edge] = []
        here = self.node(node_id).id
        while (edge := self._first_edges.get(here)) is not None:
            path.append(edge)
            here = edge.source
        return tuple(reversed(path))

    @cached_property
    def max_depth(self) -> int:
        """The number of answers on the longest way through the flow."""
        return max(self._depths.values())

    @cached_property
    def terminals(self) -> tuple[str, ...]:
        """The resolutions and escalations, in the order of the definition."""
        return tuple(node.id for node in self.nodes.values() if node.is_ending)

    @cached_property
    def topological_order(self) -> tuple[str, ...]:
        """All nodes, the root first, each before every node it leads to."""
        missing = {node_id: len(edges) for node_id, edges in self._edges_into.items()}
        order = [self.root.id]
        for node_id in order:
            for option in self.nodes[node_id].options:
                missing[option.next] -= 1
                if not missing[option.next]:
                    order.append(option.next)
        return tuple(order)

    @cached_property
    def _edges_into(self) -> dict[str, list[Edge]]:
        edges: dict[str, list[Edge]] = {node_id: [] for node_id in self.nodes}
        for node in self.nodes.values():
            for option in node.options:
                edges[option.next].append(Edge(node.id, option))
        return edges

    @cached_property
    def _depths(self) -> dict[str, int]:
        depths = {self.root.id: 0}
        for node_id in self.topological_order:
            for option in self.nodes[node_id].options:
                depths[option.next] = max(depths.get(option.next, 0), depths[node_id] + 1)
        return depths

    @cached_property
    def _first_edges(self) -> dict[str, Edge | None]:
        first: dict[str, Edge | None] = {self.root.id: None}
        pending = deque([self.root.id])
        while pending:
            node_id = pending.popleft()
            for option in self.nodes[node_id].options:
                if option.next not in first:
                    first[option.next] = Edge(node_id, option)
                    pending.append(option.next)
        return first
