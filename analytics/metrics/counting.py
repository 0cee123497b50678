"""How many sessions of a scope have each fact: the one place where ended sessions are counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from django.db.models import QuerySet

from analytics.rollups.kept import COUNTS, DURATIONS
from analytics.rollups.read import Wanted, read
from analytics.scope import Scope
from sessions.models import AISession

Counts = dict[str, int]
By = Literal["day", "week", "domain", "team"]

RATING_SUM = "rating_sum"
_COLUMNS = {"day": "day", "week": "week", "domain": "problem_domain", "team": "team_id"}


@dataclass(frozen=True, slots=True)
class Durations:
    """Lengths of time: of how many rows, the median and the 90th percentile (None where there is none)."""

    n: int
    median: timedelta | None
    p90: timedelta | None

    @classmethod
    def of(cls, counts: Mapping[int, int], unit: timedelta = timedelta(minutes=1)) -> "Durations":
        """From how many took each whole number of minutes, or of another unit: the least value that the share does not
        pass."""
        n = sum(counts.values())
        return cls(n, _quantile(counts, n, 50, unit), _quantile(counts, n, 90, unit))


def count_facts(scope: Scope, names: Iterable[str]) -> Counts:
    """Ended sessions of the scope with each of the facts; for RATING_SUM the sum of their ratings, 1 to 5 each."""
    names = list(names)
    rows = read(COUNTS, wanted_of(scope), sums=names)
    return rows[0] if rows else dict.fromkeys(names, 0)


def count_facts_and_durations(scope: Scope, names: Iterable[str]) -> tuple[Counts, Durations]:
    """Both, for what is told of every scope at first sight."""
    names, wanted = list(names), wanted_of(scope)
    if not wanted.is_narrow:
        return count_facts(scope, names), durations(scope)
    # These are counted session by session: once will do.
    rows = read(COUNTS, wanted, ["minutes"], [*{*names, "timed"}])
    counts = {name: sum(row[name] for row in rows) for name in names}
    return counts, Durations.of({row["minutes"]: row["timed"] for row in rows if row["minutes"] is not None})


def count_facts_by(scope: Scope, names: Iterable[str], by: By) -> dict[Any, Counts]:
    """The same for each day or week (its first date in the scope's zone), domain ("" is none) or team (its id or None)
    that has any."""
    rows = read(COUNTS, wanted_of(scope), [_COLUMNS[by]], list(names))
    return {row.pop(_COLUMNS[by]): row for row in rows}


def durations(scope: Scope) -> Durations:
    """Times to resolve, in whole minutes, of the sessions that carry times."""
    rows = read(DURATIONS, wanted_of(scope), ["minutes"])
    return Durations.of({row["minutes"]: row["sessions"] for row in rows})


def durations_by(scope: Scope, by: By) -> dict[Any, Durations]:
    """The same for each day, domain or team that has any."""
    found: dict[Any, dict[int, int]] = {}
    for row in read(DURATIONS, wanted_of(scope), [_COLUMNS[by], "minutes"]):
        found.setdefault(row[_COLUMNS[by]], {})[row["minutes"]] = row["sessions"]
    return {key: Durations.of(minutes) for key, minutes in found.items()}


def wanted_of(scope: Scope) -> Wanted:
    """What the scope means to who reads what is kept."""
    sessions = AISession.objects.for_user(scope.user)
    grants = scope.user.tenant_grants(sessions.permission("view"))

    def kept(model: type[Any]) -> QuerySet[Any]:
        return model._default_manager.for_user(scope.user).filter(scope.session_q())

    return Wanted(
        sessions=sessions.filter(scope.session_q()),
        kept=kept,
        accounts=None if grants is None else sorted({account_id for account_id, _ in grants}),
        start=scope.start,
        end=scope.end,
        zone=scope.zone,
        is_of_domain=bool(scope.domain),
        client=scope.client.pk if scope.client else None,
        is_narrow=bool(scope.technician or scope.flow or (scope.client and scope.domain)),
    )


def _quantile(counts: Mapping[int, int], n: int, percent: int, unit: timedelta) -> timedelta | None:
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen * 100 >= n * percent:
            return value * unit
    return None


def weeks_of(days: Mapping[date, Counts]) -> dict[date, Counts]:
    """Counts by day added up by week; a week is named by its Monday."""
    found: dict[date, Counts] = {}
    for day, counts in days.items():
        week = found.setdefault(day - timedelta(days=day.weekday()), dict.fromkeys(counts, 0))
        for name, count in counts.items():
            week[name] += count
    return found
