"""Reading counts: sums that are kept where they hold, then kept sessions, then the sessions themselves.

In one statement, and so of one moment.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from analytics.rollups.kept import COUNTS, DOMAIN, Kept
from analytics.rollups.marks import JOINED, MARKED
from analytics.rollups.models import EndedSession
from analytics.rollups.spans import definition, ended_in_span
from sessions.models import AISession

Part = tuple[str, tuple[Any, ...]]

# How rows may be grouped by time, in the time zone that is read in.
TIMES = ("day", "week")

# `cut` is the period by what it is grouped by: the reader's days or weeks, or all of it. Together these are the period,
# each moment of it once, in its cut:
# - `clean`, days, in the time zone that an account's are kept in, that lie in one cut and that the kept sums hold for,
#   without those of `clean_month`: months of a total of which they do for every day;
# - `factual`, times outside them that what is kept of each session holds for: in marked days, in the parts of days at
#   the ends of a cut, in a client's days with few sessions, and everywhere where nothing is added up by what is asked
#   for;
# - `span`, which only the sessions themselves tell of: marked quarters of an hour, and all time of accounts of which
#   nothing is kept.
READ = f"""
WITH asked AS MATERIALIZED (
    SELECT %s::timestamptz AS starts, %s::timestamptz AS ends, %s::text AS zone, %s::bigint[] AS accounts,
      %s::boolean AS is_added_up, %s::text AS unit, %s::text AS definition
), scope AS MATERIALIZED (
    SELECT a.id AS account_id, r.time_zone AS zone, r.account_id IS NOT NULL AS is_rolled,
      asked.is_added_up AND r.account_id IS NOT NULL AS has_days,
      CASE WHEN asked.unit IS NULL THEN r.months_before END AS months_before
    FROM asked CROSS JOIN accounts_account a
    LEFT JOIN analytics_rolledaccount r ON r.account_id = a.id AND r.definition = asked.definition
    WHERE asked.accounts IS NULL OR a.id = ANY(asked.accounts)
), rolled AS (
    SELECT account_id, zone FROM scope WHERE is_rolled
), marked AS MATERIALIZED (
    SELECT account_id, quarter, day FROM ({MARKED}) m
), cut AS MATERIALIZED (
    SELECT d::date AS cut, greatest(d AT TIME ZONE zone, starts) AS starts,
      least((d + ('1 ' || unit)::interval) AT TIME ZONE zone, ends) AS ends
    FROM asked CROSS JOIN generate_series(date_trunc(unit, starts AT TIME ZONE zone), ends AT TIME ZONE zone,
      ('1 ' || unit)::interval) d
    UNION ALL
    SELECT '-infinity', starts, ends FROM asked WHERE unit IS NULL
), calendar AS MATERIALIZED (
    SELECT account_id, months_before, d::date AS day, date_trunc('month', d)::date AS month,
      d AT TIME ZONE scope.zone AS starts, (d + interval '1 day') AT TIME ZONE scope.zone AS ends
    FROM asked CROSS JOIN scope CROSS JOIN generate_series((asked.starts AT TIME ZONE scope.zone)::date::timestamp,
      asked.ends AT TIME ZONE scope.zone, interval '1 day') d
    WHERE has_days
), piece AS MATERIALIZED (
    SELECT c.account_id, c.day, c.month, c.months_before, cut,
      greatest(c.starts, cut.starts) AS starts, least(c.ends, cut.ends) AS ends,
      c.starts >= cut.starts AND c.ends <= cut.ends AND m.day IS NULL AND {{is_kept}} AS is_clean
    FROM asked CROSS JOIN calendar c CROSS JOIN LATERAL (
        SELECT coalesce(date_trunc(unit, c.starts AT TIME ZONE zone)::date, '-infinity') AS cut
        UNION
        SELECT coalesce(date_trunc(unit, (c.ends - interval '1 microsecond') AT TIME ZONE zone)::date, '-infinity')
    ) i JOIN cut USING (cut)
    LEFT JOIN (SELECT DISTINCT account_id, day FROM marked) m ON m.account_id = c.account_id AND m.day = c.day
    WHERE c.starts < cut.ends AND c.ends > cut.starts
), clean_month AS MATERIALIZED (
    SELECT account_id, month AS day, cut FROM piece WHERE is_clean AND month < months_before
    GROUP BY account_id, month, cut
    HAVING count(*) = extract(day FROM month + interval '1 month' - interval '1 day')
), clean AS MATERIALIZED (
    SELECT account_id, day, cut FROM piece WHERE is_clean
      AND NOT EXISTS (SELECT FROM clean_month m WHERE m.account_id = piece.account_id AND m.day = piece.month)
), span AS MATERIALIZED (
    SELECT account_id, cut, greatest(s.starts, cut.starts) AS starts, least(s.ends, cut.ends) AS ends
    FROM ({JOINED.format(of="marked")}) s JOIN cut ON s.starts < cut.ends AND s.ends > cut.starts
    UNION ALL
    SELECT account_id, cut, starts, ends FROM cut CROSS JOIN scope WHERE NOT is_rolled
), rest AS (
    SELECT account_id, cut, starts, ends FROM piece WHERE NOT is_clean
    UNION ALL
    SELECT account_id, cut, starts, ends FROM cut CROSS JOIN scope WHERE is_rolled AND NOT has_days
), factual AS MATERIALIZED (
    SELECT account_id, cut, starts, ends FROM (
        SELECT r.account_id, r.cut, b.ends AS starts,
          lead(b.starts) OVER (PARTITION BY r.account_id, r.starts ORDER BY b.starts) AS ends
        FROM rest r CROSS JOIN LATERAL (
            SELECT '-infinity'::timestamptz AS starts, r.starts AS ends
            UNION ALL
            SELECT s.starts, s.ends FROM span s
            WHERE s.account_id = r.account_id AND s.starts < r.ends AND s.ends > r.starts
            UNION ALL
            SELECT r.ends, 'infinity'
        ) b
    ) t WHERE starts < ends
)
SELECT {{columns}} FROM ({{parts}}) part {{groups}}
"""  # noqa: S608
# What is kept of each session in `factual` times, and the same of the sessions in `span`. OFFSET 0 says time by time,
# over an index: joined at will, each row would be compared with each time.
ENDED = """
(
    SELECT cut, {columns} FROM factual t CROSS JOIN LATERAL (
        SELECT {columns} FROM ({kept}) e
        WHERE e.account_id = t.account_id AND e.ended_at >= t.starts AND e.ended_at < t.ends OFFSET 0
    ) k
    UNION ALL
    SELECT cut, {columns} FROM span CROSS JOIN LATERAL ({direct} OFFSET 0) d
) ended
"""


RowsOf = Callable[[type[Any]], QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions, of which time: those of `sessions` that ended from `start` to before `end`.

    `kept` gives the rows of EndedSession, or of a rollup's table, of the same sessions. `accounts` are those that they
    can be of, or None for all; `zone` is the time zone of the reader's days.
    """

    sessions: QuerySet[AISession]
    kept: RowsOf
    accounts: Sequence[int] | None
    start: datetime
    end: datetime
    zone: str
    # Narrowed to a problem domain.
    is_of_domain: bool = False
    # Narrowed to a client: some of its days are kept.
    client: int | None = None
    # Narrowed to what rollups do not tell apart: a technician, a flow, or a domain of a client.
    is_narrow: bool = False


def read(kept: Kept, wanted: Wanted, by: Sequence[str] = (), sums: Sequence[str] = ()) -> list[dict[str, Any]]:
    """`sums` of `kept` (all, if none is named) in the groups that have any sessions, in their order. One statement.

    `by` names keys of `kept`, and "day" or "week"; without it there is one row, or none. A rollup that lags, or is
    wrong about a marked day, changes nothing.
    """
    try:
        sql, values = _statement(kept, wanted, list(by), list(sums or kept.sums))
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _statement(kept: Kept, wanted: Wanted, by: list[str], sums: list[str]) -> Part:
    unit = next((name for name in by if name in TIMES), None)
    keys = [name for name in by if name not in TIMES]
    parts = [_of_sessions(kept, wanted, keys, sums)]
    # Of a client all domains together are kept.
    is_added_up = not wanted.is_narrow and (wanted.client is None or DOMAIN not in keys)
    if is_added_up:
        parts += _of_days(kept, wanted, keys, sums)
    is_kept, of_client = _is_kept(wanted)
    groups = [f"cut AS {name}" if name in TIMES else name for name in by]
    places = ", ".join(str(place) for place in range(1, len(by) + 1))
    sql = READ.format(
        columns=", ".join([*groups, *(f"sum({name})::bigint AS {name}" for name in sums)]),
        is_kept=is_kept,
        parts=" UNION ALL ".join(part for part, _ in parts),
        groups=f"GROUP BY {places} ORDER BY {places}" if by else "HAVING count(*) > 0",
    )
    accounts = None if wanted.accounts is None else list(wanted.accounts)
    asked = (wanted.start, wanted.end, wanted.zone, accounts, is_added_up, unit, definition())
    return sql, (*asked, *of_client, *(value for _, values in parts for value in values))


def _is_kept(wanted: Wanted) -> Part:
    """Whether a day `c` is kept at all. Of a client only some are; whose team's sessions there are does not matter."""
    if wanted.client is None:
        return "true", ()
    table = COUNTS.client_day._meta.db_table
    found = f"SELECT FROM {table} k WHERE k.account_id = c.account_id AND k.day = c.day AND k.client_id = %s"
    return f"EXISTS ({found})", (wanted.client,)


def _of_sessions(kept: Kept, wanted: Wanted, keys: list[str], sums: list[str]) -> Part:
    """What no kept sum holds for, session by session."""
    columns = list(dict.fromkeys([*keys, *kept.alike]))
    rows = wanted.kept(EndedSession).order_by().values("account_id", "ended_at", *columns)
    (told, values), (direct, more) = rows.query.sql_with_params(), ended_in_span(wanted.sessions, columns)
    ended = ENDED.format(columns=", ".join(columns), kept=told, direct=direct)
    return kept.summed(ended, {name: name for name in ("cut", *keys)}, sums), (*values, *more)


def _of_days(kept: Kept, wanted: Wanted, keys: list[str], sums: list[str]) -> Iterator[Part]:
    columns = ", ".join(["cut", *keys, *sums])
    if wanted.client is not None:
        day, month = kept.client_day, kept.client_month
    elif DOMAIN in keys or wanted.is_of_domain:
        day, month = kept.day, kept.month
    else:
        day, month = kept.team_day, kept.team_month
    for model, clean in ((day, "clean"), (month, "clean_month")):
        rows = wanted.kept(model).order_by().values("account_id", "day", *keys, *sums)
        told, values = rows.query.sql_with_params()
        yield f"SELECT {columns} FROM {clean} JOIN ({told}) k USING (account_id, day)", values  # noqa: S608
