"""Which gaps are mostly the same sessions: one weak spot lifts the wider groups that it belongs to. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

#: A gap is seen in another too where at least this share of its bad sessions is bad there as well.
MOSTLY = 0.5
#: So many others are told of each.
MOST_TOLD = 3

Shared = list[tuple[str, int]]


def shares_of(bad: Mapping[str, Sequence[int]]) -> dict[str, Shared]:
    """For each gap the others that hold most of its bad sessions, with how many, most first.

    `bad` are the ids of each gap's bad sessions, each id once; a gap with none shares none.
    """
    keys = [key for key, sessions in bad.items() if len(sessions)]
    if not keys:
        return {}
    sizes = [len(bad[key]) for key in keys]
    _, columns = np.unique(np.concatenate([np.asarray(bad[key], dtype=np.int64) for key in keys]), return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    held = csr_array((np.ones(len(columns), dtype=np.int32), columns, starts))
    both = (held @ held.T).tocsr()
    return {key: _most(keys, row, both, MOSTLY * sizes[row]) for row, key in enumerate(keys)}


def _most(keys: Sequence[str], row: int, both: csr_array, least: float) -> Shared:
    start, end = both.indptr[row], both.indptr[row + 1]
    pairs = zip(both.indices[start:end].tolist(), both.data[start:end].tolist(), strict=True)
    found = [(keys[other], count) for other, count in pairs if other != row and count >= least]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:MOST_TOLD]
