"""Rows that one worker at a time works off: what is to be sent elsewhere, and is tried until it has arrived.

Such a row has `next_attempt_at` (None: at rest), `claimed_until`, `claim_token` and `attempt_count`. A claim is one
conditional UPDATE that raises the token; whoever writes what came of it checks the token first. Where such rows go, an
address or a system, is a row with `paused_until`.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Model, Q, QuerySet


def free_q(now: datetime) -> Q:
    """Its time has come and no other worker has it. Of the row's own columns only: a claim is an UPDATE with this
    condition, and PostgreSQL checks a row that it had to wait for anew by its own columns, not by those of others."""
    return Q(next_attempt_at__lte=now) & (Q(claimed_until=None) | Q(claimed_until__lte=now))


def claim_take(rows: QuerySet[Any], pk: int, *, now: datetime, length: timedelta) -> bool:
    """Claim one of `rows` and count the try; False where it is not due or another worker has it.

    Of two workers one waits here for the other's UPDATE, and then finds the row taken.
    """
    taken = rows.filter(free_q(now), pk=pk).update(
        claimed_until=now + length, claim_token=F("claim_token") + 1, attempt_count=F("attempt_count") + 1
    )
    return bool(taken)


def place_is_full(place: Model, others: QuerySet[Any], *, now: datetime, limit: int) -> bool:
    """Whether the place where a claimed row goes has all the workers that it may have at once, by `others`, the rows
    that go there, too; a dead worker counts until its claim ends.

    The place's row is locked until the claim is committed, so that the next one counts it, too; it comes after the
    claimed row, and so it must wherever both are locked: two locks are always taken in one order.
    """
    type(place)._default_manager.select_for_update(no_key=True).only("pk").get(pk=place.pk)
    return others.filter(claimed_until__gt=now).count() >= limit


def place_pause(places: QuerySet[Any], until: datetime) -> None:
    """Leave the places alone until then; a longer pause stays."""
    places.filter(Q(paused_until=None) | Q(paused_until__lt=until)).update(paused_until=until)


def database_now() -> datetime:
    """The database's time at this moment, the same for all workers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
