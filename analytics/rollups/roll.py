"""Counting marked days anew. Safe to run twice, at once, and to be killed at any point.

Each turn is one transaction that sees one moment (REPEATABLE READ): it takes marks, counts their days whole, writes
them and deletes the marks that it saw. What another transaction commits meanwhile is not seen, and neither is its mark,
which therefore stays for the next turn.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from analytics.rollups.kept import ALL, CLIENT_SESSIONS, ENDED_COLUMNS, Kept
from analytics.rollups.marks import JOINED, MARKED
from analytics.rollups.models import EndedSession, KeptModel, RolledAccount, RollupMark, SessionMark
from analytics.rollups.spans import definition, ended_in_span
from flowpilot.accounts.models import Account
from flowpilot.common.leases import HeldLease, lease_check, lease_release, lease_renew, lease_take
from flowpilot.common.tenancy import TenantModel
from sessions.models import AISession

LEASE = timedelta(minutes=5)
#: Days of one turn: a turn is short, and what a killed worker had done before stays done.
DAYS_AT_ONCE = 31

_QUARTERS_OF_SESSIONS = """
INSERT INTO analytics_rollupmark (account_id, quarter)
SELECT DISTINCT account_id, date_bin('15 minutes', ended_at, '2000-01-01 00:00+00') FROM ai_sessions_aisession
WHERE account_id = %s AND ended_at IS NOT NULL
"""
_ROLLED = "WITH rolled AS (SELECT account_id, time_zone AS zone FROM analytics_rolledaccount WHERE account_id = %s)"
_LOOK_UP = f"""
{_ROLLED}
INSERT INTO analytics_rollupmark (account_id, quarter)
SELECT DISTINCT account_id, quarter FROM ({MARKED}) m
"""  # noqa: S608
_MARKED_DAYS = f"""
{_ROLLED}
SELECT DISTINCT day FROM ({MARKED}) m ORDER BY day DESC LIMIT %s
"""  # noqa: S608
# The days' marked times, as `span`: what is kept of a session elsewhere holds.
_SPAN = f"""
WITH marked AS (
    SELECT m.account_id, m.quarter FROM analytics_rollupmark m JOIN analytics_rolledaccount r USING (account_id)
    WHERE m.account_id = %s AND (m.quarter AT TIME ZONE r.time_zone)::date = ANY(%s)
), span AS MATERIALIZED ({JOINED.format(of="marked")})
"""  # noqa: S608
# OFFSET 0: see `read.ENDED`.
_DROP_SESSIONS = f"""
{_SPAN}
DELETE FROM analytics_endedsession WHERE session_id = ANY(ARRAY(
    SELECT d.session_id FROM span CROSS JOIN LATERAL (
        SELECT session_id FROM analytics_endedsession e
        WHERE e.account_id = span.account_id AND e.ended_at >= span.starts AND e.ended_at < span.ends
          AND NOT EXISTS (SELECT FROM ai_sessions_aisession s WHERE s.id = e.session_id
            AND s.account_id = e.account_id AND s.ended_at = e.ended_at
            AND s.status IN ('resolved', 'escalated', 'abandoned'))
        OFFSET 0
    ) d
))
"""  # noqa: S608
# Only what has changed: a day is counted again every minute while it goes on.
_WRITE_SESSIONS = (
    f"{_SPAN} INSERT INTO analytics_endedsession AS e ({', '.join(ENDED_COLUMNS)}) "  # noqa: S608
    f"SELECT {', '.join(f'd.{name}' for name in ENDED_COLUMNS)} FROM span CROSS JOIN LATERAL ({{direct}} OFFSET 0) d "
    f"ON CONFLICT (session_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in ENDED_COLUMNS)} "
    f"WHERE ({', '.join(f'e.{name}' for name in ENDED_COLUMNS)}) "
    f"IS DISTINCT FROM ({', '.join(f'excluded.{name}' for name in ENDED_COLUMNS)})"
)
_DAYS = """
(
    SELECT r.account_id, day, day::timestamp AT TIME ZONE r.time_zone AS starts,
      (day + 1)::timestamp AT TIME ZONE r.time_zone AS ends
    FROM analytics_rolledaccount r CROSS JOIN unnest(%s::date[]) day WHERE r.account_id = %s
) d CROSS JOIN LATERAL (
    SELECT team_id, client_id, problem_domain, facts, rating, minutes FROM analytics_endedsession e
    WHERE e.account_id = d.account_id AND e.ended_at >= d.starts AND e.ended_at < d.ends OFFSET 0
) e
"""
# The clients of which a day is kept.
_MANY = f"""
WITH many AS MATERIALIZED (
    SELECT day, client_id FROM {_DAYS} WHERE client_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) >= %s
)
"""  # noqa: S608
_ADD_UP = """
INSERT INTO {target} (account_id, day, {columns})
SELECT account_id, {day}, {keys}, {sums} FROM {source} WHERE account_id = %s AND {day} = ANY(%s)
GROUP BY account_id, {day}, {keys}
"""
_MONTH = "date_trunc('month', day)::date"
_UNMARK = """
DELETE FROM analytics_rollupmark m USING analytics_rolledaccount r
WHERE r.account_id = m.account_id AND m.account_id = %s AND (m.quarter AT TIME ZONE r.time_zone)::date = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did; `more` says that marked days are left over."""

    days: int
    more: bool


def rollup_lease_key(account_id: int) -> str:
    return f"rollup:{account_id}"


def account_roll_up(account_id: int, *, anew: bool = False) -> int | None:
    """Count the account's marked days, or `anew` all that it has; gives how many days, None while another is at it."""
    lease = lease_take(key=rollup_lease_key(account_id), duration=LEASE)
    if lease is None:
        return None
    try:
        if anew:
            with snapshot(lease):
                RolledAccount.objects.filter(account=account_id).delete()
        days, turn = 0, roll_turn(lease, account_id)
        while turn.more:
            days += turn.days
            lease_renew(lease, duration=LEASE)
            turn = roll_turn(lease, account_id)
        return days + turn.days
    finally:
        lease_release(lease)


def accounts_to_roll() -> list[int]:
    """Accounts with marks, or whose days are kept as they were counted before, or whose last month is over."""
    marked = set(RollupMark.objects.values_list("account", flat=True).distinct())
    marked |= set(SessionMark.objects.values_list("account", flat=True).distinct())
    now = timezone.now()
    rows = RolledAccount.objects.select_related("account")
    late = {row.pk for row in rows if not _holds(row, row.account) or row.months_before < month_of(now, row.time_zone)}
    return sorted(marked | late)


def _holds(rolled: RolledAccount, account: Account) -> bool:
    """Whether its days are those of the account's time zone, counted as they are counted now."""
    return rolled.time_zone == account.time_zone and rolled.definition == definition()


@contextmanager
def snapshot(lease: HeldLease) -> Iterator[None]:
    """A transaction that sees one moment, under the lease. Raises LeaseLost."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        lease_check(lease)
        yield


def roll_turn(lease: HeldLease, account_id: int) -> Turn:
    """One transaction's work. Raises LeaseLost."""
    with snapshot(lease):
        account = Account.objects.filter(pk=account_id).first()
        if account is None:
            _forget(account_id)
            return Turn(0, more=False)
        rolled = RolledAccount.objects.filter(account=account).first()
        if rolled is None or not _holds(rolled, account):
            _begin(account)
            return Turn(0, more=True)
        _look_up(account_id)
        days = _marked_days(account_id)
        before = max(rolled.months_before, month_of(timezone.now(), account.time_zone))
        months = {day.replace(day=1) for day in days if day < before} | _months(rolled.months_before, before)
        _write_sessions(account_id, days)
        for kept in ALL:
            _write_days(kept, account_id, days)
            _write_months(kept, account_id, sorted(months))
        _execute(_UNMARK, account_id, days)
        rolled.months_before = before
        rolled.save()
        return Turn(len(days), more=len(days) == DAYS_AT_ONCE)


def month_of(now: datetime, zone: str) -> date:
    """The first day of the month that is under way in a time zone."""
    return now.astimezone(ZoneInfo(zone)).date().replace(day=1)


def _months(first: date, before: date) -> set[date]:
    """The months from `first` to before `before`, by their first days."""
    found = set()
    while first < before:
        found.add(first)
        first = (first + timedelta(days=31)).replace(day=1)
    return found


def _begin(account: Account) -> None:
    """Keep nothing, and mark all that is there: in this account's time zone every day is another one."""
    _forget(account.pk)
    models: list[type[TenantModel]] = [EndedSession, *(model for kept in ALL for model in kept.models)]
    for model in models:
        model._default_manager.filter(account=account).delete()
    _execute(_QUARTERS_OF_SESSIONS, account.pk)
    kept_now = {
        "time_zone": account.time_zone,
        "definition": definition(),
        "months_before": month_of(timezone.now(), account.time_zone),
    }
    RolledAccount.objects.update_or_create(account=account, defaults=kept_now)


def _forget(account_id: int) -> None:
    RollupMark.objects.filter(account=account_id).delete()
    SessionMark.objects.filter(account=account_id).delete()


def _look_up(account_id: int) -> None:
    """Make marks of sessions and tickets into marks of quarters, where those sessions lie by now."""
    if SessionMark.objects.filter(account=account_id).exists():
        _execute(_LOOK_UP, account_id)
        SessionMark.objects.filter(account=account_id).delete()


def _marked_days(account_id: int) -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(_MARKED_DAYS, [account_id, DAYS_AT_ONCE])
        return [day for (day,) in cursor.fetchall()]


def _write_sessions(account_id: int, days: list[date]) -> None:
    """Look at the sessions of the days' marked times again."""
    direct, values = ended_in_span(AISession.objects.all(), ENDED_COLUMNS)
    _execute(_DROP_SESSIONS, account_id, days)
    _execute(_WRITE_SESSIONS.format(direct=direct), account_id, days, *values)


def _write_days(kept: Kept, account_id: int, days: list[date]) -> None:
    """Add up what is kept of the days' sessions."""
    for model in (kept.day, kept.client_day):
        model._default_manager.filter(account=account_id, day__in=days).delete()
    _write(kept, kept.day, kept.keys, _DAYS, (days, account_id))
    of_many, values = f"{_DAYS} JOIN many USING (day, client_id)", (days, account_id, CLIENT_SESSIONS, days, account_id)
    _write(kept, kept.client_day, kept.client_keys, of_many, values, _MANY)
    _add_up(kept, kept.day, kept.team_day, kept.team_keys, "day", account_id, days)


def _write(
    kept: Kept, target: type[KeptModel], keys: Sequence[str], source: str, values: Sequence[Any], expressions: str = ""
) -> None:
    """Add up the sessions of a FROM clause, which may use table expressions; `values` are those of both."""
    by = {name: f"d.{name}" if name in ("account_id", "day") else f"e.{name}" for name in ("account_id", "day", *keys)}
    columns = ", ".join((*by, *kept.sums))
    summed = kept.summed(source, by, list(kept.sums))
    _execute(f"{expressions} INSERT INTO {target._meta.db_table} ({columns}) {summed}", *values)


def _write_months(kept: Kept, account_id: int, months: list[date]) -> None:
    """Add the days of months up; a month with a marked day is not read, so its days need not be right yet."""
    _add_up(kept, kept.day, kept.month, kept.keys, _MONTH, account_id, months)
    _add_up(kept, kept.team_day, kept.team_month, kept.team_keys, _MONTH, account_id, months)
    _add_up(kept, kept.client_day, kept.client_month, kept.client_keys, _MONTH, account_id, months)


def _add_up(
    kept: Kept,
    source: type[KeptModel],
    target: type[KeptModel],
    keys: Sequence[str],
    day: str,
    account_id: int,
    days: list[date],
) -> None:
    """Write the rows of `days` in `target` anew: sums of those in `source` whose `day` (SQL) is one of them."""
    if not days:
        return
    target._default_manager.filter(account=account_id, day__in=days).delete()
    sql = _ADD_UP.format(
        source=source._meta.db_table,
        target=target._meta.db_table,
        day=day,
        columns=", ".join((*keys, *kept.sums)),
        keys=", ".join(keys),
        sums=", ".join(f"sum({name})" for name in kept.sums),
    )
    _execute(sql, account_id, days)


def _execute(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
