"""When a gap closes, and how grave it is. Pure.

Closing and coming back are apart from one another, so that no gap flaps: it closes once the sessions since it was
opened (or since work on it began) show clearly that the rate lies nearer to the base than to what it was; it comes back
once the sessions since the closing alone stand out in the test that opens gaps. What lies between changes nothing.
"""

from enum import StrEnum

from flowpilot.common.statistics import Rate

#: Sessions since the opening from which a gap may close.
ENOUGH_TO_CLOSE = 20
#: A rate that is significant yet less than this times its base, or a handful of sessions, is no gap to work on.
LEAST_LIFT, LEAST_COUNT = 1.25, 5
#: Shares of all bad sessions that a gap accounts for beyond the base, from which it is grave, and not small.
HIGH_FROM, MEDIUM_FROM = 0.10, 0.04


class Severity(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def has_recovered(since: Rate, base: float, former: float) -> bool:
    """Whether the upper end of the 95 % Wilson interval of `since` lies below the middle of `base` and `former`."""
    if since.n < ENOUGH_TO_CLOSE or since.interval is None:
        return False
    return since.interval[1] < (base + former) / 2


def stands_out(rate: Rate, base: float) -> bool:
    """Whether a flagged rate is large enough against its base to be worked on."""
    return rate.share is not None and rate.count >= LEAST_COUNT and rate.share >= LEAST_LIFT * base


def severity_of(excess: float, all_bad: int) -> Severity:
    """By the share of all bad sessions that this gap explains: `excess` are those beyond what the base would give."""
    share = excess / all_bad if all_bad else 0.0
    if share >= HIGH_FROM:
        return Severity.HIGH
    return Severity.MEDIUM if share >= MEDIUM_FROM else Severity.LOW
