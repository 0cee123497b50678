"""Steps that change nothing: courtesies, help that no one recognised, checks made at any time.

A node is a detour when the sessions that pass it come out where others get directly, and it turns
up at several places. A greeting is one when other sessions begin with what follows it, help when
it mostly answers a question that the user asked back. A wording that asks nothing is one likewise,
whichever nodes it was counted to: a check looks like another node after each question.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import pairwise

from proposals.mining.masking import Masker
from proposals.mining.polarity import asks_back
from proposals.mining.steptable import fold
from proposals.mining.visits import Visit

PLACES = 3  # different surroundings in which a detour turns up at least
DIRECT_SHARE = 0.6  # of a detour's passages that others make directly
ASKED_SHARE = 0.5  # of help's passages that follow a question asked back
ROUNDS = 3  # a detour may hide another
START, END = -1, -2
Pair = tuple[int, int]


def without_detours(walks: Sequence[Sequence[Visit]]) -> list[list[Visit]]:
    """The walks without visits to detours; a walk is never emptied.

    What the user said after help answers the question that was open before it.
    """
    left = [list(walk) for walk in walks]
    wordings = _wordings(left)
    for name, least in ((lambda visit: visit.node, 2), (lambda visit: wordings.get(visit.step.prompt), 1)):
        for _ in range(ROUNDS):
            idle = find_detours(left, name, least)
            if not idle:
                break
            left = [_without(walk, [name(visit) in idle for visit in walk]) for walk in left]
    return left


def find_detours(walks: Sequence[Sequence[Visit]], name: Callable[[Visit], Hashable], least: int = 2) -> set[Hashable]:
    """The names of visits that are detours; surroundings are told by their nodes. A passage counts
    as made directly by others if they are `least` for each that makes it."""
    direct: Counter[Pair] = Counter()
    passed: dict[Hashable, Counter[Pair]] = defaultdict(Counter)
    asked: Counter[Hashable] = Counter()
    for walk in walks:
        marked = [START, *(visit.node for visit in walk), END]
        direct.update(pairwise(marked))
        for place, visit in enumerate(walk):
            if (each := name(visit)) is not None:
                passed[each][marked[place], marked[place + 2]] += 1
                asked[each] += place > 0 and _is_open(walk[place - 1])
    return {
        each
        for each, pairs in passed.items()
        if _is_detour(pairs, direct, least, helps=asked[each] >= max(2, ASKED_SHARE * sum(pairs.values())))
    }


def _is_detour(pairs: Counter[Pair], direct: Counter[Pair], least: int, *, helps: bool) -> bool:
    total = sum(pairs.values())
    bypassed = [(pair, times) for pair, times in pairs.items() if direct[pair] >= max(least, least * times)]
    if least == 1:  # whether an ending was written down says nothing about it
        bypassed = [(pair, times) for pair, times in bypassed if pair[1] != END]
    if sum(times for _, times in bypassed) < DIRECT_SHARE * total:
        return False
    if len(bypassed) >= PLACES:
        return True
    return least > 1 and (helps or all(before == START for (before, _), _ in bypassed))


def _is_open(visit: Visit) -> bool:
    """Whether the visit's question is still unanswered: the user asked back."""
    step = visit.step
    return step.kind == "question" and not step.selected_option and asks_back(step.response or "")


def _without(walk: Sequence[Visit], idle: Sequence[bool]) -> list[Visit]:
    kept: list[Visit] = []
    for visit, is_idle in zip(walk, idle, strict=True):
        if not is_idle:
            kept.append(visit)
        elif kept and visit.step.response and _is_open(kept[-1]):
            kept[-1] = replace(kept[-1], step=replace(kept[-1].step, response=visit.step.response))
    return kept or list(walk)


def _wordings(walks: Sequence[Sequence[Visit]]) -> dict[str, str]:
    """The wording, whatever machine or person it names, of each prompt that never asks anything."""
    masker = Masker()
    steps = [visit.step for walk in walks for visit in walk]
    asking = {step.prompt for step in steps if step.kind == "question" or step.options or step.selected_option}
    prompts = {step.prompt for step in steps} - asking
    return {prompt: fold(masker.mask(prompt)) for prompt in prompts}
