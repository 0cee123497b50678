"""The overview: what ended, how, how sure, and what waits for review."""

from datetime import timedelta
from urllib.parse import urlencode

from django.urls import reverse

from analytics.metrics import sessions
from analytics.metrics.proposals import proposals_by_status
from analytics.pages.flywheel import flywheel
from analytics.pages.frame import Page, dashboard
from analytics.pages.handovers import handovers_later
from analytics.pages.parts import Block, Card, Cell, Column
from analytics.pages.worst_gaps import worst_gaps
from analytics.rows.registry import rows_url
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.common.statistics import ENOUGH
from flowpilot.common.templatetags.flowpilot import percent
from proposals.models import FlowProposal
from sessions.models import Tier

TIERS = (Tier.GUIDED, Tier.EXPLORING, Tier.DISCOVERY)


def build(scope: Scope) -> Page:
    now, before = sessions.summary(scope), sessions.summary(scope.before())
    return Page(
        title="Overview",
        cards=_cards(scope, now, before),
        blocks=[
            _weeks(scope),
            flywheel(scope),
            _tiers(scope, now),
            worst_gaps(scope),
            _proposals(scope),
            handovers_later(scope),
        ],
        has_data=bool(now.ended or before.ended),
        filled_by="Sessions come in as technicians work them, over the API, or with manage.py import_sessions FILE.",
    )


overview = dashboard(build, later=[flywheel, handovers_later])


def _cards(scope: Scope, now: sessions.Summary, before: sessions.Summary) -> list[Card]:
    def rate(label: str, name: str, fact: str, better: str = "up") -> Card:
        return Card(label, now.rates[name], before.rates[name], rows_url(scope, fact), better)  # type: ignore[arg-type]

    times, times_before = now.durations, before.durations
    return [
        Card("Sessions ended", now.ended, before.ended, rows_url(scope, "ended"), better=""),
        rate("Resolved", "resolution", "resolved"),
        rate("At first level", "first_level", "first_level"),
        rate("Escalated", "escalation", "escalated", "down"),
        rate("Abandoned", "abandonment", "abandoned", "down"),
        rate("Came back", "reopen", "reopened", "down"),
        Card("Median time to resolve", times.median, times_before.median, rows_url(scope, "timed"), "down"),
        Card("90 % resolved within", times.p90, times_before.p90, rows_url(scope, "timed"), "down"),
        rate("Used a flow", "flow_link", "linked"),
        rate("Known problems", "known", "known"),
        Card("Mean rating of 5", now.ratings.mean, before.ratings.mean, rows_url(scope, "rated")),
        rate("Flow was right", "flow_right", "flow_right"),
    ]


def _weeks(scope: Scope) -> Block:
    facts = [f"tier_{tier}" for tier in TIERS]
    weeks = sessions.series(scope, facts, "week")
    rows = []
    for week in weeks:
        part = scope.within(week.first, week.first + timedelta(days=6))
        cells = [Cell(week.counts[fact], rows_url(part, fact)) for fact in facts]
        rows.append([Cell(week.first), *cells])
    return Block(
        key="tiers-by-week",
        title="Confidence tiers, by week",
        columns=[Column("Week from", is_number=False), *(Column(tier.label, f"--fp-chart-{tier}") for tier in TIERS)],
        rows=rows,
        chart="stacked",
        summary=_guided_trend(scope, weeks),
        is_wide=True,
    )


def _guided_trend(scope: Scope, weeks: list[sessions.Period]) -> str:
    """How the guided share moved between the first and the last whole week that say something; without two, how many
    were guided of all."""
    whole = [w for w in weeks if scope.first <= w.first and w.first + timedelta(days=6) <= scope.last]
    shares = [(w.counts["tier_guided"], sum(w.counts.values())) for w in whole if sum(w.counts.values()) >= ENOUGH]
    if len(shares) < 2:
        guided, n = (sum(w.counts["tier_guided"] for w in weeks), sum(sum(w.counts.values()) for w in weeks))
        return f"{guided:,} of {n:,} ended sessions were guided." if n else ""
    (first, first_n), (last, last_n) = shares[0], shares[-1]
    moved = f"from {percent(first / first_n)} in the first whole week to {percent(last / last_n)} in the last"
    return f"The guided share of ended sessions went {moved}."


def _tiers(scope: Scope, now: sessions.Summary) -> Block:
    rows = [
        [
            Cell(tier.label, rows_url(scope, f"tier_{tier}"), badge=tier),
            Cell(now.tiers[tier], rows_url(scope, f"tier_{tier}_resolved")),
            Cell(now.tiers[tier].n, rows_url(scope, f"tier_{tier}")),
        ]
        for tier in TIERS
    ]
    columns = [Column("Tier", is_number=False), Column("Resolved", is_rate=True), Column("Sessions")]
    return Block("tiers", "Resolved, by tier", columns, rows)


def _proposals(scope: Scope) -> Block:
    rows = [
        [Cell(FlowProposal.Status(status).label, badge=status), Cell(count, _queue_url(scope, status))]
        for status, count in proposals_by_status(scope).items()
    ]
    columns = [Column("Status", is_number=False), Column("Proposals")]
    return Block("proposals", "Proposals, as they stand now", columns, rows)


def _queue_url(scope: Scope, status: str) -> str:
    """The queue's own list, which is worked in; it cannot be narrowed to all that a scope can."""
    if scope.domain == NO_DOMAIN or scope.client or scope.technician or scope.flow:
        return ""
    query = {"status": status}
    if scope.team:
        query["team"] = scope.team.name
    if scope.domain:
        query["problem_domain"] = scope.domain
    return f"{reverse('admin:proposals_flowproposal_changelist')}?{urlencode(query)}"
