"""Review operations: what waits and for how long, what was decided, how often it was accepted."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils import formats

from analytics.metrics.review import BinRow, Review, ReviewerRow, Tally, Week, decisions_by_week
from analytics.metrics.review import review as figures
from analytics.pages.flywheel import flywheel
from analytics.pages.frame import Page, dashboard
from analytics.pages.parts import Bar, Block, Card, Cell, Column
from analytics.proposal_facts import bin_label
from analytics.rows.registry import rows_url
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from flowpilot.common.templatetags.flowpilot import percent
from proposals.models import FlowProposal
from sessions.models.session import EXPLORING_FROM, GUIDED_FROM

LABELS = {
    "approved": ("Approved", "--fp-chart-guided"),
    "modified": ("Edited & published", "--fp-go"),
    "rejected": ("Rejected", "--fp-harm"),
    "dismissed": ("Dismissed", "--fp-chart-exploring"),
}
NOW = "as it stands now"


def build(scope: Scope) -> Page:
    now, before = figures(scope), figures(scope.before())
    return Page(
        title="Review",
        cards=_cards(scope, now, before),
        blocks=[_weeks(scope), _types(scope, now), _reviewers(scope, now), _calibration(scope, now), flywheel(scope)],
        has_data=bool(now.waiting.n or now.tally.decided or before.tally.decided or now.retired),
        filled_by="Proposals come up as resolved sessions are analysed; their decisions are counted here.",
    )


review = dashboard(build, later=[flywheel])


def _cards(scope: Scope, now: Review, before: Review) -> list[Card]:
    pending, decided = _url(scope, "pending"), _url(scope, "decided")
    wait, took, took_before = now.waiting, now.decisions, before.decisions
    return [
        Card("Waiting", wait.n, url=pending, better="", note=NOW, is_now=True),
        Card("Median wait", wait.median, url=pending, note=NOW, is_now=True),
        Card("90 % wait up to", wait.p90, url=pending, note=NOW, is_now=True),
        Card("Longest wait", wait.longest, url=pending, note=NOW, is_now=True),
        Card("Decided", now.tally.decided, before.tally.decided, decided, better=""),
        Card("Decided a week", _a_week(scope, now), _a_week(scope.before(), before), decided, better=""),
        Card("Accepted", now.tally.acceptance, before.tally.acceptance, _url(scope, "accepted")),
        Card("Median time to decide", took.median, took_before.median, decided, "down"),
        Card("90 % decided within", took.p90, took_before.p90, decided, "down"),
        Card("Taken back", now.taken_back, before.taken_back, rows_url(scope, "undone", "taken-back"), better="down"),
        Card("Went undecided", now.retired, before.retired, _url(scope, "retired"), better=""),
    ]


def _a_week(scope: Scope, found: Review) -> float | None:
    """Decisions a week, over the days that have gone."""
    gone = (scope.end - scope.start) / timedelta(weeks=1)
    return found.tally.decided / gone if gone else None


def _weeks(scope: Scope) -> Block:
    rows, weeks = [], decisions_by_week(scope)
    for week in weeks:
        part = scope.within(week.first, week.first + timedelta(days=6))
        rows.append([Cell(week.first), *(Cell(getattr(week.tally, name), _url(part, name)) for name in LABELS)])
    return Block(
        key="decisions-by-week",
        title="Decisions, by week",
        columns=[Column("Week from", is_number=False), *(Column(*label) for label in LABELS.values())],
        rows=rows,
        summary=_busiest(weeks),
        chart="stacked",
        empty="Nothing was decided in this period.",
        is_wide=True,
    )


def _busiest(weeks: Sequence[Week]) -> str:
    if not weeks:
        return ""
    busiest = max(weeks, key=lambda week: week.tally.decided)
    first, n = formats.date_format(busiest.first, "j M Y"), len(weeks)
    return (
        f"Most decisions, {busiest.tally.decided:,}, were made in the week from {first}; "
        f"{n:,} week{'' if n == 1 else 's'} saw any."
    )


def _types(scope: Scope, now: Review) -> Block:
    rows = [
        _tally_row(scope, Cell(FlowProposal.Type(kind).label), tally, f"-type-{kind}")
        for kind, tally in now.by_type.items()
        if tally.decided
    ]
    return _tallies("decisions-by-type", "Decisions, by type of proposal", "Type", rows)


def _reviewers(scope: Scope, now: Review) -> Block:
    rows = [_tally_row(scope, Cell(row.name), row.tally, _of_reviewer(row)) for row in now.by_reviewer]
    return _tallies("decisions-by-reviewer", "Decisions, by reviewer", "Reviewer", rows)


def _of_reviewer(row: ReviewerRow) -> str | None:
    """The group of a reviewer's facts; a sum of several people has none."""
    if row.is_rest:
        return None
    return f"-reviewer-{row.reviewer.pk if row.reviewer else 'none'}"


def _tallies(key: str, title: str, of: str, rows: list[list[Cell]]) -> Block:
    counts = [Column(label) for label, _ in LABELS.values()]
    columns = [Column(of, is_number=False), Column("Accepted", is_rate=True), Column("Decided"), *counts]
    return Block(key, title, columns, rows, empty="Nothing was decided in this period.", is_wide=True)


def _tally_row(scope: Scope, head: Cell, tally: Tally, group: str | None) -> list[Cell]:
    def cell(value: int | Rate, outcome: str) -> Cell:
        return Cell(value, "" if group is None else _url(scope, f"{outcome}{group}"))

    counts = [cell(getattr(tally, name), name) for name in LABELS]
    return [head, cell(tally.acceptance, "accepted"), cell(tally.decided, "decided"), *counts]


def _calibration(scope: Scope, now: Review) -> Block:
    rows = [
        [
            Cell(bin_label(row.number), _url(scope, f"decided-bin-{row.number}")),
            Cell(row.tier.label, badge=row.tier),
            Cell(row.tally.acceptance, _url(scope, f"accepted-bin-{row.number}"), bar=_bar(row.tally.acceptance)),
        ]
        for row in now.bins
    ]
    return Block(
        key="calibration",
        title="Accepted, by confidence",
        columns=[
            Column("Confidence", is_number=False),
            Column("Tier", is_number=False),
            Column("Accepted", is_rate=True),
        ],
        rows=rows if now.tally.decided else [],
        summary=_calibrated(now.bins),
        empty="Nothing was decided in this period.",
    )


def _bar(rate: Rate) -> Bar | None:
    return Bar(rate.count / rate.n, rate.interval) if rate.is_enough else None


def _calibrated(bins: Iterable[BinRow]) -> str:
    """How acceptance goes with the tiers; "" where fewer than two of them say something."""
    by_tier: dict[str, Tally] = {}
    for row in bins:
        by_tier[row.tier] = by_tier.get(row.tier, Tally()) + row.tally
    words = {
        "discovery": f"below {EXPLORING_FROM}",
        "exploring": f"from {EXPLORING_FROM} to {GUIDED_FROM}",
        "guided": f"from {GUIDED_FROM} on",
    }
    said = [f"{percent(t.acceptance.share)} {words[tier]}" for tier, t in by_tier.items() if t.acceptance.is_enough]
    return f"Accepted by confidence: {', '.join(said)}." if len(said) > 1 else ""


def _url(scope: Scope, fact: str) -> str:
    return rows_url(scope, fact, "proposals")
