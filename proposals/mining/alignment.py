"""Which nodes of a flow the nodes mined from other sessions are."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proposals.mining.engine import MinedFlow
from proposals.mining.polarity import says_yes_or_no
from proposals.mining.prompts import PromptMatcher
from proposals.mining.records import Record, Step
from proposals.mining.steptable import fold

SAME = 0.4  # likeness from which a mined node is a node of the flow
OWN_WORDS = 0.1  # share of a mined node's prompts in the very words of the flow's node that says as much
SAME_LABELS = 0.5  # likeness that the same telling options add
BELOW = 0.05  # likeness that lying below the way out adds
TOGETHER = 0.1  # of the rarer's sessions that visit both mined nodes: then they are two

Place = tuple[str, int]


@dataclass(frozen=True)
class Mined:
    """What was mined from the tails of sessions, with the very steps."""

    flow: MinedFlow
    steps: Mapping[Place, Step]
    node_of: Mapping[Place, str]

    @classmethod
    def of(cls, flow: MinedFlow, tails: Sequence[Record]) -> "Mined":
        steps = {(record.key, step.index): step for record in tails for step in record.steps}
        return cls(flow, steps, {place: node for node, places in flow.evidence.items() for place in places})

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        return {str(node["id"]): node for node in self.flow.definition["nodes"]}

    def steps_at(self, node: str) -> list[Step]:
        return [self.steps[place] for place in self.flow.evidence[node] if place in self.steps]

    def sessions_at(self, node: str) -> set[str]:
        return {key for key, _ in self.flow.evidence[node]}


def align(
    mined: Mined,
    nodes: Sequence[Mapping[str, Any]],
    prompts: Mapping[str, Sequence[str]],
    *,
    below: set[str],
) -> dict[str, str]:
    """Mined node id -> id of the node among `nodes` that it is; mined nodes that are none of them are left out.

    Several mined nodes may be one node of the flow (mining had parted its wordings), but not two that come together in
    sessions. `below` are the ids that are likelier than the rest.
    """
    asked = [node for node in mined.nodes if mined.steps_at(node)]
    if not asked or not nodes:
        return {}
    likeness = _likeness(mined, asked, nodes, prompts)
    likeness[:, [str(node["id"]) in below for node in nodes]] += BELOW
    kinds = [mined.nodes[node]["kind"] for node in asked]
    likeness[np.array([[kind != node["kind"] for node in nodes] for kind in kinds])] = 0.0
    found: dict[str, str] = {}
    owners: dict[str, list[str]] = defaultdict(list)
    for row, column in _best_first(likeness):
        name, target = asked[row], str(nodes[column]["id"])
        if name in found or any(_come_together(mined, name, other) for other in owners[target]):
            continue
        found[name] = target
        owners[target].append(name)
    return found


def _best_first(likeness: NDArray[np.float64]) -> list[tuple[int, int]]:
    """(mined, flow) pairs that are alike enough and no less than nine tenths of the mined node's best."""
    enough = (likeness >= SAME) & (likeness >= 0.9 * likeness.max(axis=1, keepdims=True))
    pairs = [(int(row), int(column)) for row, column in np.argwhere(enough)]
    return sorted(pairs, key=lambda pair: (-likeness[pair], pair))


def _likeness(
    mined: Mined, asked: Sequence[str], nodes: Sequence[Mapping[str, Any]], prompts: Mapping[str, Sequence[str]]
) -> NDArray[np.float64]:
    """(mined x flow) likeness of what is asked, from 0 to somewhat over 1."""
    said = [Counter(fold(step.prompt) for step in mined.steps_at(node)) for node in asked]
    texts = list({text: None for counted in said for text in counted})
    row_of = {text: row for row, text in enumerate(texts)}
    by_text = PromptMatcher(nodes, prompts).likeness(texts)
    labels = [_labels(node) for node in nodes]
    answer = np.zeros((len(asked), len(nodes)))
    for row, (node, counted) in enumerate(zip(asked, said, strict=True)):
        weight = np.array(list(counted.values()), dtype=np.float64)
        alike = by_text[[row_of[text] for text in counted]]
        mean = weight @ alike / weight.sum()
        own = weight @ (alike >= 1.0) / weight.sum()
        shown = _telling({label for step in mined.steps_at(node) for label in (*step.options, step.selected_option)})
        answer[row] = np.maximum(mean, np.where(own >= OWN_WORDS, 0.5 + 0.5 * own, 0.0))
        answer[row] += [SAME_LABELS * _shared(shown, known) for known in labels]
    return answer


def _labels(node: Mapping[str, Any]) -> set[str]:
    """What a question offers; the outcomes of actions are too much alike to tell one from another."""
    if node["kind"] != "question":
        return set()
    return _telling({str(option["label"]) for option in node.get("options") or []})


def _telling(labels: set[Any]) -> set[str]:
    """The labels, folded, that say more than yes, no or done."""
    return {fold(label) for label in labels if label and not says_yes_or_no(label) and fold(label) != "done"}


def _shared(shown: set[str], known: set[str]) -> float:
    return len(shown & known) / len(shown | known) if len(known) > 1 else 0.0


def _come_together(mined: Mined, one: str, other: str) -> bool:
    here, there = mined.sessions_at(one), mined.sessions_at(other)
    return len(here & there) > TOGETHER * min(len(here), len(there))
