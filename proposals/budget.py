"""What a start of the queue would bring for one's time: how much of all the impact that waits, in about how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Sum

from flowpilot.common.kept import kept
from proposals.models import FlowProposal
from proposals.queue import IMPACT

# What a decision takes where nothing has been measured yet.
FALLBACK_MINUTES = 2.0
# The proposals that are offered where nobody says how much time there is.
USUAL_COUNT = 10
MOST_COUNT = 500
# A gap longer than this was a pause; a shorter one than that a bulk decision.
LONGEST_GAP_S, SHORTEST_GAP_S = 15 * 60, 5
ENOUGH_GAPS = 10
KEEP_TOTAL_S, KEEP_PACE_S = 60, 3600

# The median gap between decisions that one reviewer made one after another, of the accounts' latest decisions.
PACE = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap), count(*) FROM (
  SELECT extract(epoch FROM created_at - lag(created_at) OVER one_reviewer) gap
  FROM (
    SELECT account_id, actor_id, created_at FROM common_auditevent
    WHERE account_id = ANY(%(accounts)s) AND object_type = 'proposals.flowproposal' AND actor_id IS NOT NULL
      AND action IN ('proposal.approved', 'proposal.modified', 'proposal.rejected', 'proposal.dismissed')
    ORDER BY created_at DESC LIMIT 1000
  ) latest
  WINDOW one_reviewer AS (PARTITION BY account_id, actor_id ORDER BY created_at)
) gaps WHERE gap BETWEEN %(shortest)s AND %(longest)s
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """`count` proposals, the share in 0..1 of all waiting impact that they are (None where there is none), minutes."""

    count: int
    share: float | None
    minutes: int
    minutes_each: float
    first: int | None


def budget_of(user: Any, pending: QuerySet[FlowProposal], minutes: int | None = None) -> Budget:
    """What the first of `pending` bring: as many as fit in `minutes`, at least one, or ten.

    `pending` holds the viewer's own pending proposals, filtered or not; the share is of all of them without a filter.
    """
    each = minutes_per_decision(user)
    wanted = USUAL_COUNT if minutes is None else min(MOST_COUNT, max(1, int(minutes / each)))
    top = list(IMPACT.sort(pending).values_list("pk", "impact")[:wanted])
    return Budget(
        count=len(top),
        share=share_of([impact for _, impact in top], waiting_impact(user)),
        minutes=_minutes(len(top), each),
        minutes_each=each,
        first=top[0][0] if top else None,
    )


def share_of(impacts: Sequence[float], total: float) -> float | None:
    """The total is up to a minute old: a share is never more than everything."""
    return min(1.0, sum(impacts) / total) if total > 0 else None


def waiting_impact(user: Any) -> float:
    """The impact of all that the viewer has pending; kept for a minute, for it takes a walk through the whole index."""

    def add_up() -> float:
        pending = FlowProposal.objects.for_user(user).filter(status=FlowProposal.Status.PENDING)
        return float(pending.aggregate(total=Sum("impact"))["total"] or 0.0)

    return kept(f"queue:impact:{scope_key(user)}", KEEP_TOTAL_S, add_up)


def minutes_per_decision(user: Any) -> float:
    """The median pace of the viewer's accounts, from the audit; two minutes below ten measured gaps. Kept an hour."""
    grants = user.tenant_grants("proposals.view_flowproposal")
    if not grants:
        return FALLBACK_MINUTES
    accounts = sorted({account for account, _ in grants})
    return kept(f"queue:pace:{'-'.join(map(str, accounts))}", KEEP_PACE_S, lambda: _measured(accounts))


def _measured(accounts: list[int]) -> float:
    with connection.cursor() as cursor:
        cursor.execute(PACE, {"accounts": accounts, "shortest": SHORTEST_GAP_S, "longest": LONGEST_GAP_S})
        seconds, count = cursor.fetchone()
    return float(seconds) / 60 if count >= ENOUGH_GAPS else FALLBACK_MINUTES


def _minutes(count: int, each: float) -> int:
    return max(1, round(count * each)) if count else 0


def scope_key(user: Any) -> str:
    """Whose rows a figure is kept of: two users with one scope share it."""
    grants = user.tenant_grants("proposals.view_flowproposal")
    return "all" if grants is None else ",".join(f"{account}.{team or ''}" for account, team in sorted(grants, key=str))
