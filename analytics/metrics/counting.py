"""How many sessions of a scope have each fact: the one place where ended sessions are counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db.models import Count, ExpressionWrapper, F, IntegerField, Sum
from django.db.models.functions import Extract, Floor, TruncDate

from analytics.facts import FACTS
from analytics.scope import Scope

Counts = dict[str, int]
By = Literal["day", "domain", "team"]

_COLUMNS = {"domain": "problem_domain", "team": "team"}


@dataclass(frozen=True, slots=True)
class Durations:
    """Times to resolve: of how many sessions, the median and the 90th percentile (None where there is none)."""

    n: int
    median: timedelta | None
    p90: timedelta | None

    @classmethod
    def of(cls, minutes: Mapping[int, int]) -> "Durations":
        """From how many sessions took each number of whole minutes: the least value that the share does not pass."""
        n = sum(minutes.values())
        return cls(n, _quantile(minutes, n, 50), _quantile(minutes, n, 90))


def count_facts(scope: Scope, names: Iterable[str]) -> Counts:
    """Ended sessions of the scope with each of the facts."""
    found: Counts = scope.ended_sessions().aggregate(**_counted(names))
    return found


def count_facts_by(scope: Scope, names: Iterable[str], by: By) -> dict[Any, Counts]:
    """The same for each day (a date in the scope's zone), domain ("" is none) or team (its id or None) that has any."""
    names = list(names)
    rows = _keyed(scope.ended_sessions(), scope, by).values("key").annotate(**_counted(names)).order_by("key")
    return {row.pop("key"): row for row in rows}


def sum_ratings(scope: Scope) -> int:
    """The sum of the ratings that ended sessions of the scope got, 1 to 5 each."""
    return scope.ended_sessions().aggregate(sum=Sum("rating", default=0))["sum"]


def durations(scope: Scope) -> Durations:
    """Times to resolve, in whole minutes, of the sessions that carry times."""
    return Durations.of(dict(_timed(scope).values_list("minutes").annotate(Count("pk")).order_by()))


def durations_by(scope: Scope, by: By) -> dict[Any, Durations]:
    """The same for each day, domain or team that has any."""
    found: dict[Any, dict[int, int]] = {}
    rows = _keyed(_timed(scope), scope, by).values_list("key", "minutes").annotate(Count("pk")).order_by()
    for key, minutes, count in rows:
        found.setdefault(key, {})[minutes] = count
    return {key: Durations.of(minutes) for key, minutes in found.items()}


def _counted(names: Iterable[str]) -> dict[str, Count]:
    return {name: Count("pk", filter=FACTS[name].condition) for name in names}


def _keyed(sessions: Any, scope: Scope, by: By) -> Any:
    return sessions.annotate(key=TruncDate("ended_at", tzinfo=ZoneInfo(scope.zone)) if by == "day" else F(_COLUMNS[by]))


def _timed(scope: Scope) -> Any:
    seconds = Extract(F("ended_at") - F("started_at"), "epoch")
    minutes = ExpressionWrapper(Floor(seconds / 60), IntegerField())
    return scope.ended_sessions().filter(FACTS["timed"].condition).annotate(minutes=minutes)


def _quantile(minutes: Mapping[int, int], n: int, percent: int) -> timedelta | None:
    seen = 0
    for value in sorted(minutes):
        seen += minutes[value]
        if seen * 100 >= n * percent:
            return timedelta(minutes=value)
    return None


def weeks_of(days: Mapping[date, Counts]) -> dict[date, Counts]:
    """Counts by day added up by week; a week is named by its Monday."""
    found: dict[date, Counts] = {}
    for day, counts in days.items():
        week = found.setdefault(day - timedelta(days=day.weekday()), dict.fromkeys(counts, 0))
        for name, count in counts.items():
            week[name] += count
    return found
