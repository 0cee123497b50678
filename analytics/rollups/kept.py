"""What is kept: each ended session's facts, and two rollups of them; and how the same is counted directly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Cast, Extract, Floor

from analytics.facts import FACTS
from analytics.rollups.models import (
    ClientDurationDay,
    ClientDurationMonth,
    ClientSessionDay,
    ClientSessionMonth,
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

# The facts as bits of `EndedSession.facts`. That it ended is true of each.
BITS: Mapping[str, int] = {name: 1 << place for place, name in enumerate(FACTS)}
_SAME = (
    "account_id", "team_id", "client_id", "flow_id", "flow_version_id", "problem_domain", "technician_email",
    "ended_at", "rating",
)  # fmt: skip
ENDED_COLUMNS = ("session_id", *_SAME, "facts", "minutes")
# A client's day is kept where it has so many sessions: adding up fewer takes no longer than to read what is kept.
CLIENT_SESSIONS = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """A rollup of ended sessions: its rows by account, day and `keys`, with `sums` that add up over any rows of it.

    Beside the days stand their sums: by month, and of all domains together, for most figures ask for no domain; and
    the same of a client, of its days with CLIENT_SESSIONS or more.
    """

    day: type[KeptModel]
    month: type[KeptModel]
    team_day: type[KeptModel]
    team_month: type[KeptModel]
    client_day: type[KeptModel]
    client_month: type[KeptModel]
    keys: tuple[str, ...]
    # Each as SQL of `n` rows of EndedSession that are `alike` in these columns, of those that are `among` them.
    sums: Mapping[str, str]
    alike: tuple[str, ...]
    among: str

    @property
    def models(self) -> tuple[type[KeptModel], ...]:
        return self.day, self.month, self.team_day, self.team_month, self.client_day, self.client_month

    @property
    def team_keys(self) -> tuple[str, ...]:
        """What the sums of all domains are kept by."""
        return tuple(key for key in self.keys if key != DOMAIN)

    @property
    def client_keys(self) -> tuple[str, ...]:
        return ("client_id", *self.team_keys)

    def summed(self, source: str, by: Mapping[str, str], sums: Sequence[str]) -> str:
        """SQL that adds up the EndedSession rows of a FROM clause, by the values (SQL) of some names.

        Rows that are alike are counted first. They are few, so that a sum for each fact costs next to nothing.
        """
        values = [f"{value} AS {name}" for name, value in by.items()]
        values += [f"{name} AS a_{name}" for name in self.alike]
        places = ", ".join(str(place) for place in range(1, len(values) + 1))
        alike = f"SELECT {', '.join(values)}, count(*) AS n FROM {source} WHERE {self.among} GROUP BY {places}"  # noqa: S608
        told = [*by, *(f"coalesce(sum({self.sums[name]}), 0)::bigint AS {name}" for name in sums)]
        end = f"GROUP BY {', '.join(by)}" if by else "HAVING count(*) > 0"
        return f"SELECT {', '.join(told)} FROM ({alike}) alike {end}"  # noqa: S608


def ended_rows(sessions: QuerySet[AISession], columns: Sequence[str]) -> QuerySet[Any, Any]:
    """The EndedSession rows of ended sessions: some of ENDED_COLUMNS, in their order."""
    made = {"session_id": _session_id, "facts": _facts, "minutes": _minutes}
    found: Any = sessions.order_by().annotate(**{name: make() for name, make in made.items() if name in columns})
    return found.values(*columns)


def _session_id() -> F:
    return F("pk")


def _facts() -> Any:
    bits = [
        Case(When(FACTS[name].condition, then=Value(bit)), default=Value(0)) if FACTS[name].condition else Value(bit)
        for name, bit in BITS.items()
    ]
    return reduce(add, bits)


def _minutes() -> Case:
    minutes = Cast(Floor(Extract(F("ended_at") - F("started_at"), "epoch") / 60), IntegerField())
    return Case(When(FACTS["timed"].condition, then=minutes))


DOMAIN = "problem_domain"
COUNTS = Kept(
    SessionDay,
    SessionMonth,
    TeamSessionDay,
    TeamSessionMonth,
    ClientSessionDay,
    ClientSessionMonth,
    ("team_id", DOMAIN),
    {name: f"CASE WHEN a_facts & {bit} <> 0 THEN n END" for name, bit in BITS.items()} | {"rating_sum": "n * a_rating"},
    ("facts", "rating"),
    "true",
)
DURATIONS = Kept(
    DurationDay,
    DurationMonth,
    TeamDurationDay,
    TeamDurationMonth,
    ClientDurationDay,
    ClientDurationMonth,
    ("team_id", DOMAIN, "minutes"),
    {"sessions": "n"},
    ("minutes",),
    "minutes IS NOT NULL",
)
ALL = (COUNTS, DURATIONS)
