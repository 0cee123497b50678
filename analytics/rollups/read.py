"""Reading counts: whole days from what is kept, all else counted directly, in one statement and so of one moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import DateField, QuerySet
from django.db.models.functions import Cast, TruncDate, TruncWeek

from analytics.rollups.kept import DOMAIN, Kept
from analytics.rollups.marks import MARKED
from analytics.rollups.models import KeptModel
from analytics.rollups.spans import counted_in_span, definition
from sessions.models import AISession

# How rows may be grouped by time, in the time zone that is read in.
TIMES = {"day": "day", "week": "date_trunc('week', day)::date"}

# A total may be put together of days of any time zone, so it takes those that an account's are kept in; days and weeks
# are the reader's. `span` is what is counted directly: the parts of days at both ends, marked days, and every day of
# accounts whose days are not kept, or not as the reader has them. `clean` are the days that what is kept holds for,
# without those of `clean_month`: months of which it holds for every day. Together they are the period.
READ = """
WITH asked AS MATERIALIZED (
    SELECT %s::timestamptz AS starts, %s::timestamptz AS ends, %s::text AS zone, %s::bigint[] AS accounts,
      %s::boolean AS is_total, %s::text AS definition
), scope AS MATERIALIZED (
    SELECT a.id AS account_id, coalesce(r.time_zone, asked.zone) AS zone, r.account_id IS NOT NULL AS is_rolled,
      CASE WHEN asked.is_total THEN r.months_before END AS months_before
    FROM asked CROSS JOIN accounts_account a
    LEFT JOIN analytics_rolledaccount r ON r.account_id = a.id AND r.definition = asked.definition
      AND (asked.is_total OR r.time_zone = asked.zone)
    WHERE asked.accounts IS NULL OR a.id = ANY(asked.accounts)
), rolled AS (
    SELECT account_id, zone FROM scope WHERE is_rolled
), marked AS MATERIALIZED (
    SELECT DISTINCT account_id, day FROM ({marked}) m
), calendar AS MATERIALIZED (
    SELECT account_id, is_rolled, months_before, d::date AS day, date_trunc('month', d)::date AS month,
      d AT TIME ZONE scope.zone AS starts, (d + interval '1 day') AT TIME ZONE scope.zone AS ends
    FROM asked CROSS JOIN scope CROSS JOIN generate_series((asked.starts AT TIME ZONE scope.zone)::date::timestamp,
      asked.ends AT TIME ZONE scope.zone, interval '1 day') d
), piece AS MATERIALIZED (
    SELECT c.account_id, c.day, c.month, c.months_before,
      greatest(c.starts, asked.starts) AS starts, least(c.ends, asked.ends) AS ends,
      c.is_rolled AND c.starts >= asked.starts AND c.ends <= asked.ends AND m.day IS NULL AS is_clean
    FROM asked CROSS JOIN calendar c LEFT JOIN marked m ON m.account_id = c.account_id AND m.day = c.day
    WHERE c.starts < asked.ends AND c.ends > asked.starts
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


RowsOf = Callable[[type[KeptModel]], QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions, of which time: those of `sessions` that ended from `start` to before `end`.

    `kept` gives the rows of a rollup's table that count the same, or is None where it does not keep what they are
    chosen by. `accounts` are those that they can be of, or None for all; `zone` is the time zone of the reader's days.
    """

    sessions: QuerySet[AISession]
    kept: RowsOf | None
    accounts: Sequence[int] | None
    start: datetime
    end: datetime
    zone: str
    # Narrowed to a problem domain.
    is_of_domain: bool = False


def read(kept: Kept, wanted: Wanted, by: Sequence[str] = (), sums: Sequence[str] = ()) -> list[dict[str, Any]]:
    """`sums` of `kept` (all, if none is named) in the groups that have any sessions, in their order. One statement.

    `by` names keys of `kept`, "day" or "week"; without it there is one row, or none. A rollup that lags, or is wrong
    about a marked day, changes nothing.
    """
    try:
        if wanted.kept is None:
            return _directly(kept, wanted, list(by), list(sums or kept.sums))
        return _together(kept, wanted, wanted.kept, list(by), list(sums or kept.sums))
    except EmptyResultSet:
        return []


def _together(kept: Kept, wanted: Wanted, rows_of: RowsOf, by: list[str], sums: list[str]) -> list[dict[str, Any]]:
    keys = [name for name in kept.keys if name in by]
    columns = ", ".join(["day", *keys, *sums])
    direct, values = counted_in_span(kept, wanted.sessions, keys, sums)
    parts = [f"SELECT span.{columns} FROM span CROSS JOIN LATERAL ({direct}) d"]  # noqa: S608
    all_domains = DOMAIN not in by and not wanted.is_of_domain
    day, month = (kept.team_day, kept.team_month) if all_domains else (kept.day, kept.month)
    for model, clean in ((day, "clean"), (month, "clean_month")):
        rows, more = rows_of(model).order_by().values("account_id", "day", *keys, *sums).query.sql_with_params()
        parts.append(f"SELECT {columns} FROM {clean} JOIN ({rows}) k USING (account_id, day)")  # noqa: S608
        values = (*values, *more)
    groups = [f"{TIMES.get(name, name)} AS {name}" for name in by]
    places = ", ".join(str(place) for place in range(1, len(by) + 1))
    sql = READ.format(
        marked=MARKED,
        columns=", ".join([*groups, *(f"sum({name})::bigint AS {name}" for name in sums)]),
        parts=" UNION ALL ".join(parts),
        groups=f"GROUP BY {places} ORDER BY {places}" if by else "HAVING count(*) > 0",
    )
    accounts = None if wanted.accounts is None else list(wanted.accounts)
    asked = (wanted.start, wanted.end, wanted.zone, accounts, not TIMES.keys() & set(by), definition())
    with connection.cursor() as cursor:
        cursor.execute(sql, (*asked, *values))
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _directly(kept: Kept, wanted: Wanted, by: list[str], sums: list[str]) -> list[dict[str, Any]]:
    """Without what is kept: the database is free to choose an index by what the sessions are narrowed to."""
    sessions = wanted.sessions.filter(status__in=AISession.ENDED, ended_at__gte=wanted.start, ended_at__lt=wanted.end)
    zone = ZoneInfo(wanted.zone)
    if "day" in by:
        sessions = sessions.annotate(day=TruncDate("ended_at", tzinfo=zone))
    if "week" in by:
        sessions = sessions.annotate(week=Cast(TruncWeek("ended_at", tzinfo=zone), DateField()))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    # By account, too: a reader of several adds them up.
    for row in kept.count(sessions, by, sums):
        group = found.setdefault(tuple(row[name] for name in by), {name: row[name] for name in by})
        group.update({name: group.get(name, 0) + row[name] for name in sums})
    return [found[key] for key in sorted(found, key=_order)]


def _order(key: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    """As the database orders: no team comes last."""
    return [(value is None, 0 if value is None else value) for value in key]
