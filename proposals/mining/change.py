"""What sessions that left a published flow would add to it.

Sessions that leave at one node by one new answer, and agree on what follows, are a new branch there. Sessions that go
on after an answer which ends at an escalation show what could stand in its place.
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.sparse.csgraph import connected_components

from proposals.mining.engine import MinedFlow, mine_topic
from proposals.mining.examples import FlowExamples
from proposals.mining.polarity import says_no
from proposals.mining.records import Record, Step
from proposals.mining.replay import Replay
from proposals.mining.text import stems, tfidf
from proposals.mining.transcript import counted_steps

Place = tuple[str, int]
LABEL_LENGTH = 60
EXAMPLES = 20
# Cosine of two prompts' words from which they are connected: low, for it only has to part what shares nothing.
ALIKE = 0.15


@dataclass(frozen=True)
class FlowChange:
    """A definition that answers what the flow did not, with its evidence (new and touched nodes only)."""

    definition: dict[str, Any]
    sessions: list[str]
    evidence: dict[str, list[Place]]
    examples: FlowExamples
    masked: list[str]


@dataclass(frozen=True, slots=True)
class _Leaving:
    """One session's way out: at `node`, by an answer that is no option (None) or one that leads to an escalation."""

    record: Record
    node: str
    option: str | None
    answer: Step
    tail: tuple[Step, ...]


def change_flow(
    definition: Mapping[str, Any],
    examples: FlowExamples | None,
    sessions: Sequence[tuple[Record, Replay]],
    *,
    minimum: int = 3,
) -> FlowChange | None:
    """The flow with every branch that at least `minimum` sessions agree on; None where they agree on none."""
    ends = {str(n["id"]) for n in definition["nodes"] if n["kind"] == "escalation"}
    targets = {
        (str(n["id"]), str(o["id"])): str(o["next"]) for n in definition["nodes"] for o in n.get("options") or []
    }
    groups: dict[tuple[str, str | None, str], list[_Leaving]] = defaultdict(list)
    for record, replay in sessions:
        leaving = _leaving(record, replay)
        if leaving is None or (leaving.option and targets.get((leaving.node, leaving.option)) not in ends):
            continue
        said = "" if leaving.option else " ".join((leaving.answer.selected_option or "").casefold().split())
        groups[leaving.node, leaving.option, said].append(leaving)
    change = _Change(definition, examples or FlowExamples())
    agreeing = [part for group in groups.values() if len(group) >= minimum for part in _by_next_step(group)]
    for part in sorted(agreeing, key=len, reverse=True):
        if len(part) >= minimum:
            change.add(part)
    return change.result()


def _by_next_step(group: Sequence[_Leaving]) -> list[list[_Leaving]]:
    """The sessions of one way out, parted by what was asked or done next: a branch needs agreement on that.

    What follows one node is alike to mining by its place alone; next steps that share no word, directly or through
    other sessions, are parted all the same.
    """
    mined = mine_topic(_tails(group))
    if mined is None:
        return []
    node_of = {place: node for node, places in mined.evidence.items() for place in places}
    parts: dict[tuple[str, int], list[_Leaving]] = defaultdict(list)
    for leaving, thread in zip(group, _threads(group), strict=True):
        if node := node_of.get((leaving.record.key, leaving.tail[0].index)):
            parts[node, thread].append(leaving)
    return list(parts.values())


def _threads(group: Sequence[_Leaving]) -> list[int]:
    """A number for each session, the same for those whose next steps are connected by their words."""
    prompts = tfidf([leaving.tail[0].prompt for leaving in group], stems)
    _, threads = connected_components(prompts @ prompts.T >= ALIKE, directed=False)
    return [int(thread) for thread in threads]


def _tails(group: Sequence[_Leaving]) -> list[Record]:
    return [replace(leaving.record, steps=leaving.tail, transcript=None) for leaving in group]


def _leaving(record: Record, replay: Replay) -> _Leaving | None:
    """Where and how the session left, with the steps that followed; None where nothing followed."""
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
    return _Leaving(record, node, option, steps[at], tuple(steps[at + 1 :]))


def answered_dead_end(record: Record, replay: Replay) -> bool:
    """Whether the flow gives up (an escalation) where the session found what helps."""
    return replay.outcome == "escalation" and record.status == "resolved" and len(replay.path) > 1


class _Change:
    """A definition under change."""

    def __init__(self, definition: Mapping[str, Any], examples: FlowExamples) -> None:
        self._definition: dict[str, Any] = copy.deepcopy(dict(definition))
        self._nodes = {str(node["id"]): node for node in self._definition["nodes"]}
        self._examples = examples
        self._prompts = {node: list(texts) for node, texts in examples.prompts.items()}
        self._answers = {n: {o: list(t) for o, t in texts.items()} for n, texts in examples.answers.items()}
        self._evidence: dict[str, list[Place]] = defaultdict(list)
        self._sessions: list[str] = []
        self._masked: set[str] = set()

    def add(self, group: Sequence[_Leaving]) -> None:
        """Hang what the group's sessions did below the answer by which they left."""
        mined = mine_topic(_tails(group))
        if mined is None:
            return
        names = self._adopt(mined)
        node = self._nodes[group[0].node]
        if group[0].option is None:
            option_id = self._add_option(node, _label(group), names[mined.definition["root"]])
        else:
            option_id = group[0].option
            self._retarget(node, option_id, names[mined.definition["root"]])
        said = self._answers.setdefault(str(node["id"]), {}).setdefault(option_id, [])
        answers = [leaving.answer for leaving in group if leaving.answer.answer][:EXAMPLES]
        said += [(answer.answer, says_no(answer)) for answer in answers]
        self._evidence[str(node["id"])] += [(leaving.record.key, leaving.answer.index) for leaving in group]
        self._sessions += [leaving.record.key for leaving in group]
        self._masked.update(mined.masked)

    def result(self) -> FlowChange | None:
        if not self._sessions:
            return None
        self._drop_unreachable()
        return FlowChange(
            self._definition,
            sorted(set(self._sessions)),
            dict(self._evidence),
            FlowExamples(self._prompts, self._answers, self._examples.problems),
            sorted(self._masked),
        )

    def _adopt(self, mined: MinedFlow) -> dict[str, str]:
        """Take the mined nodes over under fresh ids; gives old id → new id."""
        names: dict[str, str] = {}
        for node in mined.definition["nodes"]:
            names[str(node["id"])] = _fresh("n", {*self._nodes, *names.values()})
        for node in mined.definition["nodes"]:
            new = {**node, "id": names[str(node["id"])]}
            if node.get("options"):
                new["options"] = [{**option, "next": names[str(option["next"])]} for option in node["options"]]
            self._nodes[new["id"]] = new
            self._definition["nodes"].append(new)
        for old, new_id in names.items():
            self._prompts[new_id] = list(mined.prompt_examples.get(old, []))
            self._answers[new_id] = {o: list(t) for o, t in mined.answer_examples.get(old, {}).items()}
            self._evidence[new_id] += mined.evidence.get(old, [])
        return names

    def _add_option(self, node: dict[str, Any], label: str, target: str) -> str:
        options = node.setdefault("options", [])
        taken = {" ".join(str(option["label"]).casefold().split()) for option in options}
        while " ".join(label.casefold().split()) in taken:
            label = f"{label} (other)"
        option_id = _fresh("o", {str(option["id"]) for option in options})
        options.append({"id": option_id, "label": label, "next": target})
        return option_id

    @staticmethod
    def _retarget(node: dict[str, Any], option_id: str, target: str) -> None:
        for option in node["options"]:
            if str(option["id"]) == option_id:
                option["next"] = target

    def _drop_unreachable(self) -> None:
        reached, todo = set(), [str(self._definition["root"])]
        while todo:
            node_id = todo.pop()
            if node_id not in reached:
                reached.add(node_id)
                todo += [str(option["next"]) for option in self._nodes[node_id].get("options") or []]
        self._definition["nodes"] = [node for node in self._definition["nodes"] if str(node["id"]) in reached]


def _label(group: Sequence[_Leaving]) -> str:
    """The commonest answer, in the words of those who gave it; the shortest of equals."""
    said = Counter(
        text.strip() for leaving in group if (text := leaving.answer.selected_option or leaving.answer.response)
    )
    short = [(count, text) for text, count in said.items() if text and len(text) <= LABEL_LENGTH]
    if not short:
        return "Something else"
    return min(short, key=lambda item: (-item[0], len(item[1]), item[1]))[1]


def _fresh(letter: str, taken: set[str]) -> str:
    number = len(taken) + 1
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"
