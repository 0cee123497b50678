"""Walking a past session's answers through a flow, to see where it would have ended.

At a node only the answer that the session gave to that question counts. What came later in the
session decides no branch; it only tells whether the session stayed with the flow.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from proposals.mining.answers import AnswerReader
from proposals.mining.examples import FlowExamples, FlowSource
from proposals.mining.flowindex import FlowIndex
from proposals.mining.prompts import PromptMatcher
from proposals.mining.records import Record, Step
from proposals.mining.transcript import counted_steps, is_pleasantry

__all__ = ["FlowIndex", "FlowReader", "FlowReplayer", "Outcome", "Replay"]

Key = TypeVar("Key", bound=Hashable)
Outcome = Literal["resolution", "escalation", "left", "unfinished", "not_applicable"]

ROOT_LEAST, ROOT_SHARE = 0.2, 0.75  # likeness to the root, also as a share of the best node's
ENTRY = 0.35  # likeness that the prompt where a session enters the flow needs
CLEARLY_OTHER = 0.45  # a prompt this like another node...
RIVAL = 0.5  # ...and by this factor less like the expected one has left the flow
LEAST = 0.1  # likeness below which a prompt is no wording of a node
LOOK_ON = 3  # steps within which the expected question must come


@dataclass(frozen=True, slots=True)
class Replay:
    """Where a session went: `path` holds (node, option or None, step index or -1 if not asked)."""

    outcome: Outcome
    path: tuple[tuple[str, str | None, int], ...]
    end_node: str | None
    left_at: str | None
    coverage: float  # share of the session's steps that the flow explains


NOT_APPLICABLE = Replay("not_applicable", (), None, None, 0.0)


class FlowReader:
    """Replays sessions through one flow; examples (of a mined flow) make it read better."""

    def __init__(self, definition: Mapping[str, Any], examples: FlowExamples | None = None) -> None:
        known = examples or FlowExamples()
        self._nodes = {str(node["id"]): node for node in definition["nodes"]}
        self._root = str(definition["root"])
        self._prompts = PromptMatcher(list(self._nodes.values()), known.prompts)
        self._readers = {
            node_id: AnswerReader(node["options"], known.answers.get(node_id))
            for node_id, node in self._nodes.items()
            if node.get("options")
        }

    def replay(self, record: Record) -> Replay:
        """Where the record's session would have ended in this flow."""
        return self.replay_many([record])[0]

    def replay_many(self, records: Sequence[Record]) -> list[Replay]:
        """`replay` of each record; prompts are compared all at once, each wording once."""
        sessions = [counted_steps(record) for record in records]
        row = {
            prompt: number
            for number, prompt in enumerate(dict.fromkeys(step.prompt for steps in sessions for step in steps))
        }
        likeness = self._prompts.likeness(list(row))
        return [
            _Walk(
                self._nodes,
                self._readers,
                self._prompts.place,
                steps,
                likeness[[row[step.prompt] for step in steps]],
            ).run(self._root)
            for steps in sessions
        ]


class FlowReplayer(Generic[Key]):
    """Replays sessions through the best fitting of many flows."""

    def __init__(self, flows: Mapping[Key, FlowSource], tries: int = 3) -> None:
        self._flows = flows
        self._index = FlowIndex(flows)
        self._tries = tries
        self._readers: dict[Key, FlowReader] = {}

    def reader(self, key: Key) -> FlowReader:
        """The (kept) reader of one flow."""
        if key not in self._readers:
            flow = self._flows[key]
            self._readers[key] = FlowReader(flow.definition, flow.examples)
        return self._readers[key]

    def replay_all(self, records: Sequence[Record]) -> list[tuple[Key | None, Replay]]:
        """For each record the flow that explains most of it and the replay; None if none applies."""
        found = self._index.match_many(records, self._tries)
        tried: dict[Key, list[int]] = {}
        for place, candidates in enumerate(found):
            for key, _ in candidates:
                tried.setdefault(key, []).append(place)
        replays: dict[tuple[Key, int], Replay] = {}
        for key, places in tried.items():
            results = self.reader(key).replay_many([records[place] for place in places])
            replays |= {(key, place): result for place, result in zip(places, results, strict=True)}
        return [
            _best([(key, replays[key, place], score) for key, score in candidates])
            for place, candidates in enumerate(found)
        ]


def _best(tries: Sequence[tuple[Key, Replay, float]]) -> tuple[Key | None, Replay]:
    """The flow that explains most of a session and fits it best; the earliest of equals."""
    applying = [entry for entry in tries if entry[1].outcome != "not_applicable"]
    if not applying:
        return None, NOT_APPLICABLE
    key, replay, _ = max(applying, key=lambda entry: entry[1].coverage + entry[2])
    return key, replay


class _Walk:
    """One session's way through the nodes."""

    def __init__(
        self,
        nodes: Mapping[str, Mapping[str, Any]],
        readers: Mapping[str, AnswerReader],
        place: Mapping[str, int],
        steps: Sequence[Step],
        likeness: NDArray[np.float64],
    ) -> None:
        self._nodes, self._readers, self._place = nodes, readers, place
        self._steps, self._likeness = steps, likeness
        self._path: list[tuple[str, str | None, int]] = []
        self._explained: set[int] = set()

    def run(self, root: str) -> Replay:
        entry = self._entry(root)
        if entry is None:
            return self._result("not_applicable", None, None)
        node, at = entry
        while True:
            self._explained.add(at)
            step = self._steps[at]
            if not self._nodes[node].get("options"):
                return self._arrive(node, at)
            option_id = self._readers[node].read(step)
            self._path.append((node, option_id, step.index))
            if option_id is None:
                stopped = not step.answer and at == len(self._steps) - 1
                return self._result("unfinished" if stopped else "left", None, node)
            child = self._next(node, option_id)
            if not self._nodes[child].get("options"):
                return self._finish(node, child, at + 1)
            found = self._find(child, at + 1)
            if found is None:
                over = at + 1 >= len(self._steps)
                return self._result("unfinished" if over else "left", None, node)
            node, at = child, found

    def _entry(self, root: str) -> tuple[str, int] | None:
        """The root where it was asked, else the node that the session's first steps ask."""
        ids = list(self._place)
        for at in range(min(LOOK_ON, len(self._steps))):
            best = int(self._likeness[at].argmax())
            if self._likeness[at, self._place[root]] >= max(ROOT_LEAST, ROOT_SHARE * self._likeness[at, best]):
                return root, at
            if self._likeness[at, best] >= ENTRY:
                return ids[best], at
        return None

    def _find(self, node: str, start: int) -> int | None:
        """The step, from `start` on and soon, that asks what the node asks."""
        column = self._place[node]
        window = range(start, min(start + LOOK_ON, len(self._steps)))
        for at in window:
            like, best = self._likeness[at, column], self._likeness[at].max()
            other = best >= CLEARLY_OTHER and like < RIVAL * best
            # A script is often run beside what the flow asks: it is the next step only where it clearly says so.
            follows = at == start and self._steps[at].kind != "script"
            if like >= LEAST and not other and (follows or like >= CLEARLY_OTHER):
                return at
        return None

    def _next(self, node: str, option_id: str) -> str:
        options = self._nodes[node]["options"]
        return next(str(o["next"]) for o in options if str(o["id"]) == option_id)

    def _finish(self, node: str, end: str, start: int) -> Replay:
        """The answer leads to an end: the session agrees if it asks nothing else after it."""
        left_over = [at for at in range(start, len(self._steps)) if not is_pleasantry(self._steps[at].prompt)]
        if not left_over:
            self._path.append((end, None, -1))
            return self._result(self._kind(end), end, None)
        found = self._find(end, start)
        if found is None or len(left_over) > 2:
            return self._result("left", None, node)
        self._explained.add(found)
        return self._arrive(end, found)

    def _arrive(self, end: str, at: int) -> Replay:
        self._path.append((end, None, self._steps[at].index))
        return self._result(self._kind(end), end, None)

    def _kind(self, end: str) -> Outcome:
        return "escalation" if self._nodes[end]["kind"] == "escalation" else "resolution"

    def _result(self, outcome: Outcome, end: str | None, left_at: str | None) -> Replay:
        coverage = len(self._explained) / len(self._steps) if self._steps else 0.0
        return Replay(outcome, tuple(self._path), end, left_at, coverage)
