"""When to try again. Pure."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=1)
# After an unclear answer the other side may still be writing: a look that comes too early would see nothing.
SETTLING = timedelta(minutes=1)
# A system that asks for more than this is down, or wrong about the time.
LONGEST_REQUEST = timedelta(days=1)
NO_ANSWER_PAUSE = timedelta(minutes=1)


def pause_after(attempt: int) -> timedelta:
    """How long to wait after the n-th failed attempt (n ≥ 1): exponential, with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(LONGEST, FIRST * 2 ** min(attempt - 1, 20))
    return ceiling * random.random()  # noqa: S311


def requested_pause(header: str | None, now: datetime) -> timedelta | None:
    """What `Retry-After` asks for, as seconds or as an HTTP date (RFC 9110, 10.2.3); None where it says neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        asked = timedelta(seconds=min(int(text[:12]), 10**9))
    else:
        try:
            date = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        asked = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return min(max(asked, timedelta()), LONGEST_REQUEST)


def pause_of_place(header: str | None, now: datetime, *, no_answer: bool) -> timedelta | None:
    """How long to leave a whole place alone: as `Retry-After` asks, LONGEST at most; a minute after silence, for the
    others that go there would each keep a worker until their time runs out; else None."""
    asked = requested_pause(header, now)
    if asked is not None:
        return min(asked, LONGEST)
    return NO_ANSWER_PAUSE if no_answer else None


def pause_kept(wait: timedelta, header: str | None, now: datetime) -> timedelta:
    """`wait`, or what `Retry-After` asks for where that is longer."""
    asked = requested_pause(header, now)
    # Spread, so that all who were told the same do not come back in the same second.
    return wait if asked is None else max(wait, asked + pause_after(1))
