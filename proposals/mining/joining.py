"""Joining sure fragments of nodes into nodes.

A fragment's prompts, unlike a single one, have a spread of their own, so two fragments are alike
when their prompts resemble each other as much as they resemble themselves. Likewise for what comes
before and after. Fragments that follow the same question by tellingly different answers stay apart,
however alike their words.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proposals.mining.context import Context, Matrix
from proposals.mining.likeness import group_means, members, relative_likeness
from proposals.mining.linkage import average_linkage
from proposals.mining.steptable import StepTable

# Log odds of one node per unit of each feature (logistic regression on pairs of fragments of half
# of the development charts, rounded).
WEIGHTS = {
    "words": 4.4, "preceded": 5.3, "after": 3.9, "starts": 4.3, "ends": 3.3, "asks": 1.6,
    "met": -1.0, "ends_apart": -3.7, "answered_apart": -6.8, "sides_apart": -2.9,
}  # fmt: skip
BIAS = -8.4
JOIN_ABOVE = 0.25
MET_OFTEN = 0.2  # share of the rarer fragment's sessions that hold both
MET_PENALTY = -8.0
ROUNDS = 3
# Likeness that members of one node usually have, which a small fragment's own is shrunk to.
USUAL = {"words": 0.35, "preceded": 0.8, "before": 0.6, "answer_words": 0.3, "after": 0.6}
SHRINK = 2.0  # pairs of members that the usual likeness counts as


def join_fragments(
    fragments: NDArray[np.int64],
    table: StepTable,
    texts: dict[str, Matrix],
    context: Context,
    chance: Matrix,
) -> NDArray[np.int64]:
    """The node of each unit, given its fragment and the chance of each two units to be one node."""
    member = members(fragments)  # (k x u)
    met = _meetings(fragments, table)
    seen = np.bincount(fragments[table.unit])  # occurrences of each fragment
    words = (texts["stems"] + texts["pieces"]) / 2
    node_of = np.arange(len(member))
    for _ in range(ROUNDS):
        nodes = node_of[fragments]
        same = (nodes[:, None] == nodes[None, :]).astype(np.float32)
        likeness = context.likeness(0.7 * same + 0.3 * chance)
        features = _features(likeness | {"words": words}, member, context, seen)
        features["asks"] = group_means(texts["asks"], member)
        features["met"] = met
        odds = np.where(met >= MET_OFTEN, BIAS + MET_PENALTY, BIAS)
        for name, weight in WEIGHTS.items():
            odds = odds + weight * features[name]
        node_of = average_linkage(odds, JOIN_ABOVE, member.sum(axis=1))
    return node_of[fragments]


def _features(
    likeness: dict[str, Matrix], member: Matrix, context: Context, seen: NDArray[np.int64]
) -> dict[str, Matrix]:
    """(k x k) features of pairs of fragments."""
    relative = {name: relative_likeness(likeness[name], member, usual, SHRINK) for name, usual in USUAL.items()}
    size = member.sum(axis=1)
    known = np.minimum(1, np.log2(np.minimum.outer(seen, seen)) / 3)
    shared = np.minimum(relative["preceded"], 1) * known
    agreeing = relative["before"] / np.maximum(relative["preceded"], 0.05)
    starts, ends = member @ context.starts / size, member @ context.ends / size
    return {
        "words": relative["words"],
        "preceded": relative["preceded"],
        "after": relative["after"],
        "starts": np.outer(starts, starts),
        "ends": np.outer(ends, ends),
        "ends_apart": np.abs(ends[:, None] - ends[None, :]),
        "answered_apart": shared * np.clip(1 - relative["answer_words"], 0, 1),
        "sides_apart": shared * np.clip(1 - agreeing, 0, 1),
    }


def _meetings(fragments: NDArray[np.int64], table: StepTable) -> Matrix:
    """(k x k) share of the rarer fragment's sessions in which the other occurs too."""
    ones = np.ones(len(table.unit), np.float32)
    found = sparse.csr_matrix(
        (ones, (table.session, fragments[table.unit])),
        shape=(table.sessions, int(fragments.max()) + 1),
    )
    found.data[:] = 1
    both = (found.T @ found).toarray()
    count = both.diagonal()
    share = both / np.maximum(np.minimum.outer(count, count), 1)
    np.fill_diagonal(share, 0)
    return np.asarray(share, dtype=np.float32)
