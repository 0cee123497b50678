"""How far a mined flow can be trusted."""

import math
import zlib
from collections.abc import Callable, Sequence

from proposals.mining.engine import mine_topic
from proposals.mining.records import Record
from proposals.mining.replay import FlowReader, Replay

FOLDS = 10  # up to so many sessions, each is left out alone
EXPLAINED = 0.5  # share of a session's steps that a flow must know
MOST_REPLAYED = 400  # sessions replayed at most; the bound is narrow long before
Z_95 = 1.645  # 95 % of a normal distribution lie above -1.645: nothing is claimed from above, so one tail holds all 5 %

ReaderWithout = Callable[[frozenset[str]], FlowReader | None]


def wilson_lower(successes: int, n: int, z: float = Z_95) -> float:
    """One-sided lower bound (95 %) of the Wilson score interval of a proportion, in 0..1.

    0 for n = 0. Raises ValueError unless 0 <= successes <= n. Formula: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212;
    one-sided with z of one tail: Cai 2005, J. Stat. Plan. Inference 131, 63-88.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0..{n}, got {successes}")
    if successes == 0:
        return 0.0
    share = successes / n
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (share + z * z / (2 * n) - spread) / (1 + z * z / n))


def flow_confidence(records: Sequence[Record]) -> float:
    """Lower Wilson bound (95 %) of the share of a topic's sessions that end as they did when replayed through a flow
    mined without them, in 0..1. Sessions that did not end count not."""
    return wilson_lower(*flow_successes(records))


def flow_successes(records: Sequence[Record]) -> tuple[int, int]:
    """(sessions that end as they did in a flow mined without them, sessions tried), of one topic's records."""

    def reader_without(held: frozenset[str]) -> FlowReader | None:
        kept = [record for record in ended if record.key not in held]
        flow = mine_topic(kept) if kept else None
        return FlowReader(flow.definition, flow.examples) if flow else None

    ended = _spread([record for record in records if record.status in ("resolved", "escalated")])
    return _held_out(ended, reader_without)


def held_out_confidence(records: Sequence[Record], reader_without: ReaderWithout) -> float:
    """Lower Wilson bound (95 %) of the share of sessions that end as they did in what `reader_without` makes without
    them (k-fold, leave-one-out up to FOLDS sessions); it gets the keys of the sessions held out."""
    return wilson_lower(*_held_out(_spread(records), reader_without))


def replays_well(reader: FlowReader, record: Record) -> bool:
    """Whether the flow takes the session to the kind of end that it had, by at least half of its steps."""
    return _ends_alike(record, reader.replay(record))


def count_replayed_well(reader: FlowReader, records: Sequence[Record]) -> int:
    """How many of the records' sessions replay well; many at once are much quicker than one by one."""
    return sum(map(_ends_alike, records, reader.replay_many(records)))


def _ends_alike(record: Record, replay: Replay) -> bool:
    wanted = "escalation" if record.status == "escalated" else "resolution"
    return replay.outcome == wanted and replay.coverage >= EXPLAINED


def _held_out(records: Sequence[Record], reader_without: ReaderWithout) -> tuple[int, int]:
    # By a hash, so that neither the order of the sessions nor a habit of their numbers decides who shares a fold;
    # dealt out in turn, so that folds are of one size and few sessions are left out one by one.
    dealt = sorted(records, key=lambda record: (zlib.crc32(record.key.encode()), record.key))
    succeeded = 0
    for first in range(min(FOLDS, len(dealt))):
        held = dealt[first::FOLDS]
        reader = reader_without(frozenset(record.key for record in held))
        if reader is not None:
            succeeded += count_replayed_well(reader, held)
    return succeeded, len(dealt)


def _spread(records: Sequence[Record]) -> list[Record]:
    step = max(1.0, len(records) / MOST_REPLAYED)
    return [records[int(i * step)] for i in range(min(len(records), MOST_REPLAYED))]
