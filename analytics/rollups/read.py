"""Reading counts: whole days from what is kept, all else counted directly, in one statement and so of one moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from analytics.rollups.kept import Kept
from analytics.rollups.marks import MARKED
from analytics.rollups.models import KeptModel
from analytics.rollups.spans import counted_in_span
from sessions.models import AISession

# How rows may be grouped, by day and week in the time zone that is read in.
WEEK = "date_trunc('week', day)::date"
TIMES = {"day": "day", "week": WEEK}

# `span`: what is counted directly: the parts of days at both ends, marked days, and every day of accounts whose days
# are not kept, or in another time zone. `clean`: the days that what is kept holds for, without those of `clean_month`:
# months of which it holds for every day, where whole months will do. Together they are the period.
READ = """
WITH asked AS MATERIALIZED (
    SELECT %s::timestamptz AS starts, %s::timestamptz AS ends, %s::text AS zone, %s::bigint[] AS accounts,
      %s::boolean AS may_be_kept, %s::boolean AS by_month
), scope AS MATERIALIZED (
    SELECT a.id AS account_id, asked.zone, r.account_id IS NOT NULL AND asked.may_be_kept AS is_rolled,
      CASE WHEN asked.by_month THEN r.months_before END AS months_before
    FROM asked CROSS JOIN accounts_account a
    LEFT JOIN analytics_rolledaccount r ON r.account_id = a.id AND r.time_zone = asked.zone
    WHERE asked.accounts IS NULL OR a.id = ANY(asked.accounts)
), rolled AS (
    SELECT account_id, zone FROM scope WHERE is_rolled
), marked AS MATERIALIZED (
    SELECT DISTINCT account_id, day FROM ({marked}) m
), calendar AS MATERIALIZED (
    SELECT d::date AS day, date_trunc('month', d)::date AS month,
      greatest(d AT TIME ZONE zone, asked.starts) AS starts,
      least((d + interval '1 day') AT TIME ZONE zone, asked.ends) AS ends,
      d AT TIME ZONE zone >= asked.starts AND (d + interval '1 day') AT TIME ZONE zone <= asked.ends AS is_whole
    FROM asked CROSS JOIN generate_series((asked.starts AT TIME ZONE zone)::date::timestamp,
      asked.ends AT TIME ZONE zone, interval '1 day') d
), piece AS MATERIALIZED (
    SELECT s.account_id, c.day, c.month, c.starts, c.ends, s.months_before,
      s.is_rolled AND c.is_whole AND m.day IS NULL AS is_clean
    FROM scope s CROSS JOIN calendar c LEFT JOIN marked m ON m.account_id = s.account_id AND m.day = c.day
    WHERE c.starts < c.ends
), clean_month AS MATERIALIZED (
    SELECT account_id, month AS day FROM piece WHERE is_clean AND month < months_before GROUP BY account_id, month
    HAVING count(*) = extract(day FROM month + interval '1 month' - interval '1 day')
), clean AS (
    SELECT account_id, day FROM piece WHERE is_clean
      AND NOT EXISTS (SELECT FROM clean_month m WHERE m.account_id = piece.account_id AND m.day = piece.month)
), span AS (
    SELECT account_id, day, starts, ends FROM piece WHERE NOT is_clean
)
SELECT {columns} FROM ({parts}) part {groups}
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions, of which time: those of `sessions` that ended from `start` to before `end`.

    `kept` gives the rows of a rollup's table that count the same, or is None where it does not keep what they are
    chosen by. `accounts` are those that they can be of, or None for all; `zone` is the time zone of the reader's days.
    """

    sessions: QuerySet[AISession]
    kept: Callable[[type[KeptModel]], QuerySet[Any]] | None
    accounts: Sequence[int] | None
    start: datetime
    end: datetime
    zone: str


def read(kept: Kept, wanted: Wanted, by: Sequence[str] = (), sums: Sequence[str] = ()) -> list[dict[str, Any]]:
    """`sums` of `kept` (all, if none is named) in the groups that have any sessions, in their order. One statement.

    `by` names keys of `kept`, "day" or "week"; without it there is one row, or none. A rollup that lags, or is wrong
    about a marked day, changes nothing.
    """
    keys, sums = [name for name in kept.keys if name in by], list(sums or kept.sums)
    try:
        direct, values = counted_in_span(kept, wanted.sessions, keys, sums)
    except EmptyResultSet:
        return []
    columns = ["day", *keys, *sums]
    parts = [f"SELECT span.{', '.join(columns)} FROM span CROSS JOIN LATERAL ({direct}) d"]  # noqa: S608
    for model, clean in ((kept.day, "clean"), (kept.month, "clean_month")):
        if wanted.kept is None:
            continue
        rows, more = wanted.kept(model).order_by().values("account_id", *columns).query.sql_with_params()
        parts.append(f"SELECT {', '.join(columns)} FROM {clean} JOIN ({rows}) k USING (account_id, day)")  # noqa: S608
        values = (*values, *more)
    groups = [f"{TIMES.get(name, name)} AS {name}" for name in by]
    return _rows(wanted, groups, [f"sum({name})::bigint AS {name}" for name in sums], " UNION ALL ".join(parts), values)


def _rows(
    wanted: Wanted, groups: Sequence[str], sums: Sequence[str], parts: str, values: Sequence[Any]
) -> list[dict[str, Any]]:
    places = ", ".join(str(place) for place in range(1, len(groups) + 1))
    sql = READ.format(
        marked=MARKED,
        columns=", ".join([*groups, *sums]),
        parts=parts,
        groups=f"GROUP BY {places} ORDER BY {places}" if groups else "HAVING count(*) > 0",
    )
    accounts = None if wanted.accounts is None else list(wanted.accounts)
    by_month = not any(group.endswith((" AS day", " AS week")) for group in groups)
    asked = (wanted.start, wanted.end, wanted.zone, accounts, wanted.kept is not None, by_month)
    with connection.cursor() as cursor:
        cursor.execute(sql, (*asked, *values))
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
