"""Which prompts ask the same thing: units of a step table -> nodes.

Each pair of units gets log odds of being one node, from how alike their texts are and from their
context: what came before (and how it was answered) and what comes next. Context needs nodes to
compare, so the odds are worked out in rounds, each using the ones before. Average linkage on the
log odds groups units greedily, the surest pair first, which approximates correlation clustering
(Bansal, Blum, Chawla 2004). Units of one session repel each other. It stops early, at fragments
that are sure; `joining` makes nodes of them.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from proposals.mining.context import Context, Matrix, products
from proposals.mining.joining import join_fragments
from proposals.mining.linkage import average_linkage
from proposals.mining.steptable import StepTable, fold
from proposals.mining.text import piece_features, stems, tfidf

# Log odds per unit of likeness (logistic regression on pairs of prompts of half of the development
# charts, rounded); each likeness lies in 0..1.
TEXT_ONLY = {"stems": 6.0, "pieces": 5.0, "joint": 8.0, "asks": 1.75}
TEXT_ONLY_BIAS = -6.1
WEIGHTS = {
    "stems": 4.4, "pieces": 3.0, "joint": 1.7, "asks": 1.3,
    "before": 3.1, "answer": 8.0, "answer_words": 4.3, "starts": 5.7, "after": 2.0, "ends": 4.3,
}  # fmt: skip
BIAS = -7.9
LIKELY = -0.6  # mean log odds of a tentative node; errors of single pairs average out
SURE = 2.0  # mean log odds of a fragment
SAME_SESSION = -8.0  # added to the log odds of two units that met in a session
ROUNDS = 3
SAME_OPTIONS = 0.6  # likeness of prompts that offer the same rare options
RARE_OPTIONS = 0.15  # share of units that may offer them
ANSWERS_READ = 8  # distinct answers to a unit that count


def group_units(table: StepTable, farewell: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The node (0..k-1) of each unit of the table; what stands before a `farewell` (one flag an
    occurrence) counts as the end of its session."""
    if len(table.prompts) < 2:
        return np.zeros(len(table.prompts), np.int64)
    texts = _text_likeness(table)
    context = Context.of(table, farewell)
    apart = _met(table) * np.float32(SAME_SESSION)
    odds = _weighted(texts, TEXT_ONLY) + TEXT_ONLY_BIAS + apart
    for _ in range(ROUNDS):
        odds = _odds(texts, context, _chance(odds)) + apart
    fragments = average_linkage(odds, LIKELY)
    for stop in (LIKELY, SURE):
        same = (fragments[:, None] == fragments[None, :]).astype(np.float32)
        odds = _odds(texts, context, 0.7 * same + 0.3 * _chance(odds)) + apart
        fragments = average_linkage(odds, stop)
    return join_fragments(fragments, table, texts, context, _chance(odds))


def _text_likeness(table: StepTable) -> dict[str, Matrix]:
    """Likeness of each pair of units by several views of what was said."""
    said: list[list[str]] = [[] for _ in table.prompts]
    for unit, answer in zip(table.unit, table.answers, strict=True):
        if answer and len(said[unit]) < ANSWERS_READ and answer not in said[unit]:
            said[unit].append(answer)
    joint = [
        f"{prompt} {prompt} {' '.join(sorted(answers))}" for prompt, answers in zip(table.prompts, said, strict=True)
    ]
    asks = np.array(["?" in prompt for prompt in table.prompts])
    offered = _same_options(table) * np.float32(SAME_OPTIONS)
    return {
        "stems": np.maximum(products(tfidf(table.prompts, stems)), offered),
        "pieces": np.maximum(products(tfidf(table.prompts, piece_features)), offered),
        "joint": products(tfidf(joint, stems)),
        "asks": (asks[:, None] == asks[None, :]).astype(np.float32),
    }


def _same_options(table: StepTable) -> Matrix:
    """1 where two units offer the same options, and few others do, else 0.

    Such prompts ask the same in other words; "Yes" and "No" tell nothing.
    """
    offered: list[frozenset[str]] = [frozenset() for _ in table.prompts]
    for unit, step in zip(table.unit, table.steps, strict=True):
        if len(step.options) > 1:
            offered[unit] = frozenset(fold(label) for label in step.options)
    users = Counter(options for options in offered if options)
    rare = {options for options, times in users.items() if times <= RARE_OPTIONS * len(offered)}
    place = {options: number for number, options in enumerate(sorted(rare, key=sorted))}
    code = np.array([place.get(options, -1) for options in offered])
    return np.asarray((code[:, None] == code[None, :]) & (code >= 0), dtype=np.float32)


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
    chance: Matrix = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    np.fill_diagonal(chance, 1)
    return chance


def _odds(texts: dict[str, Matrix], context: Context, same: Matrix) -> Matrix:
    return _weighted(texts | context.likeness(same), WEIGHTS) + np.float32(BIAS)
