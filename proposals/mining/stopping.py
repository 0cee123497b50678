"""Sessions whose record stops at an answer that others went on from.

The record often ends with the last answer: nobody wrote the closing words down. Such a session took
the way that others with the same answer took, and the ending that those with the same resolution
summary came to. Only what fits nowhere remains as an end of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from proposals.mining.answers import AnswerReader
from proposals.mining.branches import Branches, reachable
from proposals.mining.polarity import answer_key, says_no
from proposals.mining.records import Record, Step
from proposals.mining.text import all_stems, stems
from proposals.mining.visits import Visit

SHARED_WORDS = 0.34  # of an answer's words that an option's answers must hold
READ_ANSWERS = 60  # of an option
AGREE = 0.7  # share of answers that makes a yes or a no
SMALL_ENDING = 0.5  # of another ending's visits: up to it, one with the same summaries is the same

Ways = dict[int, list[Visit]]  # next node -> the visits whose answer led there
Summary = frozenset[str]


def settle_stopped(branches: Branches, records: Sequence[Record]) -> Branches:
    """The branches in which visits that stopped at an answer others went on from belong to that
    way on, and no longer to `ends`; alike endings of one node are one."""
    return _Settler(_with_endings_joined(branches, records), records).settle()


class _Settler:
    def __init__(self, branches: Branches, records: Sequence[Record]) -> None:
        self._branches = branches
        self._records = records
        self._kinds = _reached_kinds(branches, records)
        self._by_summary = _endings_by_summary(branches, records)

    def settle(self) -> Branches:
        edges = dict(self._branches.edges)
        ends = dict(self._branches.ends)
        for node, ways in self._branches.edges.items():
            if ways and ends.get(node):
                edges[node], ends[node] = self._settle_node(ways, ends[node])
        return replace(self._branches, edges=edges, ends=ends)

    def _settle_node(self, ways: Ways, stopped: Sequence[Visit]) -> tuple[Ways, list[Visit]]:
        answers = _KnownAnswers(ways)
        joined = {child: list(visits) for child, visits in ways.items()}
        left = []
        for visit in stopped:
            child = self._way(visit, ways, answers)
            if child is not None:
                joined[child].append(visit)
            elif visit.step.answer:
                left.append(visit)
        return joined, left

    def _way(self, visit: Visit, ways: Ways, answers: "_KnownAnswers") -> int | None:
        """The way on that the visit's answer stands for, if any."""
        step, record = visit.step, self._records[visit.session]
        known = answers.same(step)
        if known is not None or (step.selected_option and answers.are_picked):
            return known
        ending = self._by_summary.get(_summary(record))
        if ending in ways:
            return ending
        if record.status not in ("resolved", "escalated"):
            return None
        fitting = [child for child in ways if record.status in self._kinds[child]]
        ends = [child for child in fitting if not self._branches.edges.get(child)]
        if not step.answer:
            return ends[0] if len(ends) == 1 else None
        read = answers.read(step)
        if read in fitting and (read in ends or not ends) and answers.shares_words(step, read):
            return read
        if len(ends) == 1 and (read == ends[0] or step.kind != "question") and answers.agrees(step, ends[0]):
            return ends[0]
        return read if read in fitting and answers.shares_words(step, read) else None


class _KnownAnswers:
    """The answers to one node, by the way they led to."""

    def __init__(self, ways: Ways) -> None:
        self._steps = {child: [v.step for v in visits if v.step.answer] for child, visits in ways.items()}
        keys: dict[str, Counter[int]] = defaultdict(Counter)
        for child, steps in self._steps.items():
            for step in steps:
                keys[answer_key(step)][child] += 1
        self._same = {key: min(led, key=lambda child: (-led[child], child)) for key, led in keys.items()}
        self.are_picked = all(any(s.selected_option for s in steps) for steps in self._steps.values())
        self._reader = AnswerReader(
            [{"id": str(child), "label": _label(steps)} for child, steps in self._steps.items()],
            {
                str(child): list(dict.fromkeys((s.answer, says_no(s)) for s in steps))[:READ_ANSWERS]
                for child, steps in self._steps.items()
            },
        )

    def same(self, step: Step) -> int | None:
        """The way of the same option, or of the same words."""
        return self._same.get(answer_key(step)) if step.answer else None

    def read(self, step: Step) -> int | None:
        found = self._reader.read(replace(step, options=()))
        return int(found) if found is not None else None

    def shares_words(self, step: Step, child: int) -> bool:
        """Whether enough of the answer's words were said by others who went that way."""
        for view in (stems, all_stems):
            if said := set(view(step.answer)):
                others = {stem for other in self._steps[child] for stem in view(other.answer)}
                return len(said & others) >= SHARED_WORDS * len(said)
        return False

    def agrees(self, step: Step, child: int) -> bool:
        """Whether the answer says yes or no like most who went that way."""
        steps = self._steps[child]
        if not steps:
            return True
        negative = sum(says_no(other) for other in steps) / len(steps)
        return negative > 1 - AGREE if says_no(step) else negative < AGREE


def _label(steps: Iterable[Step]) -> str:
    picked = Counter(step.selected_option for step in steps if step.selected_option)
    return min(picked, key=lambda label: (-picked[label], label)) if picked else ""


def _summary(record: Record) -> Summary:
    return frozenset(stems(record.resolution_summary))


def _ending_of(visits: Iterable[Visit], records: Sequence[Record]) -> str:
    told = Counter(records[visit.session].status for visit in visits)
    return "escalated" if told["escalated"] > told["resolved"] else "resolved"


def _reached_kinds(branches: Branches, records: Sequence[Record]) -> dict[int, set[str]]:
    """By which endings ("resolved", "escalated") each node can be left."""
    leaves = {
        node: _ending_of(visits, records) for node, visits in branches.ends.items() if not branches.edges.get(node)
    }
    return {
        node: {leaves[below] for below in reachable(branches.edges, node) if below in leaves}
        for node in branches.visits
    }


def _endings_by_summary(branches: Branches, records: Sequence[Record]) -> dict[Summary, int]:
    """The ending that most sessions with a summary came to."""
    came: dict[Summary, Counter[int]] = defaultdict(Counter)
    for node, visits in branches.ends.items():
        if not branches.edges.get(node):
            for visit in visits:
                came[_summary(records[visit.session])][node] += 1
    return {summary: min(nodes, key=lambda node: (-nodes[node], node)) for summary, nodes in came.items() if summary}


def _with_endings_joined(branches: Branches, records: Sequence[Record]) -> Branches:
    """A small ending joins a greater one of the same node whose sessions have the same summaries,
    unless other options were picked for it."""
    into: dict[int, int] = {}
    starts = {branches.root, *branches.starts}
    for ways in branches.edges.values():
        endings = [child for child in ways if not branches.edges.get(child) and child not in starts]
        endings.sort(key=lambda child: (-len(branches.visits[child]), child))
        for place, small in enumerate(endings):
            for great in endings[:place]:
                if small not in into and great not in into and _are_alike(branches, records, ways, small, great):
                    into[small] = great
    return _merged(branches, into) if into else branches


def _are_alike(branches: Branches, records: Sequence[Record], ways: Ways, small: int, great: int) -> bool:
    if len(branches.visits[small]) > SMALL_ENDING * len(branches.visits[great]):
        return False
    told, known = (
        [s for visit in branches.ends[node] if (s := _summary(records[visit.session]))] for node in (small, great)
    )
    picked, usual = ({v.step.selected_option for v in ways[node] if v.step.selected_option} for node in (small, great))
    return bool(told) and set(told) <= set(known) and (not picked or picked <= usual)


def _merged(branches: Branches, into: Mapping[int, int]) -> Branches:
    def joined(by_node: Mapping[int, Sequence[Visit]]) -> Ways:
        whole: Ways = {}
        for node, visits in by_node.items():
            while node in into:
                node = into[node]
            whole.setdefault(node, []).extend(visits)
        return whole

    return replace(
        branches,
        visits=joined(branches.visits),
        edges={node: joined(ways) for node, ways in branches.edges.items()},
        ends=joined(branches.ends),
    )
