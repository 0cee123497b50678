"""Metrics of review: what waits, what was decided, how soon, how often accepted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import (
    Aggregate,
    Case,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    OuterRef,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import TruncDate
from django.utils import timezone

from analytics.metrics.counting import Counts, weeks_of
from analytics.metrics.proposals import scoped_proposals
from analytics.proposal_facts import BINS, DECISIONS, OUTCOMES, REVIEWED_TYPES, bin_q, decided_q
from analytics.scope import Scope
from flowpilot.accounts.models import User
from flowpilot.common.models import AuditEvent
from flowpilot.common.statistics import Rate
from proposals.models import FlowProposal
from sessions.models import Tier, tier_of


class Quantile(Aggregate):
    """The least value that a share of the values does not exceed."""

    function = "percentile_disc"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, expression: Any, share: float, **extra: Any) -> None:
        super().__init__(expression, share=float(share), output_field=DurationField(), **extra)


@dataclass(frozen=True, slots=True)
class Waits:
    """Lengths of time: of how many proposals, the median, the 90th percentile and the longest (None of nothing)."""

    n: int
    median: timedelta | None
    p90: timedelta | None
    longest: timedelta | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Decisions by what they were."""

    approved: int = 0
    modified: int = 0
    rejected: int = 0
    dismissed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in DECISIONS))

    @property
    def decided(self) -> int:
        return self.approved + self.modified + self.rejected + self.dismissed

    @property
    def acceptance(self) -> Rate:
        """Approved, or edited & published, among what was decided."""
        return Rate(self.approved + self.modified, self.decided)


@dataclass(frozen=True, slots=True)
class ReviewerRow:
    """One reviewer's decisions. Without `reviewer` it is of those who are gone, or (`is_rest`) of all those whose names
    the viewer may not see."""

    reviewer: User | None
    tally: Tally
    is_rest: bool = False

    @property
    def name(self) -> str:
        if self.is_rest:
            return "Reviewers whose names you may not see"
        return str(self.reviewer) if self.reviewer else "Reviewers who are gone"


@dataclass(frozen=True, slots=True)
class BinRow:
    """Decisions on proposals of a bin of the confidence, and the mean confidence of those (None of nothing)."""

    number: int
    low: float
    high: float
    tally: Tally
    mean_confidence: float | None

    @property
    def tier(self) -> Tier:
        return tier_of(self.low)


@dataclass(frozen=True, slots=True)
class Review:
    """The figures of review. `waiting` is of the queue now, all else of the period."""

    waiting: Waits
    decisions: Waits
    tally: Tally
    by_type: dict[str, Tally]
    by_reviewer: list[ReviewerRow]
    bins: list[BinRow]
    retired: int
    taken_back: int


@dataclass(frozen=True, slots=True)
class Week:
    """The decisions of the week from that Monday, as far as it lies in the scope."""

    first: date
    tally: Tally


def decided_proposals(scope: Scope) -> QuerySet[FlowProposal]:
    """Proposals whose last decision a reviewer made in the period."""
    return scoped_proposals(scope).filter(decided_q, scope.during("reviewed_at")).order_by()


def taken_back_proposals(scope: Scope) -> QuerySet[FlowProposal]:
    """Proposals with a decision that was undone in the period; whatever was decided since."""
    undone = AuditEvent.objects.filter(
        scope.during("created_at"),
        account=OuterRef("account"),
        object_type=FlowProposal._meta.label_lower,
        object_id=OuterRef("pk"),
        action="proposal.undone",
    )
    # Whatever happens to a proposal updates it: what is older than the period was not touched in it.
    return scoped_proposals(scope).filter(Exists(undone), updated_at__gte=scope.start)


def review(scope: Scope) -> Review:
    """Six queries, whatever there is."""
    cells = _cells(scope)
    return Review(
        waiting=waiting(scope),
        decisions=_waits(decided_proposals(scope), F("reviewed_at") - F("created_at")),
        tally=_sum(cells),
        by_type={kind: _sum(c for c in cells if c["proposal_type"] == kind) for kind in REVIEWED_TYPES},
        by_reviewer=_by_reviewer(scope, cells),
        bins=[_bin_row(number, [c for c in cells if c["bin"] == number]) for number in range(len(BINS))],
        retired=scoped_proposals(scope).filter(OUTCOMES["retired"].condition, scope.during("reviewed_at")).count(),
        taken_back=taken_back_proposals(scope).count(),
    )


def waiting(scope: Scope) -> Waits:
    """How long what waits now has waited since it came up, whatever the period."""
    pending = scoped_proposals(scope).filter(OUTCOMES["pending"].condition).order_by()
    return _waits(pending, Value(timezone.now()) - F("created_at"))


def decisions_by_week(scope: Scope) -> list[Week]:
    """Weeks of the scope's zone with a decision."""
    day = TruncDate("reviewed_at", tzinfo=ZoneInfo(scope.zone))
    rows = decided_proposals(scope).values_list(day, "status").annotate(n=Count("pk")).order_by(day)
    days: dict[date, Counts] = {}
    for first, status, n in rows:
        days.setdefault(first, dict.fromkeys(DECISIONS, 0))[status] = n
    return [Week(first, Tally(**counts)) for first, counts in weeks_of(days).items()]


def _cells(scope: Scope) -> list[dict[str, Any]]:
    """Decisions by type, reviewer, bin and what they were: everything else is sums of these."""
    of_bin = Case(
        *(When(bin_q(n), then=Value(n)) for n in range(len(BINS))), default=Value(0), output_field=IntegerField()
    )
    by = decided_proposals(scope).annotate(bin=of_bin).values("proposal_type", "reviewed_by", "bin", "status")
    counted: Any = by.annotate(n=Count("pk"), confidence=Sum("confidence_score"))
    return list(counted)


def _sum(cells: Iterable[dict[str, Any]]) -> Tally:
    return reduce(Tally.__add__, (Tally(**{cell["status"]: cell["n"]}) for cell in cells), Tally())


def _bin_row(number: int, cells: list[dict[str, Any]]) -> BinRow:
    tally = _sum(cells)
    mean = sum(cell["confidence"] for cell in cells) / tally.decided if tally.decided else None
    return BinRow(number, *BINS[number], tally, mean)


def _by_reviewer(scope: Scope, cells: list[dict[str, Any]]) -> list[ReviewerRow]:
    """Most decisions first; names only of those whom the viewer may see, the others' decisions in one sum."""
    ids = {cell["reviewed_by"] for cell in cells} - {None}
    seen = {user.pk: user for user in User.objects.for_user(scope.user).filter(pk__in=ids)}
    if scope.user.pk in ids:
        seen[scope.user.pk] = scope.user
    of_seen = [(user, [c for c in cells if c["reviewed_by"] == pk]) for pk, user in seen.items()]
    rows = [ReviewerRow(user, _sum(own)) for user, own in of_seen]
    rows.sort(key=lambda row: (-row.tally.decided, row.name))
    rest = _sum(c for c in cells if c["reviewed_by"] in ids - seen.keys())
    gone = _sum(c for c in cells if c["reviewed_by"] is None)
    more = [ReviewerRow(None, rest, is_rest=True), ReviewerRow(None, gone)]
    return rows + [row for row in more if row.tally.decided]


def _waits(proposals: QuerySet[FlowProposal], length: Any) -> Waits:
    wait = ExpressionWrapper(length, output_field=DurationField())
    found = proposals.aggregate(n=Count("pk"), median=Quantile(wait, 0.5), p90=Quantile(wait, 0.9), longest=Max(wait))
    return Waits(**found)
