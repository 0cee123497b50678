"""How far a mined flow can be trusted."""

import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from proposals.mining.engine import mine_topic
from proposals.mining.records import Record
from proposals.mining.replay import FlowReader, Replay

FOLDS = 10  # up to so many sessions, each is left out alone
EXPLAINED = 0.5  # share of a session's steps that a flow must know
MOST_REPLAYED = 400  # sessions replayed at most; the bound is narrow long before
OUTCOMES = 3  # of a replay: the right end, another one, or none
HABIT = 0.1  # correlation assumed among one technician's sessions: with it no number of them counts as more than ten
Z_95 = 1.645  # 95 % of a normal distribution lie above -1.645: nothing is claimed from above, so one tail holds all 5 %

ReaderWithout = Callable[[frozenset[str]], FlowReader | None]


def wilson_lower(successes: float, n: float, z: float = Z_95) -> float:
    """One-sided lower bound (95 %) of the Wilson score interval of a proportion, in 0..1.

    0 for n = 0; the counts may be weighted. Raises ValueError unless 0 <= successes <= n. Formula: Wilson 1927, J. Am.
    Stat. Assoc. 22, 209-212; one-sided with z of one tail: Cai 2005, J. Stat. Plan. Inference 131, 63-88.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0..{n}, got {successes}")
    if successes == 0:
        return 0.0
    share = successes / n
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (share + z * z / (2 * n) - spread) / (1 + z * z / n))


@dataclass(frozen=True, slots=True)
class Confidence:
    """Of `tried` sessions, each replayed through a flow mined without it, `successes` ended as they did.

    `independent` holds the same two numbers, worked out as if all sessions had come from different technicians.
    """

    successes: int = 0
    tried: int = 0
    independent: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(cls, outcomes: Iterable[tuple[str | None, bool]]) -> "Confidence":
        """Of the technician (None: nobody knows who) and the success of each session that was tried."""
        by_technician: dict[object, list[bool]] = defaultdict(list)
        for number, (technician, success) in enumerate(outcomes):
            by_technician[technician or number].append(success)
        weights = {key: 1 / (1 + HABIT * (len(tries) - 1)) for key, tries in by_technician.items()}
        return cls(
            sum(map(sum, by_technician.values())),
            sum(map(len, by_technician.values())),
            (
                sum(weights[key] * sum(tries) for key, tries in by_technician.items()),
                sum(weights[key] * len(tries) for key, tries in by_technician.items()),
            ),
        )

    @property
    def bound(self) -> float:
        """What the success is at least, with 95 % certainty; in 0..1, 0 if nothing was tried.

        Sessions of one technician resemble each other: each counts 1 / (1 + HABIT * (m - 1)) where there are m of them,
        so that one's habit does not look like what ten have found (design effect; Kish 1965, Survey Sampling; for the
        interval Dean and Pagano 2015, J. Surv. Stat. Methodol. 3, 484-503).
        """
        return wilson_lower(*self.independent)

    @property
    def expected(self) -> float:
        """Probability that a new session succeeds, in 0..1; 0 if nothing was tried.

        A session ends as it did, ends otherwise, or leaves the flow: three outcomes, each of which could before as well
        be any. The rule of succession for them (Laplace 1774, Lidstone 1920, Trans. Fac. Actuaries 8, 182-192) keeps
        few tries from promising all or nothing: two that succeed promise 0.6. The tries of a k-fold share their
        sessions, so they are fewer than they seem (Bengio and Grandvalet 2004, J. Mach. Learn. Res. 5, 1089-1105).
        """
        return (self.successes + 1) / (self.tried + OUTCOMES) if self.tried else 0.0


def flow_confidence(records: Sequence[Record]) -> Confidence:
    """How a topic's sessions replay through flows mined without them. Sessions that did not end count not."""

    def reader_without(held: frozenset[str]) -> FlowReader | None:
        kept = [record for record in ended if record.key not in held]
        flow = mine_topic(kept) if kept else None
        return FlowReader(flow.definition, flow.examples) if flow else None

    ended = _spread([record for record in records if record.status in ("resolved", "escalated")])
    return held_out_confidence(ended, reader_without)


def held_out_confidence(records: Sequence[Record], reader_without: ReaderWithout, folds: int = FOLDS) -> Confidence:
    """How sessions end in what `reader_without` makes without them (k-fold, leave-one-out up to k sessions); it
    gets the keys of the sessions held out. Where it makes nothing, nothing is tried: a session alone proves nothing.
    Beyond MOST_REPLAYED sessions an even selection is tried."""
    # By a hash, so that neither the order of the sessions nor a habit of their numbers decides who shares a fold;
    # dealt out in turn, so that folds are of one size and few sessions are left out one by one.
    dealt = sorted(_spread(records), key=lambda record: (zlib.crc32(record.key.encode()), record.key))
    outcomes: list[tuple[str | None, bool]] = []
    for first in range(min(folds, len(dealt))):
        held = dealt[first::folds]
        reader = reader_without(frozenset(record.key for record in held))
        if reader is not None:
            technicians = [record.technician for record in held]
            outcomes += zip(technicians, replayed_well(reader, held), strict=True)
    return Confidence.of(outcomes)


def replays_well(reader: FlowReader, record: Record) -> bool:
    """Whether the flow takes the session to the kind of end that it had, by at least half of its steps."""
    return _ends_alike(record, reader.replay(record))


def replayed_well(reader: FlowReader, records: Sequence[Record]) -> list[bool]:
    """`replays_well` of each record; many at once are much quicker than one by one."""
    return list(map(_ends_alike, records, reader.replay_many(records)))


def _ends_alike(record: Record, replay: Replay) -> bool:
    wanted = "escalation" if record.status == "escalated" else "resolution"
    return replay.outcome == wanted and replay.coverage >= EXPLAINED


def _spread(records: Sequence[Record]) -> list[Record]:
    step = max(1.0, len(records) / MOST_REPLAYED)
    return [records[int(i * step)] for i in range(min(len(records), MOST_REPLAYED))]
