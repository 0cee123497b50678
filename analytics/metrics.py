"""The metrics: one function and one definition (docs/metrics.md) each."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Avg, Count, F, Q
from django.db.models.functions import TruncWeek

from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from proposals.models import FlowProposal
from sessions.models import AISession, Tier, tier_q

Status = AISession.Status


@dataclass(frozen=True, slots=True)
class TierWeek:
    """Ended sessions of one week by tier; `week` is its Monday."""

    week: date
    counts: dict[str, int]


def sessions_ended(scope: Scope) -> int:
    return scope.ended_sessions().count()


def resolution_rate(scope: Scope) -> Rate:
    """Resolved among ended sessions."""
    return _share(scope, Q(status=Status.RESOLVED))


def escalation_rate(scope: Scope) -> Rate:
    """Escalated among ended sessions."""
    return _share(scope, Q(status=Status.ESCALATED))


def flow_link_rate(scope: Scope) -> Rate:
    """Ended sessions that were guided by a flow."""
    return _share(scope, Q(flow__isnull=False))


def mean_time_to_resolve(scope: Scope) -> timedelta | None:
    """Mean of end minus start over resolved sessions; None where none carries times.

    A session that came in without times starts and ends at once: that tells nothing of how long it took.
    """
    resolved = scope.ended_sessions().filter(status=Status.RESOLVED, ended_at__gt=F("started_at"))
    mean: timedelta | None = resolved.aggregate(mean=Avg(F("ended_at") - F("started_at")))["mean"]
    return mean


def tiers(scope: Scope) -> dict[str, Rate]:
    """Resolved among the ended sessions of each tier; `n` is the tier's size."""
    counts = scope.ended_sessions().aggregate(
        **{f"{t}_n": Count("pk", filter=tier_q(t)) for t in Tier.values},
        **{f"{t}_resolved": Count("pk", filter=tier_q(t) & Q(status=Status.RESOLVED)) for t in Tier.values},
    )
    return {t: Rate(counts[f"{t}_resolved"], counts[f"{t}_n"]) for t in Tier.values}


def tiers_by_week(scope: Scope) -> list[TierWeek]:
    """Ended sessions by tier for each week (in the viewer's time zone) that has any."""
    rows: Any = (
        scope.ended_sessions()
        .annotate(week=TruncWeek("ended_at"))
        .values("week")
        .annotate(**{t: Count("pk", filter=tier_q(t)) for t in Tier.values})
        .order_by("week")
    )
    return [TierWeek(row["week"].date(), {t: row[t] for t in Tier.values}) for row in rows]


def proposals_by_status(scope: Scope) -> dict[str, int]:
    """Proposals as they stand now, by status; every status is there."""
    found = dict(scope.proposals().order_by().values_list("status").annotate(Count("pk")))
    return {status: found.get(status, 0) for status in FlowProposal.Status.values}


def _share(scope: Scope, condition: Q) -> Rate:
    counts = scope.ended_sessions().aggregate(n=Count("pk"), count=Count("pk", filter=condition))
    return Rate(counts["count"], counts["n"])
