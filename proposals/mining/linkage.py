"""Average linkage that stops at a threshold; similarities may be negative."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def average_linkage(
    likeness: NDArray[np.floating[Any]],
    join_above: float,
    weights: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.int64]:
    """Groups (0..k-1, in order of first member) of the rows of a symmetric (n x n) matrix.

    Joins the two groups of the highest mean likeness while that is above `join_above`
    (UPGMA; Sokal and Michener 1958). O(n^2) memory, O(n^2) time in practice.
    """
    count = len(likeness)
    table = likeness.astype(np.float64)
    np.fill_diagonal(table, -np.inf)
    size = np.ones(count) if weights is None else weights.astype(np.float64)
    group = np.arange(count)
    alive = np.ones(count, bool)
    nearest = table.argmax(axis=1)
    best = table[group, nearest]
    while count > 1:
        keep = int(best.argmax())
        if not best[keep] > join_above:
            break
        gone = int(nearest[keep])
        keep, gone = min(keep, gone), max(keep, gone)
        merged = (table[keep] * size[keep] + table[gone] * size[gone]) / (size[keep] + size[gone])
        merged[keep] = merged[gone] = -np.inf
        alive[gone] = False
        merged[~alive] = -np.inf
        table[keep], table[:, keep] = merged, merged
        table[gone], table[:, gone] = -np.inf, -np.inf
        size[keep] += size[gone]
        group[group == gone] = keep
        best[gone] = -np.inf
        _refresh(table, nearest, best, merged, keep, gone, alive)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _refresh(
    table: NDArray[np.float64],
    nearest: NDArray[np.int64],
    best: NDArray[np.float64],
    merged: NDArray[np.float64],
    keep: int,
    gone: int,
    alive: NDArray[np.bool_],
) -> None:
    """Bring every row's nearest other row up to date after `gone` joined `keep`."""
    nearest[keep] = merged.argmax()
    best[keep] = merged[nearest[keep]]
    closer = merged > best
    stale = alive & ~closer & ((nearest == keep) | (nearest == gone))
    stale[keep] = closer[keep] = False
    best[closer], nearest[closer] = merged[closer], keep
    rows = np.flatnonzero(stale)
    if len(rows):
        nearest[rows] = table[rows].argmax(axis=1)
        best[rows] = table[rows, nearest[rows]]
