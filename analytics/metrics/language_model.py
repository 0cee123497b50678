"""Metrics of an account's language model: what it was asked and answered, what that took, and what was kept of it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from analytics.metrics.flows import Quantile
from analytics.metrics.proposals import scoped_proposals
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from flowpilot.llm.models import ModelCall
from proposals.models import ProposalWording


@dataclass(frozen=True, slots=True)
class Calls:
    """Questions: how many were answered, why the others were not, and what all of them took together.

    `cost` is in USD, of those whose price is known; None where it is known of none. `unpriced` took tokens at an
    unknown price.
    """

    asked: int = 0
    sent: int = 0
    fallbacks: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    unpriced: int = 0

    @property
    def answered(self) -> Rate:
        return Rate(self.asked - self.fallbacks.total(), self.asked)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Latency:
    """From a question to its answer, or to giving up, all tries together; of those that were sent."""

    median: timedelta | None = None
    p90: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the texts with other words by the model in proposals that were published: whose words were published.

    `other` are those in which the reviewer wrote something else.
    """

    model: int
    own: int
    other: int

    @property
    def share(self) -> Rate:
        return Rate(self.model, self.model + self.own + self.other)


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of a period: all, by purpose and by model (provider, name); purposes and models in order of use."""

    total: Calls
    latency: Latency
    purposes: dict[str, tuple[Calls, Latency]]
    models: dict[tuple[str, str], Calls]


def scoped_calls(scope: Scope) -> QuerySet[ModelCall]:
    """Calls of the period. They are the account's: nothing else narrows them."""
    calls: Any = ModelCall.objects.for_user(scope.user, "count")
    found: QuerySet[ModelCall] = calls.filter(scope.during("created_at")).order_by()
    return found


def use(scope: Scope) -> Use:
    rows: list[Any] = list(
        scoped_calls(scope)
        .values("purpose", "fallback", "provider", "model")
        .annotate(
            n=Count("pk"),
            were_sent=Count("pk", filter=Q(attempts__gt=0)),
            input=Sum("input_tokens"),
            output=Sum("output_tokens"),
            dollars=Sum("cost"),
            without_price=Count("pk", filter=Q(cost=None) & (Q(input_tokens__gt=0) | Q(output_tokens__gt=0))),
        )
    )
    sent = scoped_calls(scope).sent_out()  # type: ignore[attr-defined]
    quantiles = {"median": Quantile("milliseconds", 0.5), "p90": Quantile("milliseconds", 0.9)}
    by_purpose = {row["purpose"]: _latency(row) for row in sent.values("purpose").annotate(**quantiles)}
    purposes = _by(rows, lambda row: row["purpose"])
    return Use(
        total=_calls(rows),
        latency=_latency(sent.aggregate(**quantiles)),
        purposes={name: (calls, by_purpose.get(name, Latency())) for name, calls in purposes.items()},
        models=_by(rows, lambda row: (row["provider"], row["model"])),
    )


def kept(scope: Scope) -> Kept:
    """Of proposals that were published in the period."""
    wordings = ProposalWording.objects.filter(scope.during("counted_at"), proposal__in=scoped_proposals(scope))
    sums = wordings.aggregate(model=Sum("kept_model"), own=Sum("kept_own"), other=Sum("kept_edited"))
    return Kept(**{name: value or 0 for name, value in sums.items()})


def _calls(rows: Iterable[dict[str, Any]]) -> Calls:
    rows = list(rows)
    fallbacks: Counter[str] = Counter()
    for row in rows:
        if row["fallback"]:
            fallbacks[row["fallback"]] += row["n"]
    costs = [row["dollars"] for row in rows if row["dollars"] is not None]
    return Calls(
        asked=sum(row["n"] for row in rows),
        sent=sum(row["were_sent"] for row in rows),
        fallbacks=fallbacks,
        input_tokens=sum(row["input"] for row in rows),
        output_tokens=sum(row["output"] for row in rows),
        cost=sum(costs, Decimal()) if costs else None,
        unpriced=sum(row["without_price"] for row in rows),
    )


def _by(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any]) -> dict[Any, Calls]:
    found = {value: _calls(row for row in rows if key(row) == value) for value in {key(row) for row in rows}}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].asked, pair[0])))


def _latency(row: dict[str, Any]) -> Latency:
    def told(name: str) -> timedelta | None:
        return None if row[name] is None else timedelta(milliseconds=row[name])

    return Latency(told("median"), told("p90"))
