"""The flywheel as a funnel: how far what is resolved gets towards guiding the next one, and how soon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import OuterRef, QuerySet

from analytics.facts import ACCEPTED, FACTS, PUBLISHED_EVIDENCE, Fact, looked_up
from analytics.metrics.counting import count_facts
from analytics.scope import Scope
from proposals.models import FlowProposal, ProposalEvidence
from sessions.models import AISession

STEPS: Mapping[str, str] = {
    "resolved": "Resolved",
    "analysed": "Analysed",
    "proposed": "In a proposal",
    "published": "Published",
    "reused": "Reused since",
}

_tracking = FlowProposal.Type.AUTO_REINFORCED
_later = looked_up(
    AISession.objects.filter(
        account=OuterRef("account"), flow=OuterRef("published_flow"), started_at__gt=OuterRef("reviewed_at")
    )
)
_published = FlowProposal.objects.filter(status__in=ACCEPTED).exclude(proposal_type=_tracking)
_reused = looked_up(PUBLISHED_EVIDENCE.filter(proposal__in=_published.filter(_later)))

# Each step is of the sessions of the step before.
FUNNEL: Mapping[str, Fact] = {
    **{name: FACTS[name] for name in STEPS if name in FACTS},
    "reused": Fact("whose flow has guided a later session", FACTS["published"].condition & _reused),
}

# What is kept of the sessions of a step that few come to.
RARE: Mapping[str, Sequence[str]] = {
    "proposed": ("proposed",),
    "published": ("proposed", "published"),
    "reused": ("proposed", "published"),
}

# One pass over the period's sessions and their evidence; when a flow was used again is looked up once a proposal.
# A session that is analysed again counts from the last time: its step then took no time rather than a negative one.
_COUNT = """
WITH resolved AS ({sessions}),
evidence AS MATERIALIZED (
  SELECT e.session_id, e.added_at, e.proposal_id,
    CASE WHEN p.status = ANY(%s) THEN p.reviewed_at END AS published_at
  FROM resolved r
  JOIN proposals_proposalevidence e ON e.session_id = r.id
  JOIN proposals_flowproposal p ON p.id = e.proposal_id AND p.proposal_type <> %s
), reuse AS (
  SELECT p.id, (
      SELECT min(later.started_at) FROM ai_sessions_aisession later
      WHERE later.account_id = p.account_id AND later.flow_id = p.published_flow_id
        AND later.started_at > p.reviewed_at
    ) AS reused_at
  FROM proposals_flowproposal p
  WHERE p.id IN (SELECT proposal_id FROM evidence WHERE published_at IS NOT NULL)
), reached AS (
  SELECT e.session_id, min(e.added_at) AS proposed_at, min(e.published_at) AS published_at,
    min(u.reused_at) AS reused_at
  FROM evidence e LEFT JOIN reuse u ON u.id = e.proposal_id
  GROUP BY e.session_id
), steps AS (
  SELECT r.ended_at AS resolved, a.analyzed_at AS analysed,
    CASE WHEN a.id IS NOT NULL THEN c.proposed_at END AS proposed,
    CASE WHEN a.id IS NOT NULL THEN c.published_at END AS published,
    CASE WHEN a.id IS NOT NULL THEN c.reused_at END AS reused
  FROM resolved r
  LEFT JOIN proposals_sessionanalysis a ON a.session_id = r.id AND a.state = 'done'
  LEFT JOIN reached c ON c.session_id = r.id
)
SELECT {figures} FROM steps
"""
_MEDIAN = """
percentile_disc(0.5) WITHIN GROUP (ORDER BY greatest({last} - {first}, interval '0')) FILTER (WHERE {last} IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """How many sessions came this far, and the median time that they took from the step before (None of nothing)."""

    name: str
    count: int
    median: timedelta | None = None

    @property
    def label(self) -> str:
        return STEPS[self.name]


@dataclass(frozen=True, slots=True)
class Funnel:
    """The steps of sessions resolved in the period; `to_published` is the median time from resolved to published."""

    steps: list[Step]
    to_published: timedelta | None


def funnel(scope: Scope) -> Funnel:
    """One query: each step is of the sessions of the one before, as things stand now."""
    names = list(STEPS)
    try:
        sessions, params = _resolved_sessions(scope).values("id", "ended_at").query.sql_with_params()
    except EmptyResultSet:  # the viewer may see no session at all
        return Funnel([Step(name, 0) for name in names], None)
    figures = [f"count({name})" for name in names]
    figures += [_MEDIAN.format(first=first, last=last) for first, last in pairwise(names)]
    figures.append(_MEDIAN.format(first="resolved", last="published"))
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT.format(sessions=sessions, figures=", ".join(figures)), [*params, list(ACCEPTED), _tracking]
        )
        found: tuple[Any, ...] = cursor.fetchone()
    counts, medians = found[: len(names)], (None, *found[len(names) : -1])
    return Funnel([Step(*of) for of in zip(names, counts, medians, strict=True)], found[-1])


def step_count(scope: Scope, name: str) -> int:
    """How many sessions came as far as one step."""
    if name in FACTS:
        return count_facts(scope, [name])[name]
    # All but the last step are kept. Most that was published is reused sooner or later: the others are counted.
    return count_facts(scope, ["published"])["published"] - _not_reused(scope).count()


def _not_reused(scope: Scope) -> QuerySet[AISession]:
    """The published sessions that no published proposal of theirs has helped since, found by their proposals."""
    waiting = ProposalEvidence.objects.filter(proposal__in=_published.exclude(_later))
    grants = scope.user.tenant_grants(AISession.objects.all().permission("view"))
    if grants is not None:
        waiting = waiting.filter(account__in={account_id for account_id, _ in grants})
    found = scope.ended_sessions().filter(FACTS["published"].condition, ~_reused, pk__in=waiting.values("session"))
    return found.order_by()


def _resolved_sessions(scope: Scope) -> QuerySet[AISession]:
    return scope.ended_sessions().filter(FACTS["resolved"].condition).order_by()
