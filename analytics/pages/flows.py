"""Flows: how much they are used, how well each does, and which need attention first."""

from collections.abc import Sequence

from django.urls import reverse

from analytics.metrics.flows import FlowRow, Quality, Reuse, flow_link, flow_rows, reuse
from analytics.metrics.sessions import rate
from analytics.pages.frame import Page, dashboard
from analytics.pages.heat import Scale, legend
from analytics.pages.parts import Block, Card, Cell, Column
from analytics.rows.registry import rows_url
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.flows.models import Flow, FlowVersion
from proposals.health import COMPARED_FROM

SCALES = {
    "completed": Scale((0.8, 0.6, 0.4)),
    "resolved": Scale((0.85, 0.7, 0.5)),
    "escalated": Scale((0.1, 0.2, 0.35), is_harm=True),
}
MOST_URGENT = 10


def build(scope: Scope) -> Page:
    rows, used = flow_rows(scope), reuse(scope)
    return Page(
        title="Flows",
        cards=_cards(scope, rows, used),
        blocks=[_attention(scope, rows), _quality(scope, rows), _changes(scope, rows), _reuse(scope, used)],
        has_data=bool(rows or used),
        filled_by="Flows come from proposals that are published, or by Flows → Import.",
    )


flows_page = dashboard(build)


def flow_url(scope: Scope, flow: Flow) -> str:
    return f"{reverse('analytics:flow', args=[flow.pk])}?{scope.narrowed(flow=None).query()}"


def guided_url(scope: Scope, version: FlowVersion, what: str, *rest: object) -> str:
    """The sessions that a version guided, of which a fact of analytics.guided is true."""
    name = "-".join(map(str, (what, version.pk, *rest)))
    return rows_url(scope, name, "guided")


def quality_columns() -> list[Column]:
    return [
        Column("Sessions"),
        Column("Quality score"),
        Column("Completed", is_rate=True),
        Column("Resolved", is_rate=True),
        Column("Escalated", is_rate=True),
        Column("Median time"),
        Column("Mean rating"),
        Column("Flow was right", is_rate=True),
    ]


def quality_cells(scope: Scope, quality: Quality) -> list[Cell]:
    """A version's quality, each figure with its rows."""

    def url(what: str) -> str:
        return guided_url(scope, quality.version, what)

    return [
        Cell(quality.n, url("ended")),
        Cell(score_words(quality)),
        Cell(quality.completed, url("completed"), heat=SCALES["completed"].of(quality.completed)),
        Cell(quality.resolved, url("resolved"), heat=SCALES["resolved"].of(quality.resolved)),
        Cell(quality.escalated, url("escalated"), heat=SCALES["escalated"].of(quality.escalated)),
        Cell(quality.durations.median, url("timed")),
        Cell(quality.rating, url("rated")),
        Cell(quality.flow_right, url("flow_right")),
    ]


def score_words(quality: Quality) -> int | None:
    """The score in whole points of 100; None where it rests on too little."""
    return round(quality.score * 100) if quality.score is not None and quality.helped.is_enough else None


def _cards(scope: Scope, rows: Sequence[FlowRow], used: Sequence[Reuse]) -> list[Card]:
    busy = sum(1 for row in rows if row.quality.n)
    here = f"{reverse('analytics:flows')}?{scope.query()}"
    return [
        Card("Used a flow", flow_link(scope), flow_link(scope.before()), rows_url(scope, "linked")),
        Card(
            "Published flows", len(rows), url=f"{here}#quality", note=f"{busy:,} of them guided sessions", is_now=True
        ),
        Card(
            "Need attention",
            sum(bool(row.reasons) for row in rows),
            url=f"{here}#attention",
            note="for the reasons below",
            is_now=True,
        ),
        Card(
            "Flow was right",
            rate(scope, "flow_right"),
            rate(scope.before(), "flow_right"),
            rows_url(scope, "flow_right"),
        ),
    ]


def _attention(scope: Scope, rows: Sequence[FlowRow]) -> Block:
    urgent = [row for row in rows if row.reasons]
    lines = [
        [
            Cell(row.flow.title, flow_url(scope, row.flow)),
            Cell(" ".join(row.reasons)),
            Cell(row.quality.n, guided_url(scope, row.quality.version, "ended")),
        ]
        for row in urgent[:MOST_URGENT]
    ]
    more = f" These are the first {MOST_URGENT} of {len(urgent):,}." if len(urgent) > MOST_URGENT else ""
    return Block(
        key="attention",
        title="Need attention first",
        columns=[Column("Flow", is_number=False), Column("Why", is_number=False, is_long=True), Column("Sessions")],
        rows=lines,
        summary=f"What the 95 % intervals make clear; the most sessions that were not helped come first.{more}"
        if urgent
        else "",
        empty="No flow does clearly worse than the others, or than its former version.",
        is_wide=True,
    )


def _quality(scope: Scope, rows: Sequence[FlowRow]) -> Block:
    return Block(
        key="quality",
        title="Quality of the current versions",
        columns=[Column("Flow", is_number=False), *quality_columns()],
        rows=[
            [
                Cell(f"{row.flow.title}, version {row.quality.version.number}", flow_url(scope, row.flow)),
                *quality_cells(scope, row.quality),
            ]
            for row in rows
        ],
        summary="The score, of 100, is what can be relied on: the lower end of the 95 % interval of the share of its "
        "sessions that came to an end of the flow and were resolved.",
        legend=legend(SCALES),
        is_wide=True,
    )


def _changes(scope: Scope, rows: Sequence[FlowRow]) -> Block:
    lines = []
    for row in rows:
        health = row.health
        if health is None or health.former is None:
            continue
        verdict = "Worse" if health.is_worse else "Better" if _is_better(row) else "No clear difference"
        lines.append(
            [
                Cell(row.flow.title, flow_url(scope, row.flow)),
                Cell(f"{health.former.version.number} to {health.version.number}"),
                Cell(health.former.sessions),
                Cell(health.sessions),
                Cell(health.resolved_change),
                Cell(health.escalated_change),
                Cell(verdict),
            ]
        )
    return Block(
        key="changes",
        title="Before and after the last version",
        columns=[
            Column("Flow", is_number=False),
            Column("Version", is_number=False),
            Column("Sessions before"),
            Column("Sessions after"),
            Column("Resolved", is_difference=True),
            Column("Escalated", is_difference=True),
            Column("Verdict", is_number=False),
        ],
        rows=lines,
        summary="In points, with the 95 % interval of the difference, over all time: of the scope only its period is "
        "left out."
        if lines
        else "",
        empty=f"A version is compared once it and a former one guided {COMPARED_FROM} sessions each.",
        is_wide=True,
    )


def _is_better(row: FlowRow) -> bool:
    health = row.health
    resolved, escalated = (health.resolved_change, health.escalated_change) if health else (None, None)
    return bool((resolved and resolved.low > 0) or (escalated and escalated.high < 0))


def _reuse(scope: Scope, used: Sequence[Reuse]) -> Block:
    return Block(
        key="reuse",
        title="How much each flow is used",
        columns=[
            Column("Flow", is_number=False),
            Column("Sessions"),
            Column("Period before"),
            Column("Technicians"),
            Column("Clients"),
            Column("Of its domain's sessions", is_rate=True),
        ],
        rows=[_reuse_cells(scope, row) for row in used],
        empty="No flow guided a session that ended in this period.",
        is_wide=True,
    )


def _reuse_cells(scope: Scope, row: Reuse) -> list[Cell]:
    own = scope.narrowed(flow=row.flow)
    domain = row.flow.problem_domain or NO_DOMAIN
    share = "" if scope.domain not in ("", domain) else rows_url(own.narrowed(domain=domain), "ended")
    return [
        Cell(row.flow.title, flow_url(scope, row.flow)),
        Cell(row.n, rows_url(own, "ended")),
        Cell(row.before),
        Cell(row.technicians),
        Cell(row.clients),
        Cell(row.domain_share, share),
    ]
