"""How sessions left a published flow, and which of them agree on what follows.

A group has one way out: a node and an option of it, or no option at all. A part of a group goes on alike. What one
person does is a habit, however often: a part needs two technicians, unless the whole desk is one (`Desk`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import connected_components

from proposals.mining.engine import mine_topic
from proposals.mining.records import Record, Step
from proposals.mining.replay import Replay
from proposals.mining.steptable import fold
from proposals.mining.text import stems, tfidf
from proposals.mining.transcript import counted_steps

# Cosine of two prompts' words from which they are connected: low, for it only has to part what shares nothing.
ALIKE = 0.15
# Share of those who left by a known answer, and went on, that must go on alike.
KNOWN_SHARE = 1 / 3
# Of a session's nearest neighbours by its answer, among all who left there by no option, the share that must have gone
# on as it did: where answers do not tell what follows, no branch could be told from the next.
TOLD_BY_ANSWER = 0.5


@dataclass(frozen=True, slots=True)
class Leaving:
    """One session's way out: at `node`, by an option or by an answer that is none (None); `tail` is what followed."""

    record: Record
    node: str
    option: str | None
    answer: Step
    tail: tuple[Step, ...]

    @property
    def tail_record(self) -> Record:
        return replace(self.record, steps=self.tail, transcript=None)


@dataclass(frozen=True)
class Part:
    """Sessions that left by one way out and agree on the next step."""

    node: str
    option: str | None
    members: tuple[Leaving, ...]

    @property
    def key(self) -> tuple[str, str | None, frozenset[str]]:
        return self.node, self.option, frozenset(leaving.record.key for leaving in self.members)


class Desk:
    """Whose sessions there are: tells agreement from one person's habit."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._is_one_person = len({record.technician for record in records if record.technician}) <= 1

    def agrees(self, records: Sequence[Record], minimum: int) -> bool:
        """Whether there are `minimum` sessions, and of two technicians. An unknown technician is nobody known."""
        people = {record.technician or record.key for record in records}
        return len(records) >= minimum and (self._is_one_person or len(people) > 1)

    def weight(self, records: Sequence[Record]) -> int:
        """How many sessions these count for: one person's no more than everybody else's together."""
        if self._is_one_person or not records:
            return len(records)
        most = Counter(record.technician or record.key for record in records).most_common(1)[0][1]
        return len(records) - max(0, 2 * most - len(records))


def leaving_of(record: Record, replay: Replay) -> Leaving | None:
    """Where and how the session left, with the steps that followed.

    None where nothing followed, or where the same was asked again: the answer was taken back.
    """
    path = list(replay.path)
    if answered_dead_end(record, replay):
        path.pop()
    elif replay.outcome != "left":
        return None
    if not path:
        return None
    node, option, index = path[-1]
    steps = counted_steps(record)
    at = next((place for place, step in enumerate(steps) if step.index == index), None)
    if at is None or at + 1 >= len(steps):
        return None
    again = fold(steps[at].prompt)
    if any(fold(step.prompt) == again for step in steps[at + 1 :]):
        return None
    return Leaving(record, node, option, steps[at], tuple(steps[at + 1 :]))


def answered_dead_end(record: Record, replay: Replay) -> bool:
    """Whether the flow gives up (an escalation) where the session found what helps."""
    return replay.outcome == "escalation" and record.status == "resolved" and len(replay.path) > 1


class Agreement:
    """Finds parts; keeps what it found for groups that come again unchanged."""

    def __init__(self, desk: Desk, minimum: int) -> None:
        self._desk = desk
        self._minimum = minimum
        self._known: dict[tuple[object, ...], list[Part]] = {}

    def parts(self, leavings: Sequence[Leaving]) -> list[Part]:
        """What the sessions agree on, most sessions first."""
        groups: dict[tuple[str, str | None], list[Leaving]] = defaultdict(list)
        for leaving in leavings:
            groups[leaving.node, leaving.option].append(leaving)
        found = [part for way, group in groups.items() for part in self._of_group(way, group)]
        return sorted(found, key=lambda part: (-len(part.members), part.node, part.option or ""))

    def _of_group(self, way: tuple[str, str | None], group: Sequence[Leaving]) -> list[Part]:
        if len(group) < self._minimum:
            return []
        key = (*way, *((leaving.record.key, leaving.answer.index) for leaving in group))
        if key not in self._known:
            self._known[key] = list(self._agreeing(way, group))
        return self._known[key]

    def _agreeing(self, way: tuple[str, str | None], group: Sequence[Leaving]) -> Iterator[Part]:
        node, option = way
        parts = _by_next_step(group)
        told = _told_by_answer(group, parts) if option is None else None
        for number, members in enumerate(parts):
            if not self._desk.agrees([group[i].record for i in members], self._minimum):
                continue
            if told is None and len(members) >= KNOWN_SHARE * len(group):
                yield Part(node, option, tuple(group[i] for i in members))
            elif told is not None and told[number] >= TOLD_BY_ANSWER:
                yield Part(node, None, tuple(group[i] for i in members))


def _by_next_step(group: Sequence[Leaving]) -> list[list[int]]:
    """The places of the sessions of one way out, parted by what was asked or done next.

    What follows one node is alike to mining by its place alone; next steps that share no word, directly or through
    other sessions, are parted all the same.
    """
    mined = mine_topic([leaving.tail_record for leaving in group])
    if mined is None:
        return []
    node_of = {place: node for node, places in mined.evidence.items() for place in places}
    parts: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place, (leaving, thread) in enumerate(zip(group, _threads(group), strict=True)):
        if node := node_of.get((leaving.record.key, leaving.tail[0].index)):
            parts[node, thread].append(place)
    return list(parts.values())


def _threads(group: Sequence[Leaving]) -> list[int]:
    """A number for each session, the same for those whose next steps are connected by their words."""
    prompts = tfidf([leaving.tail[0].prompt for leaving in group], stems)
    _, threads = connected_components(prompts @ prompts.T >= ALIKE, directed=False)
    return [int(thread) for thread in threads]


def _told_by_answer(group: Sequence[Leaving], parts: Sequence[Sequence[int]]) -> list[float]:
    """For each part the mean share of its sessions' nearest others, by their answers' words, that are of it too."""
    part_of = np.full(len(group), -1)
    for number, members in enumerate(parts):
        part_of[list(members)] = number
    answers = tfidf([leaving.answer.answer or "nothing" for leaving in group], stems)
    like = np.round((answers @ answers.T).toarray(), 6)
    np.fill_diagonal(like, -1.0)
    nearest = like == like.max(axis=1, keepdims=True)
    same = part_of[:, None] == part_of[None, :]
    share = (nearest & same).sum(axis=1) / nearest.sum(axis=1)
    return [float(share[list(members)].mean()) for members in parts]


def sessions_of(part: Part) -> list[Record]:
    return [leaving.record for leaving in part.members]
