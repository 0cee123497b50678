"""Coverage: which problem domains the flows carry, and which they do not."""

from urllib.parse import urlencode

from django.urls import reverse

from analytics.metrics.coverage import Coverage, coverage, worst_covered
from analytics.pages.frame import Page, dashboard
from analytics.pages.heat import Scale, legend
from analytics.pages.parts import Block, Cell, Column
from analytics.rows.registry import rows_url
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.common.statistics import Rate
from flowpilot.common.templatetags.flowpilot import percent

SCALES = {
    "resolved": Scale((0.85, 0.7, 0.5)),
    "escalated": Scale((0.1, 0.2, 0.35), is_harm=True),
    "guided": Scale((0.6, 0.4, 0.2)),
    "without a flow": Scale((0.3, 0.5, 0.7), is_harm=True),
}
NAMED = 3


def build(scope: Scope) -> Page:
    rows = coverage(scope)
    return Page(
        title="Coverage",
        blocks=[_domains(scope, rows)],
        has_data=any(row.sessions.counts["ended"] for row in rows),
        filled_by="Domains appear as sessions end; a session gets its domain from its record or from its flow.",
    )


coverage_page = dashboard(build)


def _domains(scope: Scope, rows: list[Coverage]) -> Block:
    return Block(
        key="coverage",
        title="Coverage of problem domains",
        columns=[
            Column("Domain", is_number=False),
            Column("Published flows"),
            Column("Sessions"),
            Column("Resolved", is_rate=True),
            Column("Escalated", is_rate=True),
            Column("Guided", is_rate=True),
            Column("Median time"),
            Column("Without a flow", is_rate=True),
        ],
        rows=[_line(scope, row) for row in rows],
        summary=_summary(rows),
        legend=legend(SCALES),
        is_wide=True,
    )


def _line(scope: Scope, row: Coverage) -> list[Cell]:
    part = scope.narrowed(domain=row.domain or NO_DOMAIN)
    sessions = row.sessions

    def rate(name: str, value: Rate, fact: str) -> Cell:
        return Cell(value, rows_url(part, fact), heat=SCALES[name].of(value))

    return [
        Cell(row.domain or "Without a domain"),
        Cell(row.flows, _flows_url(scope, row.domain)),
        Cell(sessions.counts["ended"], rows_url(part, "ended")),
        rate("resolved", sessions.rate("resolution"), "resolved"),
        rate("escalated", sessions.rate("escalation"), "escalated"),
        rate("guided", sessions.guided, "tier_guided"),
        Cell(sessions.durations.median, rows_url(part, "timed")),
        rate("without a flow", row.without_flow, "unlinked"),
    ]


def _flows_url(scope: Scope, domain: str) -> str:
    """The list of flows; it cannot show what has no domain, nor a team's flows with those of no team."""
    if not domain or scope.team or scope.flow:
        return ""
    return f"{reverse('admin:flows_flow_changelist')}?{urlencode({'problem_domain': domain})}"


def _summary(rows: list[Coverage]) -> str:
    """The worst covered domain, and the busiest without any published flow, in words."""
    parts = []
    if worst := worst_covered(rows):
        guided, resolved = worst.sessions.guided, worst.sessions.rate("resolution")
        parts.append(
            f"Worst covered: {_name(worst)}, where {percent(guided.share)} of {guided.n:,} sessions were guided, "
            f"{percent(resolved.share)} were resolved, and {worst.without_flow.count:,} had no flow."
        )
    if bare := [row for row in rows if row.domain and not row.flows]:
        named = ", ".join(f"{_name(row)} ({_sessions(row.sessions.counts['ended'])})" for row in bare[:NAMED])
        more = f" and {len(bare) - NAMED} more" if len(bare) > NAMED else ""
        parts.append(f"Without a published flow: {named}{more}.")
    if idle := [row for row in rows if row.flows and not row.sessions.counts["ended"]]:
        parts.append(f"Flows without a session in this period: {', '.join(_name(row) for row in idle[:NAMED])}.")
    return " ".join(parts)


def _sessions(n: int) -> str:
    return f"{n:,} session{'' if n == 1 else 's'}"


def _name(row: Coverage) -> str:
    return row.domain or "sessions without a domain"
