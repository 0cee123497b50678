"""When sample sessions start, and how long their steps take."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from math import exp
from random import Random

from flowpilot.sample.model import NodeKind

_WEEKDAYS = (1.3, 1.12, 1.0, 1.0, 0.86, 0.11, 0.06)
_HOURS = (
    *(0.03, 0.02, 0.02, 0.02, 0.04, 0.1, 0.35, 1.2, 2.6, 2.7, 2.2, 1.7),
    *(1.0, 1.6, 2.0, 1.7, 1.3, 0.8, 0.35, 0.2, 0.15, 0.12, 0.08, 0.05),
)
#: Median seconds a step takes; people vary around it log-normally.
_MEDIAN_SECONDS = {
    "question": 55.0,
    "action": 170.0,
    "script": 110.0,
    "resolution": 90.0,
    "escalation": 60.0,
    "help": 40.0,
    "note": 30.0,
}


def start_times(rng: Random, *, until: datetime, days: int, count: int) -> Iterator[datetime]:
    """`count` starting times, oldest first, over the `days` x 24 hours that end at `until`.

    Hours of the calendar (in `until`'s own time zone) get their share by weekday and hour; within an
    hour times are random. One hour is held in memory at a time.
    """
    first = (until - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    hours = [first + timedelta(hours=n) for n in range(days * 24 + 1)]
    sums = list(accumulate(_weight(hour, until) for hour in hours))
    placed = 0
    for hour, total in zip(hours, sums, strict=True):
        target = round(count * total / sums[-1])
        width = min(3600.0, (until - hour).total_seconds())
        offsets = sorted(rng.random() * width for _ in range(target - placed))
        yield from (hour + timedelta(seconds=int(offset)) for offset in offsets)
        placed = max(placed, target)


def _weight(hour: datetime, until: datetime) -> float:
    part = min(1.0, max(0.0, (until - hour).total_seconds() / 3600))
    return _WEEKDAYS[hour.weekday()] * _HOURS[hour.hour] * part


def step_seconds(rng: Random, kind: NodeKind | str) -> int:
    """Seconds for one step, log-normal around the median of its kind; at least 5."""
    return max(5, int(_MEDIAN_SECONDS[kind] * exp(rng.gauss(0.0, 0.55))))
