"""Impact, the rank of the queue: how many recent sessions a proposal would have helped, weighted by its confidence.

    impact = (supporting sessions started in the last IMPACT_DAYS days) × confidence_score

Confidence is the share of such sessions that the proposed flow may be trusted to end rightly (a lower bound), so impact
is the number of them that it would have brought to the right end. Beside it stand, of all analysed sessions of the
topic, evidence or not, how many there are and how many of them were escalated.

All of it is written whenever a proposal's evidence changes, and once a day for every pending proposal, because sessions
grow old and topics grow by sessions that are no evidence.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

from flowpilot.accounts.models import Account
from flowpilot.common.leases import lease_check, lease_release, lease_take
from proposals.models import FlowProposal

LEASE = timedelta(minutes=10)

# Only rows that differ are locked and written, in the order of their ids, as everybody locks proposals. A row that
# somebody else holds is passed over: who writes it counts it again, and the next day does anyway.
REFRESH = """
WITH fresh AS (
  SELECT p.id, recent.n AS recent, topic.n AS sessions, topic.escalated
  FROM proposals_flowproposal p
  CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM proposals_proposalevidence e JOIN ai_sessions_aisession s ON s.id = e.session_id
    WHERE e.account_id = p.account_id AND e.proposal_id = p.id
      AND s.started_at >= now() - make_interval(days => %(days)s)
  ) recent
  CROSS JOIN LATERAL (
    SELECT count(*) AS n, count(*) FILTER (WHERE s.status = 'escalated') AS escalated
    FROM proposals_sessionanalysis a JOIN ai_sessions_aisession s ON s.id = a.session_id
    WHERE a.account_id = p.account_id AND a.topic_id = p.topic_id
  ) topic
  WHERE p.account_id = %(account)s AND p.status = 'pending' AND (%(ids)s::bigint[] IS NULL OR p.id = ANY(%(ids)s))
    AND (p.recent_session_count, p.topic_session_count, p.topic_escalated_count, p.impact)
      IS DISTINCT FROM (recent.n, topic.n, topic.escalated, recent.n * p.confidence_score)
), locked AS (
  SELECT p.id FROM proposals_flowproposal p JOIN fresh USING (id) ORDER BY p.id FOR UPDATE OF p SKIP LOCKED
)
UPDATE proposals_flowproposal p
SET recent_session_count = fresh.recent, topic_session_count = fresh.sessions,
    topic_escalated_count = fresh.escalated, impact = fresh.recent * p.confidence_score
FROM fresh JOIN locked USING (id)
WHERE p.id = fresh.id AND p.status = 'pending'
"""


def impacts_refresh(account_id: int, proposal_ids: Sequence[int] | None = None) -> int:
    """Count again for the account's pending proposals, or for those named; gives how many changed. One statement."""
    ids = None if proposal_ids is None else list(proposal_ids)
    with connection.cursor() as cursor:
        cursor.execute(REFRESH, {"account": account_id, "days": settings.IMPACT_DAYS, "ids": ids})
        return cursor.rowcount


def account_impacts_refresh(account_id: int) -> int | None:
    """The daily count of one account, under a lease; None where another worker is at it. Safe to run twice."""
    lease = lease_take(key=f"impact:{account_id}", duration=LEASE)
    if lease is None:
        return None
    try:
        with transaction.atomic():
            lease_check(lease)
            return impacts_refresh(account_id)
    finally:
        lease_release(lease)


def accounts_with_pending() -> list[int]:
    pending = FlowProposal.objects.filter(status=FlowProposal.Status.PENDING)
    return list(Account.objects.filter(pk__in=pending.values("account")).order_by("pk").values_list("pk", flat=True))
