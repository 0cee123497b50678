"""What sessions that left a published flow would change of it.

Sessions that leave at one node by one new answer, and agree on what follows, are a new branch there. Sessions that go
on otherwise after a known answer show another order, wording or step; after an answer which ends at an escalation, what
could stand in its place. One agreement after the other goes into the flow, and the sessions are read again with it, so
that each only adds what those before it did not answer.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proposals.mining.confidence import Confidence, held_out_confidence
from proposals.mining.draft import Draft, Edge, Place
from proposals.mining.examples import FlowExamples
from proposals.mining.grafting import Grounds, graft
from proposals.mining.leaving import Agreement, Desk, Part, answered_dead_end, leaving_of
from proposals.mining.masking import NO_NAMES, Names
from proposals.mining.records import Record
from proposals.mining.replay import FlowReader, Replay

__all__ = ["ChangeMiner", "FlowChange", "answered_dead_end", "change_flow", "may_agree"]

Replayed = tuple[Record, Replay]

MINIMUM = 3  # sessions that agree
FOLDS = 5  # of the sessions of a change: mining it again for each costs more than mining a new flow
ROUNDS = 20  # agreements that one change holds at most
ANSWERED = 0.5  # of a part's sessions that the flow must take to a resolution once it holds what they did
BROKEN = 0.05  # of the sessions that followed the flow, elsewhere than where it changes, that may follow no more


@dataclass(frozen=True)
class FlowChange:
    """A definition that answers what the flow did not, with its evidence (new and touched nodes only)."""

    definition: dict[str, Any]
    sessions: list[str]
    evidence: dict[str, list[Place]]
    examples: FlowExamples
    masked: list[str]


def change_flow(
    definition: Mapping[str, Any],
    examples: FlowExamples | None,
    sessions: Sequence[Replayed],
    **options: Any,
) -> FlowChange | None:
    """`ChangeMiner(…).change()`, for who needs no more."""
    return ChangeMiner(definition, examples, sessions, **options).change()


def may_agree(sessions: Sequence[Replayed], minimum: int = MINIMUM) -> bool:
    """Whether enough sessions left by one way for a change to come of it: cheap to tell, and mostly they did not."""
    leavings = (leaving_of(record, replay) for record, replay in sessions)
    ways = Counter((leaving.node, leaving.option) for leaving in leavings if leaving)
    return max(ways.values(), default=0) >= minimum


@dataclass
class ChangeMiner:
    """Finds a flow's change and tells how far to trust it.

    `sessions` were resolved, each with its replay through the flow; `followed` is a sample of those that followed it,
    each standing for `followed_weight` sessions. `accept` says whether a definition may be proposed at all; `names` are
    not shown in it.
    """

    definition: Mapping[str, Any]
    examples: FlowExamples | None
    sessions: Sequence[Replayed]
    followed: Sequence[Replayed] = ()
    followed_weight: float = 1.0
    minimum: int = MINIMUM
    names: Names = NO_NAMES
    accept: Callable[[Mapping[str, Any]], bool] = lambda _: True
    _grounds: Grounds = field(init=False)
    _agreement: Agreement = field(init=False)

    def __post_init__(self) -> None:
        desk = Desk([record for record, _ in (*self.sessions, *self.followed)])
        passes = Counter[Edge]()
        for rows, weight in ((self.sessions, 1.0), (self.followed, self.followed_weight)):
            for record, replay in rows:
                for edge in _edges_taken(record, replay):
                    passes[edge] += weight  # type: ignore[assignment]
        self._grounds = Grounds(passes, desk, self.minimum, self.names)
        self._agreement = Agreement(desk, self.minimum)

    def change(self) -> FlowChange | None:
        """The flow with all that its sessions agree on; None where that is nothing."""
        draft = self._build(self.sessions, self.followed)
        if draft.definition == Draft.of(self.definition, FlowExamples()).definition:
            return None
        return FlowChange(
            draft.definition,
            sorted(draft.sessions),
            {node: list(places) for node, places in draft.evidence.items() if places},
            draft.examples,
            sorted(draft.masked),
        )

    def confidence(self, change: FlowChange) -> Confidence:
        """How the change's sessions replay through the flow as changed without them (k-fold)."""
        used = set(change.sessions)

        def reader_without(held: frozenset[str]) -> FlowReader:
            kept = [(record, replay) for record, replay in self.sessions if record.key not in held]
            draft = self._build(kept, ())
            return FlowReader(draft.definition, draft.examples)

        return held_out_confidence([record for record, _ in self.sessions if record.key in used], reader_without, FOLDS)

    def _build(self, sessions: Sequence[Replayed], followed: Sequence[Replayed]) -> Draft:
        draft = Draft.of(self.definition, self.examples or FlowExamples())
        leavings = [leaving for record, replay in sessions if (leaving := leaving_of(record, replay))]
        refused: set[object] = set()
        for _ in range(ROUNDS):
            parts = [part for part in self._agreement.parts(leavings) if part.key not in refused]
            if not parts:
                break
            changed = graft(draft, parts[0], self._grounds)
            reader = self._judge(changed, parts[0], followed)
            if changed is None or reader is None:
                refused.add(parts[0].key)
                continue
            draft = changed
            records = [leaving.record for leaving in leavings]
            replays = zip(records, reader.replay_many(records), strict=True)
            leavings = [found for record, replay in replays if (found := leaving_of(record, replay))]
        return draft

    def _judge(self, draft: Draft | None, part: Part, followed: Sequence[Replayed]) -> FlowReader | None:
        """A reader of the draft if it is fit to be proposed: valid, answers its part, and breaks nothing else."""
        if draft is None or not self.accept(draft.definition):
            return None
        reader = FlowReader(draft.definition, draft.examples)
        outcomes = _outcomes(reader, [leaving.record for leaving in part.members])
        if outcomes.count("resolution") < ANSWERED * len(outcomes):
            return None
        # Who went where the flow now leads elsewhere was outvoted, and cannot follow it any more.
        bound = [row for row in followed if (taken := _edges_taken(*row)) and not draft.redirected.intersection(taken)]
        now = _outcomes(reader, [record for record, _ in bound])
        broken = sum(outcome != replay.outcome for outcome, (_, replay) in zip(now, bound, strict=True))
        return reader if broken <= BROKEN * len(bound) else None


def _outcomes(reader: FlowReader, records: Sequence[Record]) -> list[str]:
    return [replay.outcome for replay in reader.replay_many(records)]


def _edges_taken(record: Record, replay: Replay) -> list[Edge]:
    """The options by which a session went on as the flow says."""
    path = list(replay.path)
    if replay.outcome == "left" or answered_dead_end(record, replay):
        path = path[: -1 if replay.outcome == "left" else -2]
    return [(node, option) for node, option, _ in path if option is not None]
