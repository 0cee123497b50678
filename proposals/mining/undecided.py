"""Which nodes of a flow are two by their context though their words are near: there the miner is least sure. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from proposals.mining.context import products
from proposals.mining.nodes import TEXT_ONLY, TEXT_ONLY_BIAS
from proposals.mining.text import piece_features, stems, tfidf

# Log odds by the texts alone from which two nodes may be one: a chance of 27 in a hundred.
UNDECIDED = -1.0
ASKED = ("question", "action")


@dataclass(frozen=True, slots=True)
class NodePair:
    """Two nodes that may be one, and the chance of that by their texts alone, in 0..1."""

    one: str
    other: str
    chance: float


def undecided_nodes(
    definition: Mapping[str, Any],
    prompts: Mapping[str, Sequence[str]],
    answers: Mapping[str, Sequence[str]],
    evidence: Mapping[str, Sequence[Sequence[Any]]],
) -> list[NodePair]:
    """Pairs of nodes of one kind, the nearest first.

    `prompts` and `answers` are lines behind a node, by its id; `evidence` its (session, step) pairs. Two nodes that met
    in a session are two, so they are not among the pairs.
    """
    nodes = [node for node in definition["nodes"] if node["kind"] in ASKED]
    if len(nodes) < 2:
        return []
    texts = [" ".join([str(node["text"]), *prompts.get(str(node["id"]), ())]) for node in nodes]
    said = [" ".join(sorted(answers.get(str(node["id"]), ()))) for node in nodes]
    asks = np.array(["?" in str(node["text"]) for node in nodes])
    views = {
        "stems": products(tfidf(texts, stems)),
        "pieces": products(tfidf(texts, piece_features)),
        "joint": products(tfidf([f"{a} {a} {b}" for a, b in zip(texts, said, strict=True)], stems)),
        "asks": (asks[:, None] == asks[None, :]).astype(np.float32),
    }
    odds = sum(TEXT_ONLY[name] * view for name, view in views.items()) + TEXT_ONLY_BIAS
    sessions = [{place[0] for place in evidence.get(str(node["id"]), ())} for node in nodes]
    found = [
        NodePair(str(nodes[i]["id"]), str(nodes[j]["id"]), float(1 / (1 + np.exp(-odds[i, j]))))
        for i, j in combinations(range(len(nodes)), 2)
        if nodes[i]["kind"] == nodes[j]["kind"] and odds[i, j] >= UNDECIDED and not sessions[i] & sessions[j]
    ]
    return sorted(found, key=lambda pair: -pair.chance)
