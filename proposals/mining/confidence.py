"""How far a mined flow can be trusted."""

import math
import zlib
from collections.abc import Callable, Sequence

from proposals.mining.engine import mine_topic
from proposals.mining.records import Record
from proposals.mining.replay import FlowReader

FOLDS = 5
EXPLAINED = 0.5  # share of a session's steps that a flow must know
MOST_REPLAYED = 400  # sessions replayed at most; the bound is narrow long before
Z_95 = 1.96


def wilson_lower(successes: int, n: int, z: float = Z_95) -> float:
    """Lower bound of the Wilson score interval of a proportion (Wilson 1927), in 0..1.

    0 for n = 0. Raises ValueError unless 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0..{n}, got {successes}")
    if successes == 0:
        return 0.0
    share = successes / n
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (share + z * z / (2 * n) - spread) / (1 + z * z / n))


def flow_confidence(records: Sequence[Record]) -> float:
    """Lower Wilson bound (95 %) of the share of a topic's sessions that end as they did when
    replayed through a flow mined without them (k-fold). Sessions that did not end count not."""

    def reader_without(held: frozenset[str]) -> FlowReader | None:
        kept = [record for record in ended if record.key not in held]
        flow = mine_topic(kept) if kept else None
        return FlowReader(flow.definition, flow.examples) if flow else None

    ended = [record for record in _spread(records) if record.status in ("resolved", "escalated")]
    return held_out_confidence(ended, reader_without)


def held_out_confidence(
    records: Sequence[Record], reader_without: Callable[[frozenset[str]], FlowReader | None]
) -> float:
    """Lower Wilson bound (95 %) of the share of sessions that end as they did in what
    `reader_without` makes without them (k-fold); it gets the keys of the sessions held out."""
    ended = _spread(records)
    folds = [zlib.crc32(record.key.encode()) % min(FOLDS, max(2, len(ended))) for record in ended]
    succeeded = 0
    for fold in sorted(set(folds)):
        held = [record for record, own in zip(ended, folds, strict=True) if own == fold]
        reader = reader_without(frozenset(record.key for record in held))
        if reader is not None:
            succeeded += sum(replays_well(reader, record) for record in held)
    return wilson_lower(succeeded, len(ended))


def replays_well(reader: FlowReader, record: Record) -> bool:
    """Whether the flow takes the session to the kind of end that it had, by at least half of
    its steps."""
    wanted = "escalation" if record.status == "escalated" else "resolution"
    replay = reader.replay(record)
    return replay.outcome == wanted and replay.coverage >= EXPLAINED


def _spread(records: Sequence[Record]) -> list[Record]:
    step = max(1.0, len(records) / MOST_REPLAYED)
    return [records[int(i * step)] for i in range(min(len(records), MOST_REPLAYED))]
