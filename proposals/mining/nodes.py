"""Which prompts ask the same thing: units of a step table -> nodes.

Each pair of units gets log odds of being one node, from how alike their texts are and from their
context: what came before (and how it was answered) and what comes next. Context needs nodes to
compare, so the odds are worked out in rounds, each using the ones before. Average linkage on the
log odds then groups units greedily, the surest pair first, which approximates correlation
clustering (Bansal, Blum, Chawla 2004). Units of one session repel each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proposals.mining.linkage import average_linkage
from proposals.mining.steptable import StepTable
from proposals.mining.text import piece_features, stems, tfidf, word_features

Matrix = NDArray[np.float32]

# Log odds per unit of likeness, fitted by logistic regression on pairs of prompts of half of the
# development charts and rounded; each likeness lies in 0..1.
TEXT_ONLY = {"stems": 6.0, "pieces": 5.0, "pairs": 1.0, "joint": 8.0, "asks": 1.75}
TEXT_ONLY_BIAS = -6.1
WEIGHTS = {
    "stems": 2.7, "pieces": 2.2, "pairs": 2.0, "joint": 2.4, "asks": 0.9,
    "before": 4.7, "starts": 6.2, "after": 2.4, "ends": 3.6,
}  # fmt: skip
BIAS = -7.1
JOIN_ABOVE = -1.0  # mean log odds; below 0 because errors of single pairs average out
SAME_SESSION = -8.0  # added to the log odds of two units that met in a session
OTHER_ANSWER = 0.3  # how alike two contexts are when the same question was answered otherwise
ROUNDS = 3
REGROUPINGS = 2


def group_units(table: StepTable) -> NDArray[np.int64]:
    """The node (0..k-1) of each unit of the table."""
    if len(table.prompts) < 2:
        return np.zeros(len(table.prompts), np.int64)
    texts = _text_likeness(table)
    context = _Context.of(table)
    apart = _met(table) * np.float32(SAME_SESSION)
    odds = _weighted(texts, TEXT_ONLY) + TEXT_ONLY_BIAS + apart
    for _ in range(ROUNDS):
        odds = _with_context(texts, context, _chance(odds)) + apart
    nodes = average_linkage(odds, JOIN_ABOVE)
    for _ in range(REGROUPINGS):
        same = (nodes[:, None] == nodes[None, :]).astype(np.float32)
        odds = _with_context(texts, context, 0.7 * same + 0.3 * _chance(odds)) + apart
        nodes = average_linkage(odds, JOIN_ABOVE)
    return nodes


def _text_likeness(table: StepTable) -> dict[str, Matrix]:
    """Likeness of each pair of units by several views of what was said."""
    said: list[list[str]] = [[] for _ in table.prompts]
    for unit, answer in zip(table.unit, table.answers, strict=True):
        if answer and len(said[unit]) < 8 and answer not in said[unit]:
            said[unit].append(answer)
    joint = [
        f"{prompt} {prompt} {' '.join(sorted(answers))}" for prompt, answers in zip(table.prompts, said, strict=True)
    ]
    asks = np.array(["?" in prompt for prompt in table.prompts])
    return {
        "stems": _products(tfidf(table.prompts, stems)),
        "pieces": _products(tfidf(table.prompts, piece_features)),
        "pairs": _products(tfidf(table.prompts, word_features)),
        "joint": _products(tfidf(joint, stems)),
        "asks": (asks[:, None] == asks[None, :]).astype(np.float32),
    }


def _products(rows: sparse.csr_matrix) -> Matrix:
    return np.asarray((rows @ rows.T).toarray(), dtype=np.float32)


def _met(table: StepTable) -> Matrix:
    """1 where two units occur in one session, else 0."""
    found = table.units_by_session()
    met = np.asarray(((found.T @ found) > 0).toarray(), dtype=np.float32)
    np.fill_diagonal(met, 0)
    return met


def _weighted(likeness: dict[str, Matrix], weights: dict[str, float]) -> Matrix:
    total = np.zeros_like(next(iter(likeness.values())))
    for name, weight in weights.items():
        if name in likeness:
            total += np.float32(weight) * likeness[name]
    return total


def _chance(odds: Matrix) -> Matrix:
    """Log odds -> probability; a unit is surely itself."""
    chance = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    np.fill_diagonal(chance, 1)
    return chance


def _with_context(texts: dict[str, Matrix], context: "_Context", same: Matrix) -> Matrix:
    return _weighted(texts | context.likeness(same), WEIGHTS) + np.float32(BIAS)


@dataclass(frozen=True)
class _Context:
    """Where each unit stands in its sessions: rows are units, shares of its occurrences."""

    before_yes: sparse.csr_matrix  # (u x u) preceded by unit j, answered yes
    before_no: sparse.csr_matrix
    after: sparse.csr_matrix  # (u x u) followed by unit j
    starts: Matrix  # u, share of occurrences that begin a session
    ends: Matrix

    @classmethod
    def of(cls, table: StepTable) -> "_Context":
        size = len(table.prompts)
        total = np.bincount(table.unit, minlength=size).astype(np.float32)
        after_any = np.flatnonzero(table.before >= 0)
        here, there = table.unit[after_any], table.unit[table.before[after_any]]
        no = table.negative[table.before[after_any]]

        def shares(rows: NDArray, columns: NDArray) -> sparse.csr_matrix:
            counts = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(size, size))
            return sparse.csr_matrix(sparse.diags(1 / total) @ counts)

        starting = np.bincount(table.unit[table.before < 0], minlength=size)
        ending = np.bincount(table.unit[table.after < 0], minlength=size)
        return cls(
            before_yes=shares(here[~no], there[~no]),
            before_no=shares(here[no], there[no]),
            after=shares(there, here),
            starts=(starting / total).astype(np.float32),
            ends=(ending / total).astype(np.float32),
        )

    def likeness(self, same: Matrix) -> dict[str, Matrix]:
        """Likeness of contexts, given the (u x u) chance that two units are one node."""
        before = self.before_yes + self.before_no
        alike = OTHER_ANSWER * _sandwich(before, same) + (1 - OTHER_ANSWER) * (
            _sandwich(self.before_yes, same) + _sandwich(self.before_no, same)
        )
        return {
            "before": alike,
            "starts": np.outer(self.starts, self.starts),
            "after": _sandwich(self.after, same),
            "ends": np.outer(self.ends, self.ends),
        }


def _sandwich(shares: sparse.csr_matrix, same: Matrix) -> Matrix:
    """shares @ same @ shares.T, dense."""
    return np.asarray((shares @ (shares @ same).T).T, dtype=np.float32)
