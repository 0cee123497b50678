"""Since when a flow does worse: the best cut of its days in two. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from analytics.gaps.statistics import fisher_mid_p
from flowpilot.common.statistics import Rate

#: Sessions that each side of a cut needs.
ENOUGH = 20
#: Days between the cuts that are tried.
STEP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Cut:
    """`after` are the sessions that ended on `day` (UTC) or later; `version` is what began then, where it is known.

    `tries` cuts were tried to find this one.
    """

    day: date
    after: Rate
    before: Rate
    tries: int
    version: int | None = None


def best_cut(
    days: Sequence[tuple[date, Rate]], versions: Sequence[tuple[int, date]], today: date, first: date
) -> Cut | None:
    """The cut after which the sessions end badly most clearly more often than before; None where none can be tried.

    Cuts are tried every seven days back from `today` to `first`, and at each version's day. `days` hold the flow's
    sessions and the bad ones by day, in order.
    """
    tried = dict.fromkeys(_weeks(today, first)) | {day: number for number, day in versions if first < day <= today}
    sizes = np.array([rate.n for _, rate in days])
    counts = np.array([rate.count for _, rate in days])
    at = np.searchsorted(np.array([day.toordinal() for day, _ in days]), [day.toordinal() for day in tried])
    n_before = np.concatenate([[0], np.cumsum(sizes)])[at]
    bad_before = np.concatenate([[0], np.cumsum(counts)])[at]
    n_after, bad_after = sizes.sum() - n_before, counts.sum() - bad_before
    usable = (n_before >= ENOUGH) & (n_after >= ENOUGH)
    if not usable.any():
        return None
    p = np.where(usable, fisher_mid_p(bad_after, n_after, bad_before, n_before), 2.0)
    best = int(np.argmin(p))
    day = list(tried)[best]
    return Cut(
        day,
        Rate(int(bad_after[best]), int(n_after[best])),
        Rate(int(bad_before[best]), int(n_before[best])),
        int(usable.sum()),
        tried[day],
    )


def _weeks(today: date, first: date) -> list[date]:
    return [today - STEP * n for n in range(1, (today - first) // STEP)]
