"""What one session says about the published flows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from proposals.analysis.load import PublishedFlows
from proposals.mining.change import answered_dead_end
from proposals.mining.records import Record
from proposals.mining.replay import Replay
from proposals.mining.transcript import counted_steps
from proposals.models import SessionAnalysis

Outcome = SessionAnalysis.Outcome
Best = tuple[int | None, Replay]

# A flow that explains less of a session than this is another problem's flow.
FITS_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """`flow_id` is the flow that fits (None: none does); `score` is the share of the session that the flows explain."""

    outcome: str
    flow_id: int | None
    score: float
    left_at: str = ""


def judge_all(records: Sequence[Record], flows: PublishedFlows, used: Sequence[int | None]) -> list[Verdict]:
    """A verdict for each record. `used` names the flow that guided the session, where one did."""
    found = flows.replayer.replay_all(records)
    return [
        _verdict(record, flows, *best)
        for record, best in zip(records, _with_guides(records, flows, used, found), strict=True)
    ]


def _with_guides(
    records: Sequence[Record], flows: PublishedFlows, used: Sequence[int | None], found: Sequence[Best]
) -> list[Best]:
    """The flow that guided a session fits it unless another explains more."""
    guided: dict[int, list[int]] = defaultdict(list)
    for at, guide in enumerate(used):
        if guide is not None and guide in flows.versions and guide != found[at][0]:
            guided[guide].append(at)
    best = list(found)
    for guide, places in guided.items():
        replays = flows.replayer.reader(guide).replay_many([records[at] for at in places])
        for at, replay in zip(places, replays, strict=True):
            if replay.coverage >= best[at][1].coverage:
                best[at] = (guide, replay)
    return best


def _verdict(record: Record, flows: PublishedFlows, flow_id: int | None, replay: Replay) -> Verdict:
    if not counted_steps(record):
        return Verdict(Outcome.NOTHING_TO_LEARN, None, 0.0)
    if flow_id is None or not _fits(record, flows, flow_id, replay):
        return Verdict(Outcome.NO_FLOW, None, replay.coverage)
    if answered_dead_end(record, replay):
        return Verdict(Outcome.LEFT, flow_id, replay.coverage, replay.path[-2][0])
    if replay.outcome in ("resolution", "escalation"):
        return Verdict(Outcome.FOLLOWED, flow_id, replay.coverage)
    if replay.outcome == "left":
        return Verdict(Outcome.LEFT, flow_id, replay.coverage, replay.left_at or "")
    # It stopped on the way: no news about the flow, but it belongs to it.
    return Verdict(Outcome.FOLLOWED, flow_id, replay.coverage)


def _fits(record: Record, flows: PublishedFlows, flow_id: int, replay: Replay) -> bool:
    """Whether the flow is about the session's problem.

    One that left early is explained no further, but may go on to ask what the flow asks, only in another order.
    """
    if replay.coverage >= FITS_FROM:
        return True
    return replay.outcome == "left" and flows.known_share(flow_id, record) >= FITS_FROM
