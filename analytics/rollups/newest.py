"""The newest sessions of which few have a fact, looked for by what is kept of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import EmptyResultSet
from django.db import connection

from analytics.rollups.kept import BITS
from analytics.rollups.marks import JOINED, MARKED
from analytics.rollups.models import EndedSession, has_bits
from analytics.rollups.read import Wanted
from analytics.rollups.spans import definition, ended_in_span

# Of one moment: a turn between two statements could take a mark away before its session is kept. OFFSET 0: see
# `read.ENDED`.
_CANDIDATES = f"""
WITH rolled AS MATERIALIZED (
    SELECT account_id, time_zone AS zone FROM analytics_rolledaccount WHERE definition = %s AND account_id = ANY(%s)
), span AS MATERIALIZED (
    SELECT account_id, greatest(starts, %s) AS starts, least(ends, %s) AS ends
    FROM ({JOINED.format(of=f"({MARKED}) marked")}) s
)
SELECT NULL, count(*) FROM rolled
UNION ALL
(SELECT ended_at, session_id FROM ({{kept}}) kept)
UNION ALL
(SELECT NULL, session_id FROM span CROSS JOIN LATERAL ({{direct}} OFFSET 0) d LIMIT %s)
"""  # noqa: S608
# Sessions in marked times that are looked at one by one; where there are more, all are looked for directly.
MOST_MARKED = 1_000


@dataclass(frozen=True, slots=True)
class Candidates:
    """Ids of sessions, among them all with the facts that ended after `after`; of the whole time where that is None."""

    ids: list[int]
    after: datetime | None


def candidates(wanted: Wanted, facts: Sequence[str], count: int) -> Candidates | None:
    """Whichever of the `wanted` sessions may be the newest with all the facts: the newest `count` that are kept so, and
    those of which the kept facts do not hold. None where what is kept tells nothing."""
    if wanted.accounts is None:
        return None
    rows = wanted.kept(EndedSession).filter(*(has_bits(BITS[name]) for name in facts))
    rows = rows.filter(ended_at__gte=wanted.start, ended_at__lt=wanted.end).order_by("-ended_at", "-session_id")
    try:
        kept, values = rows.values("ended_at", "session_id")[:count].query.sql_with_params()
        direct, more = ended_in_span(wanted.sessions, ["session_id"])
    except EmptyResultSet:
        return Candidates([], None)
    accounts = list(wanted.accounts)
    asked = (definition(), accounts, wanted.start, wanted.end)
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES.format(kept=kept, direct=direct), [*asked, *values, *more, MOST_MARKED + 1])
        (_, rolled), *found = cursor.fetchall()
    ends = [ended_at for ended_at, _ in found if ended_at is not None]
    if rolled < len(accounts) or len(found) - len(ends) > MOST_MARKED:
        return None
    return Candidates([pk for _, pk in found], min(ends) if len(ends) == count else None)
