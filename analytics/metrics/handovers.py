"""Metrics of hand-overs: how long they wait until somebody takes them up, and goes on."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from analytics.facts import Fact
from analytics.metrics.counting import Durations
from analytics.metrics.waits import waits
from analytics.scope import Scope
from sessions.models import AISession, Handover

HANDOVER_FACTS = {
    "given": Fact("that were given", Q()),
    "claimed": Fact("that were taken up", Q(claimed_at__isnull=False)),
    "gone_on": Fact("after which somebody went on", Q(claimed_at__isnull=False, first_step_at__isnull=False)),
}
WAITING = Q(claimed_at=None, session__status=AISession.Status.ESCALATED)


@dataclass(frozen=True, slots=True)
class Handovers:
    """Those that were given in the period, and those that wait now, whenever they were given."""

    given: int
    claim: Durations  # from given to taken up
    first_step: Durations  # from taken up to the receiver's first step
    waiting: int
    oldest: datetime | None  # of those that wait


def scoped_handovers(scope: Scope) -> QuerySet[Handover]:
    """Hand-overs that were given in the period."""
    return _narrowed(scope).filter(scope.during("created_at"))


def waiting_handovers(scope: Scope) -> QuerySet[Handover]:
    """Those that nobody has taken up, without a period: as they stand now."""
    return _narrowed(scope).filter(WAITING)


def handovers(scope: Scope) -> Handovers:
    given = scoped_handovers(scope)
    waiting = waiting_handovers(scope).aggregate(n=Count("pk"), oldest=Min("created_at"))
    return Handovers(
        given=given.count(),
        claim=waits(given, "created_at", "claimed_at"),
        first_step=waits(given, "claimed_at", "first_step_at"),
        waiting=waiting["n"],
        oldest=waiting["oldest"],
    )


def _narrowed(scope: Scope) -> QuerySet[Handover]:
    return Handover.objects.for_user(scope.user).filter(scope.session_q("session__")).order_by()
