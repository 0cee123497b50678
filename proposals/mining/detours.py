"""Steps that change nothing: courtesies, help that no one recognised, checks made at any time.

A node is a detour when the sessions that pass it come out where others get directly, and it turns
up at several places. A greeting is one when other sessions begin with what follows it.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from proposals.mining.visits import Visit

PLACES = 3  # different surroundings in which a detour turns up at least
DIRECT_SHARE = 0.6  # of a detour's passages that others make directly
START, END = -1, -2
Pair = tuple[int, int]


def without_detours(walks: Sequence[Sequence[Visit]]) -> list[list[Visit]]:
    """The walks without visits to detours; a walk is never emptied."""
    idle = find_detours([[visit.node for visit in walk] for walk in walks])
    return [[v for v in walk if v.node not in idle] or list(walk) for walk in walks]


def find_detours(paths: Sequence[Sequence[int]]) -> set[int]:
    """The nodes that are detours, given each session's nodes in order."""
    direct: Counter[Pair] = Counter()
    passed: dict[int, Counter[Pair]] = {}
    for path in paths:
        marked = [START, *path, END]
        direct.update(pairwise(marked))
        for before, node, after in zip(marked, marked[1:], marked[2:], strict=False):
            passed.setdefault(node, Counter())[before, after] += 1
    return {node for node, pairs in passed.items() if _is_detour(pairs, direct)}


def _is_detour(pairs: Counter[Pair], direct: Counter[Pair]) -> bool:
    total = sum(pairs.values())
    bypassed = [(pair, times) for pair, times in pairs.items() if direct[pair] >= max(2, 2 * times)]
    if sum(times for _, times in bypassed) < DIRECT_SHARE * total:
        return False
    return len(bypassed) >= PLACES or all(before == START for (before, _), _ in bypassed)
