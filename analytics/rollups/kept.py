"""The two rollups: what each keeps, and how the same is counted directly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, IntegerField, QuerySet, Sum
from django.db.models.functions import Cast, Coalesce, Extract, Floor

from analytics.facts import FACTS
from analytics.rollups.models import (
    DurationDay,
    DurationMonth,
    KeptModel,
    SessionDay,
    SessionMonth,
    TeamDurationDay,
    TeamDurationMonth,
    TeamSessionDay,
    TeamSessionMonth,
)
from sessions.models import AISession


@dataclass(frozen=True, slots=True)
class Kept:
    """A rollup: its rows by account, day and `keys`, with `sums` that add up over any rows of it.

    Beside the days stand their sums: by month, and of all domains together, for most figures ask for no domain.
    """

    day: type[KeptModel]
    month: type[KeptModel]
    team_day: type[KeptModel]
    team_month: type[KeptModel]
    keys: tuple[str, ...]
    sums: tuple[str, ...]
    # Ended sessions, and some of `keys` and `sums` in; groups by account and those keys, with those sums, out.
    count: Callable[[QuerySet[AISession], Sequence[str], Sequence[str]], QuerySet[Any, Any]]

    @property
    def models(self) -> tuple[type[KeptModel], ...]:
        return self.day, self.month, self.team_day, self.team_month

    @property
    def team_keys(self) -> tuple[str, ...]:
        """What the sums of all domains are kept by."""
        return tuple(key for key in self.keys if key != DOMAIN)


def _counts(sessions: QuerySet[AISession], keys: Sequence[str], sums: Sequence[str]) -> QuerySet[Any, Any]:
    found: dict[str, Any] = {name: Count("pk", filter=FACTS[name].condition) for name in sums if name in FACTS}
    if "rating_sum" in sums:
        found["rating_sum"] = Coalesce(Sum("rating"), 0)
    return sessions.order_by().values("account_id", *keys).annotate(**found)


def _durations(sessions: QuerySet[AISession], keys: Sequence[str], sums: Sequence[str]) -> QuerySet[Any, Any]:
    seconds = Extract(F("ended_at") - F("started_at"), "epoch")
    minutes = Cast(Floor(seconds / 60), IntegerField())
    timed = sessions.filter(FACTS["timed"].condition).annotate(minutes=minutes).order_by()
    return timed.values("account_id", *keys).annotate(**{name: Count("pk") for name in sums})


DOMAIN = "problem_domain"
COUNTS = Kept(
    SessionDay,
    SessionMonth,
    TeamSessionDay,
    TeamSessionMonth,
    ("team_id", "problem_domain"),
    (*FACTS, "rating_sum"),
    _counts,
)
DURATIONS = Kept(
    DurationDay,
    DurationMonth,
    TeamDurationDay,
    TeamDurationMonth,
    ("team_id", "problem_domain", "minutes"),
    ("sessions",),
    _durations,
)
ALL = (COUNTS, DURATIONS)
