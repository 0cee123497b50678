"""Session records in, flows with their evidence out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proposals.mining.answers import AnswerExample
from proposals.mining.branches import branches_of, idle_farewells
from proposals.mining.definition import DefinitionBuilder, Place
from proposals.mining.examples import FlowExamples
from proposals.mining.masking import NO_NAMES, Masker, Names
from proposals.mining.nodes import group_units
from proposals.mining.placing import Placer
from proposals.mining.records import Record, Step
from proposals.mining.steptable import StepTable, table_of
from proposals.mining.stopping import settle_stopped
from proposals.mining.topics import group_topics
from proposals.mining.transcript import counted_steps, has_substance, problem_of, working_steps
from proposals.mining.visits import Visit
from proposals.mining.wording import title_from

__all__ = ["MinedFlow", "counted_steps", "mine", "mine_topic"]

MOST_WORDINGS = 900  # prompts compared pair by pair
IDLE_SHARE = 0.5  # of the farewells; with more of them idle, none counts when nodes are grouped


@dataclass(frozen=True)
class MinedFlow:
    title: str
    description: str
    definition: dict[str, Any]
    sessions: list[str]
    evidence: dict[str, list[Place]]
    option_evidence: dict[str, dict[str, list[Place]]]
    answer_examples: dict[str, dict[str, list[AnswerExample]]]
    prompt_examples: dict[str, list[str]]
    problem_examples: list[str]
    masked: list[str]

    @property
    def examples(self) -> FlowExamples:
        return FlowExamples(self.prompt_examples, self.answer_examples, self.problem_examples)


def mine(records: Sequence[Record]) -> list[MinedFlow]:
    """One flow for each topic found among the records; records without a step, and groups in
    which mostly nothing was asked or done but for politeness, are left out."""
    usable = [record for record in records if counted_steps(record)]
    groups = [[usable[i] for i in group] for group in group_topics(usable)]
    flows = [mine_topic(group) for group in groups if _mostly_substance(group)]
    return [flow for flow in flows if flow is not None]


def _mostly_substance(records: Sequence[Record]) -> bool:
    return 2 * sum(has_substance(record) for record in records) > len(records)


def mine_topic(records: Sequence[Record], names: Names = NO_NAMES) -> MinedFlow | None:
    """The flow of records that are of one topic; None if no record has a step that counts.

    `names` must not be shown, nor the records' own.
    """
    sessions = working_steps(records)
    branches = branches_of(_walks(sessions))
    if branches is None:
        return None
    masker = Masker(records, names)
    draft = DefinitionBuilder(settle_stopped(branches, records), records, masker).build()
    used = [record for record, steps in zip(records, sessions, strict=True) if steps]
    problems = [problem_of(record) for record in used]
    hidden = Masker(records, names).mask  # what is masked in texts that are not shown does not count
    title = masker.mask(title_from([hidden(record.title) for record in used], [hidden(p) for p in problems]))
    return MinedFlow(
        title=title,
        description=_description(used),
        definition=draft.definition(),
        sessions=[record.key for record in used],
        evidence=draft.evidence,
        option_evidence=draft.option_evidence,
        answer_examples=draft.answers,
        prompt_examples=draft.prompts,
        problem_examples=[masker.mask(problem[:400]) for problem in problems[:40]],
        masked=sorted(masker.kinds),
    )


def _walks(sessions: Sequence[Sequence[Step]]) -> list[list[Visit]]:
    """Each session's visits to nodes. Nodes are found in a sample if the sessions are many."""
    sample = _sample(sessions)
    table = table_of([sessions[i] for i in sample])
    if not table.steps:
        return []
    nodes = _nodes(table)
    placed: list[list[tuple[int, Step]]] = [[] for _ in sessions]
    for node, row, step in zip(nodes.tolist(), table.session, table.steps, strict=True):
        placed[sample[row]].append((node, step))
    if len(sample) < len(sessions):
        chosen = set(sample)
        rest = [i for i in range(len(sessions)) if i not in chosen]
        found = Placer(table, nodes).place([sessions[i] for i in rest])
        for i, walk in zip(rest, found, strict=True):
            placed[i] = walk
    return [[Visit(node, i, step) for node, step in walk] for i, walk in enumerate(placed)]


def _sample(sessions: Sequence[Sequence[Step]]) -> list[int]:
    """Places of sessions, spread evenly, that hold at most MOST_WORDINGS different prompts."""
    total = len({step.prompt for session in sessions for step in session})
    if total <= MOST_WORDINGS:
        return list(range(len(sessions)))
    wordings: set[str] = set()
    chosen: list[int] = []
    for i in np.random.default_rng(0).permutation(len(sessions)):
        wordings.update(step.prompt for step in sessions[i])
        if len(wordings) > MOST_WORDINGS and chosen:
            break
        chosen.append(int(i))
    return sorted(chosen)


def _nodes(table: StepTable) -> NDArray[np.int64]:
    """The node of each occurrence.

    Farewells that lead nowhere tell nothing about what came before them, so at first they only
    mark ends; where they turn out to be real choices, nodes are grouped again with them as steps.
    """
    farewell = table.farewells()
    nodes = group_units(table, farewell)[table.unit]
    if farewell.any():
        walks: list[list[Visit]] = [[] for _ in range(table.sessions)]
        for node, session, step in zip(nodes.tolist(), table.session, table.steps, strict=True):
            walks[session].append(Visit(node, int(session), step))
        idle = idle_farewells(walks)
        if np.mean([node in idle for node in nodes[farewell]]) < IDLE_SHARE:
            return group_units(table, np.zeros_like(farewell))[table.unit]
    return nodes


def _description(records: Sequence[Record]) -> str:
    resolved = sum(record.status == "resolved" for record in records)
    people = len({record.technician for record in records if record.technician})
    clients = len({record.client for record in records if record.client})
    text = f"Mined from {len(records)} {'session' if len(records) == 1 else 'sessions'}"
    text += f", {resolved} of them resolved"
    if people:
        text += f", by {people} {'technician' if people == 1 else 'technicians'}"
    if clients:
        text += f" for {clients} {'client' if clients == 1 else 'clients'}"
    return f"{text}."
