"""The flows that the sample account has from the start, as definitions."""

from collections.abc import Mapping
from typing import Any

from flowpilot.sample.model import Node, Topic
from flowpilot.sample.topics import TOPICS

SCHEMA_VERSION = 1


def published_flows() -> list[dict[str, Any]]:
    """Dicts with `key`, `title`, `description`, `problem_domain`, `team` and `definition`."""
    return [
        {
            "key": topic.flow.key,
            "title": topic.flow.title,
            "description": topic.flow.description,
            "problem_domain": topic.domain,
            "team": topic.team,
            "definition": flow_definition(topic),
        }
        for topic in TOPICS
        if topic.flow
    ]


def published_tree(topic: Topic) -> tuple[str, dict[str, Node]]:
    """Root and nodes of the topic's flow as published; raises ValueError where there is none."""
    if topic.flow is None:
        raise ValueError(f"{topic.key} has no published flow")
    nodes = {**topic.nodes, **{node.key: node for node in topic.flow.nodes}}
    root = topic.flow.root or topic.root
    return root, _reachable(nodes, root)


def flow_definition(topic: Topic) -> dict[str, Any]:
    root, nodes = published_tree(topic)
    return {
        "schema_version": SCHEMA_VERSION,
        "root": root,
        "nodes": [_node_definition(node) for node in nodes.values()],
    }


def _reachable(nodes: Mapping[str, Node], root: str) -> dict[str, Node]:
    found: dict[str, Node] = {}
    waiting = [root]
    while waiting:
        node = nodes[waiting.pop()]
        if node.key not in found:
            found[node.key] = node
            waiting += [item.to for item in reversed(node.answers) if item.published]
    return found


def _node_definition(node: Node) -> dict[str, Any]:
    # A definition knows no scripts of its own: running one is something the technician does.
    kind = "action" if node.kind == "script" else node.kind
    definition: dict[str, Any] = {"id": node.key, "kind": kind, "text": node.texts[0]}
    if node.help:
        definition["help"] = [told for _, told in node.help]
    options = [item for item in node.answers if item.published]
    if options:
        definition["options"] = [
            {"id": f"o{place}", "label": item.label, "next": item.to} for place, item in enumerate(options, start=1)
        ]
    return definition
