"""Metrics of what ticketing systems were told. Each push counts once, however often it had to be tried."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import BooleanField, Case, Count, DateTimeField, F, Func, QuerySet, Sum, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, TruncDate

from analytics.metrics.counting import Durations, weeks_of
from analytics.metrics.sessions import Period, Step
from analytics.metrics.waits import SECOND, seconds_between
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from sessions.models import PsaPush
from sessions.psa.selectors import OUTCOMES

WRITTEN = ("first_try", "eventual")
Outcomes = Mapping[str, int]  # by the names of OUTCOMES, all of them


@dataclass(frozen=True, slots=True)
class Latency:
    """From the session's end, when a push is created, to its being written or given up: whole seconds."""

    written: Durations
    by_outcome: Mapping[str, Durations]  # of what is settled: OUTCOMES without pending


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a scope that a first look wants."""

    outcomes: Outcomes
    latency: Latency
    time_entries: int
    tracked: timedelta

    @property
    def created(self) -> int:
        return sum(self.outcomes.values())

    @property
    def hours_tracked(self) -> float:
        return self.tracked / timedelta(hours=1)

    def rate(self, outcome: str) -> Rate:
        """Pushes that stand so, among all that were created."""
        return Rate(self.outcomes[outcome], self.created)


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One kind of push to one system, by their names in PsaConnection.Kind and PsaPush.Kind."""

    system: str
    kind: str
    outcomes: Outcomes

    @property
    def created(self) -> int:
        return sum(self.outcomes.values())

    def rate(self, outcome: str) -> Rate:
        return Rate(self.outcomes[outcome], self.created)


@dataclass(frozen=True, slots=True)
class Details:
    """The same pushes by system and kind, by their tries, and by day."""

    systems: list[SystemRow]
    attempts: dict[int, Outcomes]
    days: dict[date, dict[str, int]]

    def periods(self, step: Step) -> list[Period]:
        """Counts by day or week; those without a push are left out."""
        found = weeks_of(self.days) if step == "week" else self.days
        return [Period(first, counts) for first, counts in sorted(found.items())]


def scoped_pushes(scope: Scope) -> QuerySet[PsaPush]:
    """Pushes that were created in the period."""
    pushes = PsaPush.objects.for_user(scope.user).filter(scope.during("created_at"), scope.session_q("session__"))
    return pushes.order_by()


def summary(scope: Scope) -> Summary:
    rows = _grouped(scope, "outcome", "kind")
    written_times = [row for row in rows if row["outcome"] in WRITTEN and row["kind"] == PsaPush.Kind.TIME]
    return Summary(
        outcomes=_outcomes(rows),
        latency=latency(scope),
        time_entries=sum(row["pushes"] for row in written_times),
        tracked=_tracked(scope) if written_times else timedelta(),
    )


def details(scope: Scope) -> Details:
    rows = _grouped(scope, "outcome", "day", "system", "kind", "tries")
    kinds = list(PsaPush.Kind.values)
    pairs = sorted({(row["system"], row["kind"]) for row in rows}, key=lambda pair: (pair[0], kinds.index(pair[1])))
    return Details(
        systems=[SystemRow(*pair, _outcomes(r for r in rows if (r["system"], r["kind"]) == pair)) for pair in pairs],
        attempts={key: dict(found) for key, found in sorted(_by(rows, "tries").items())},
        days=_by(rows, "day"),
    )


def latency(scope: Scope) -> Latency:
    settled = scoped_pushes(scope).filter(settled_at__isnull=False)
    waited = settled.annotate(outcome=_outcome(), waited=seconds_between("created_at", "settled_at"))
    found: dict[str, dict[int, int]] = {name: {} for name in OUTCOMES if name != "pending"}
    for outcome, seconds, count in waited.values_list("outcome", "waited").annotate(Count("pk")):
        found[outcome][seconds] = count
    written = Counter(found["first_try"]) + Counter(found["eventual"])
    return Latency(
        written=Durations.of(written, SECOND),
        by_outcome={name: Durations.of(counts, SECOND) for name, counts in found.items()},
    )


def _grouped(scope: Scope, *keys: str) -> list[dict[str, Any]]:
    """How many pushes share all the keys, as `pushes` beside them."""
    made: dict[str, Any] = {
        "outcome": _outcome(),
        "day": TruncDate("created_at", tzinfo=ZoneInfo(scope.zone)),
        "system": F("connection__kind"),
        "tries": F("attempt_count"),
    }
    pushes = scoped_pushes(scope).annotate(**{key: made[key] for key in keys if key in made})
    return list(pushes.values(*keys).annotate(pushes=Count("pk")))


def _outcome() -> Case:
    return Case(*(When(condition, then=Value(name)) for name, condition in OUTCOMES.items()))


def _outcomes(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    found = dict.fromkeys(OUTCOMES, 0)
    for row in rows:
        found[row["outcome"]] += row["pushes"]
    return found


def _by(rows: list[dict[str, Any]], key: str) -> dict[Any, dict[str, int]]:
    found: dict[Any, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row[key], dict.fromkeys(OUTCOMES, 0))[row["outcome"]] += row["pushes"]
    return found


def _tracked(scope: Scope) -> timedelta:
    """What the written time entries say, from start to end; one whose times cannot be read adds nothing."""
    entries = scoped_pushes(scope).filter(state=PsaPush.State.SUCCEEDED, kind=PsaPush.Kind.TIME)
    total: timedelta | None = entries.aggregate(sum=Sum(_moment("ended_at") - _moment("started_at")))["sum"]
    return total or timedelta()


def _moment(key: str) -> Any:
    text = KeyTextTransform(key, "payload")
    is_moment = Func(text, Value("timestamptz"), function="pg_input_is_valid", output_field=BooleanField())
    return Case(When(is_moment, then=Cast(text, DateTimeField())), output_field=DateTimeField())
