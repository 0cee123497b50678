"""Metrics of ended sessions."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from analytics.facts import RATES
from analytics.metrics.counting import (
    RATING_SUM,
    Counts,
    Durations,
    count_facts,
    count_facts_and_durations,
    count_facts_by,
    durations_by,
)
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from sessions.models import Tier

Step = Literal["day", "week"]


@dataclass(frozen=True, slots=True)
class Ratings:
    """What technicians say at the end: the mean of 1 to 5 (None where nobody said anything), and two rates."""

    mean: float | None
    good: Rate
    flow_right: Rate


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a scope that a first look wants, all of them from one count."""

    ended: int
    resolved: int
    rates: dict[str, Rate]  # by the names of facts.RATES
    tiers: dict[str, Rate]  # resolved among each tier
    durations: Durations
    ratings: Ratings


@dataclass(frozen=True, slots=True)
class Period:
    """The counts of a day, or of the week from that Monday, as far as it lies in the scope."""

    first: date
    counts: Counts


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One domain's coverage; "" is the sessions without a domain."""

    domain: str
    counts: Counts
    durations: Durations

    def rate(self, name: str) -> Rate:
        return _rate(self.counts, name)

    @property
    def guided(self) -> Rate:
        """Sessions in the guided tier among those that ended."""
        return Rate(self.counts["tier_guided"], self.counts["ended"])


def summary(scope: Scope) -> Summary:
    names = {name for pair in RATES.values() for name in pair}
    tiers = {f"tier_{tier}{suffix}" for tier in Tier.values for suffix in ("", "_resolved")}
    counts, times = count_facts_and_durations(scope, sorted(names | tiers | {RATING_SUM}))
    rates = {name: _rate(counts, name) for name in RATES}
    rated = counts["rated"]
    mean = counts[RATING_SUM] / rated if rated else None
    return Summary(
        ended=counts["ended"],
        resolved=counts["resolved"],
        rates=rates,
        tiers={tier: Rate(counts[f"tier_{tier}_resolved"], counts[f"tier_{tier}"]) for tier in Tier.values},
        durations=times,
        ratings=Ratings(mean, rates["good_rating"], rates["flow_right"]),
    )


def rate(scope: Scope, name: str) -> Rate:
    """One rate of facts.RATES."""
    return _rate(count_facts(scope, RATES[name]), name)


def series(scope: Scope, names: list[str], step: Step) -> list[Period]:
    """Counts of facts by day or week of the scope's zone; days and weeks without a session are left out."""
    return [Period(first, counts) for first, counts in count_facts_by(scope, names, step).items()]


def by_domain(scope: Scope) -> list[DomainRow]:
    """Coverage of each domain that has sessions, most sessions first."""
    names = ["ended", "resolved", "escalated", "abandoned", "first_level", "tier_guided", "linked", "unlinked"]
    counts, times = count_facts_by(scope, names, "domain"), durations_by(scope, "domain")
    rows = [DomainRow(domain, found, times.get(domain, Durations.of({}))) for domain, found in counts.items()]
    return sorted(rows, key=lambda row: (-row.counts["ended"], row.domain))


def _rate(counts: Counts, name: str) -> Rate:
    count, among = RATES[name]
    return Rate(counts[count], counts[among])
