"""Rows that one worker at a time works off: what is to be sent elsewhere, and is tried until it has arrived.

Such a row has `next_attempt_at` (None: at rest), `claimed_until` and `claim_token`. A claim is one conditional UPDATE
with `free_q` that sets the one and raises the other; whoever writes what came of it checks the token first.
"""

from datetime import datetime

from django.db import connection
from django.db.models import Q


def free_q(now: datetime) -> Q:
    """Its time has come and no other worker has it. Of the row's own columns only: a claim is an UPDATE with this
    condition, and PostgreSQL checks a row that it had to wait for anew by its own columns, not by those of others."""
    return Q(next_attempt_at__lte=now) & (Q(claimed_until=None) | Q(claimed_until__lte=now))


def database_now() -> datetime:
    """The database's time at this moment, the same for all workers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
