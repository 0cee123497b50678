"""A published definition while it is being changed."""

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proposals.mining.answers import AnswerExample
from proposals.mining.examples import FlowExamples
from proposals.mining.steptable import fold

Place = tuple[str, int]
Edge = tuple[str, str]  # node id, option id


@dataclass
class Draft:
    """Nodes by id, what was said at them, and what the change rests on so far."""

    root: str
    rest: dict[str, Any]  # the definition's other fields
    nodes: dict[str, dict[str, Any]]
    prompts: dict[str, list[str]]
    answers: dict[str, dict[str, list[AnswerExample]]]
    problems: list[str]
    evidence: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    sessions: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    redirected: set[Edge] = field(default_factory=set)  # options of the base that lead elsewhere now, or are gone

    added: set[Edge] = field(default_factory=set)  # options that the base does not have, at nodes that it has

    @classmethod
    def of(cls, definition: Mapping[str, Any], examples: FlowExamples) -> "Draft":
        rest = copy.deepcopy({name: value for name, value in definition.items() if name not in ("root", "nodes")})
        return cls(
            root=str(definition["root"]),
            rest=rest,
            nodes={str(node["id"]): copy.deepcopy(dict(node)) for node in definition["nodes"]},
            prompts={node: list(texts) for node, texts in examples.prompts.items()},
            answers={node: {o: list(said) for o, said in by.items()} for node, by in examples.answers.items()},
            problems=list(examples.problems),
        )

    def copy(self) -> "Draft":
        return copy.deepcopy(self)

    @property
    def definition(self) -> dict[str, Any]:
        return {**self.rest, "root": self.root, "nodes": list(self.nodes.values())}

    @property
    def examples(self) -> FlowExamples:
        return FlowExamples(self.prompts, self.answers, self.problems)

    @property
    def edges(self) -> dict[str, list[str]]:
        return {node_id: [str(option["next"]) for option in options_of(node)] for node_id, node in self.nodes.items()}

    def option(self, node_id: str, option_id: str) -> dict[str, Any]:
        """Raises LookupError where there is none."""
        for option in options_of(self.nodes[node_id]):
            if str(option["id"]) == option_id:
                return option
        raise LookupError(f"the node {node_id} has no option {option_id}")

    def target(self, node_id: str, option_id: str) -> str:
        return str(self.option(node_id, option_id)["next"])

    def is_end(self, node_id: str) -> bool:
        return not options_of(self.nodes[node_id])

    def below(self, node_id: str) -> set[str]:
        return _reached(self.edges, node_id)

    def above(self, node_id: str) -> set[str]:
        """The node itself and all from which it can be reached."""
        upward: dict[str, list[str]] = defaultdict(list)
        for source, targets in self.edges.items():
            for target in targets:
                upward[target].append(source)
        return _reached(upward, node_id)

    def retarget(self, node_id: str, option_id: str, target: str) -> None:
        self.option(node_id, option_id)["next"] = target
        self.redirected.add((node_id, option_id))

    def add_option(self, node_id: str, labels: Iterable[str], target: str) -> str:
        """Add an option by the first label that is free (the last gets a number if none is); gives its id."""
        options = self.nodes[node_id].setdefault("options", [])
        taken = {fold(str(option["label"])) for option in options}
        wishes = list(labels)
        label = next((wish for wish in wishes if fold(wish) not in taken), "")
        if not label:
            numbered = (f"{wishes[0]} ({number})" for number in range(2, len(taken) + 3))
            label = next(wish for wish in numbered if fold(wish) not in taken)
        option_id = fresh("o", {str(option["id"]) for option in options})
        options.append({"id": option_id, "label": label, "next": target})
        self.added.add((node_id, option_id))
        return option_id

    def remove_option(self, node_id: str, option_id: str) -> None:
        node = self.nodes[node_id]
        node["options"] = [option for option in node["options"] if str(option["id"]) != option_id]
        self.redirected.add((node_id, option_id))

    def drop_unreachable(self) -> None:
        kept = self.below(self.root)
        self.nodes = {node_id: node for node_id, node in self.nodes.items() if node_id in kept}
        for by_node in (self.prompts, self.answers, self.evidence):
            for node_id in [node_id for node_id in by_node if node_id not in kept]:
                del by_node[node_id]

    def cycle(self) -> list[Edge]:
        """The options of one cycle, if there is any."""
        state: dict[str, int] = {}
        way: list[Edge] = []

        def visit(node_id: str) -> list[Edge]:
            state[node_id] = 1
            for option in options_of(self.nodes[node_id]):
                target = str(option["next"])
                way.append((node_id, str(option["id"])))
                if state.get(target) == 1:
                    start = next(place for place, edge in enumerate(way) if edge[0] == target)
                    return way[start:]
                if target not in state and (found := visit(target)):
                    return found
                way.pop()
            state[node_id] = 2
            return []

        return visit(self.root)


def _reached(edges: Mapping[str, Iterable[str]], start: str) -> set[str]:
    found, todo = {start}, [start]
    while todo:
        new = set(edges.get(todo.pop(), ())) - found
        found |= new
        todo += new
    return found


def options_of(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    return node.get("options") or []


def fresh(letter: str, taken: set[str]) -> str:
    """An id that is not taken."""
    number = len(taken) + 1
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"
