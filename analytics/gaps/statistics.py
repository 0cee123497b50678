"""Which places do worse than the rest of their surroundings, beyond what chance explains. Pure.

Each place is a cell: `count` bad of `n`. It is tested one-sided against the rate of the rest, so that it does not sit
in its own base, and all cells of a detection are judged together:

- p is the exact binomial tail, as mid-p (half of the chance of the very count): H. O. Lancaster, "Significance tests in
  discrete distributions", JASA 56 (1961). Where the rest is too small to take its rate for known, it is Fisher's exact
  test, mid-p too, which tells the rest's own scatter.
- The share of false ones among what is flagged is kept at q by Y. Benjamini and Y. Hochberg, "Controlling the false
  discovery rate", JRSS B 57 (1995); that mid-p keeps it in discrete tests is measured by R. Heller and H. Gur, "False
  discovery rate controlling procedures for discrete tests", arXiv:1112.4627 (2011), and here by `manage.py bench_gaps`.
- What is flagged leaves the base of the others, and all are tested again until nothing changes: bad places would
  otherwise lift the base and hide one another.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, hypergeom

from flowpilot.common.statistics import Rate

Q = 0.10
#: The rest's rate is taken for known from so many times the cell's n.
KNOWN_FROM = 20
#: A cell's rate is drawn towards the base as if so many sessions at the base's rate came on top.
PRIOR = 20
#: Rounds of testing; they settle after two or three.
MOST_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """`count` bad of `n` (both whole, n > 0) in one place, and the same of the rest of its surroundings.

    Cells of one `group` share no session and lie in one another's rest: what is flagged leaves it. `tries` is the
    number of places that were looked at to choose this one; p is multiplied by it (Bonferroni).
    """

    key: Hashable
    count: int
    n: int
    rest_count: int
    rest_n: int
    group: Hashable | None = None
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the test says of a cell; `base` is the rest that it was compared with at last."""

    cell: Cell
    base: Rate
    p: float
    flagged: bool


def flag(cells: Sequence[Cell], q: float = Q) -> list[Verdict]:
    """The verdicts on all cells of a detection, in their order. A cell without a rest is never flagged (p = 1)."""
    if not cells:
        return []
    flagged = np.zeros(len(cells), dtype=bool)
    for _ in range(MOST_ROUNDS):
        rest_count, rest_n = _rests(cells, flagged)
        p = _p_values(cells, rest_count, rest_n)
        again = benjamini_hochberg(p, q)
        settled = bool((again == flagged).all())
        flagged = again
        if settled:
            break
    return [
        Verdict(cell, Rate(int(rest_count[i]), int(rest_n[i])), float(p[i]), bool(flagged[i]))
        for i, cell in enumerate(cells)
    ]


def benjamini_hochberg(p: np.ndarray, q: float) -> np.ndarray:
    """Which of the p-values are discoveries at false discovery rate `q`, as an array of booleans."""
    order = np.argsort(p, kind="stable")
    passed = np.nonzero(p[order] <= q * np.arange(1, len(p) + 1) / len(p))[0]
    found = np.zeros(len(p), dtype=bool)
    if len(passed):
        found[order[: passed[-1] + 1]] = True
    return found


def binomial_mid_p(count: np.ndarray, n: np.ndarray, base: np.ndarray) -> np.ndarray:
    """P(X > count) + P(X = count) / 2 of X ~ Bin(n, base)."""
    tail: np.ndarray = binom.sf(count, n, base) + 0.5 * binom.pmf(count, n, base)
    return tail


def fisher_mid_p(count: np.ndarray, n: np.ndarray, rest_count: np.ndarray, rest_n: np.ndarray) -> np.ndarray:
    """The same, given how many are bad in the cell and the rest together: X is hypergeometric."""
    drawn = (n + rest_n, count + rest_count, n)
    tail: np.ndarray = hypergeom.sf(count, *drawn) + 0.5 * hypergeom.pmf(count, *drawn)
    return tail


def shrunken(rate: Rate, base: float, prior: float = PRIOR) -> float:
    """The rate drawn towards `base`, the more the less it rests on: the mean of a beta posterior whose prior is worth
    `prior` sessions (G. Casella, "An introduction to empirical Bayes data analysis", The American Statistician 39,
    1985)."""
    return (rate.count + prior * base) / (rate.n + prior)


def _rests(cells: Sequence[Cell], flagged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each cell's rest without the other flagged cells of its group."""
    out: dict[Hashable, tuple[int, int]] = {}
    for cell, is_flagged in zip(cells, flagged, strict=True):
        if is_flagged and cell.group is not None:
            count, n = out.get(cell.group, (0, 0))
            out[cell.group] = (count + cell.count, n + cell.n)
    counts, sizes = [], []
    for cell, is_flagged in zip(cells, flagged, strict=True):
        count, n = out.get(cell.group, (0, 0)) if cell.group is not None else (0, 0)
        own = is_flagged and cell.group is not None
        left = cell.rest_n - n + (cell.n if own else 0)
        # Where everything else is flagged the whole rest stays the base.
        counts.append(cell.rest_count - count + (cell.count if own else 0) if left > 0 else cell.rest_count)
        sizes.append(left if left > 0 else cell.rest_n)
    return np.array(counts), np.array(sizes)


def _p_values(cells: Sequence[Cell], rest_count: np.ndarray, rest_n: np.ndarray) -> np.ndarray:
    count, n = np.array([cell.count for cell in cells]), np.array([cell.n for cell in cells])
    # A rest without a single bad one has a rate all the same: half of one is added, as Jeffreys' prior does.
    p = binomial_mid_p(count, n, (rest_count + 0.5) / (rest_n + 1))
    unsure = (rest_n < KNOWN_FROM * n) & (rest_n > 0)
    if unsure.any():
        p[unsure] = fisher_mid_p(count[unsure], n[unsure], rest_count[unsure], rest_n[unsure])
    p = np.minimum(1.0, p * np.array([cell.tries for cell in cells]))
    p[rest_n == 0] = 1.0
    return p
