"""The flywheel's block: how far what was resolved has come."""

from datetime import timedelta

from analytics.metrics.funnel import Funnel, funnel
from analytics.pages.parts import Bar, Block, Cell, Column, Later
from analytics.rows.registry import rows_url
from analytics.scope import Scope

KEY, TITLE = "flywheel", "Flywheel"
_ABOUT = "Days are from the step before."


def flywheel(scope: Scope) -> Later:
    """The steps of the sessions resolved in the period, as things stand now. It reads each of them: over a busy year
    that takes longer than the page may."""
    return Later(KEY, TITLE, lambda: _block(scope))


def _block(scope: Scope) -> Block:
    found = funnel(scope)
    resolved = found.steps[0].count
    rows = [
        [
            Cell(step.label),
            Cell(
                step.count,
                rows_url(scope, step.name, "flywheel"),
                bar=Bar(step.count / resolved if resolved else 0.0),
            ),
            Cell(_days(step.median)),
        ]
        for step in found.steps
    ]
    return Block(
        key=KEY,
        title=TITLE,
        columns=[Column("Step", is_number=False), Column("Sessions"), Column("Median days")],
        rows=rows if resolved else [],
        summary=_summary(found),
        empty="It turns as sessions are resolved: none was in this period.",
    )


def _summary(found: Funnel) -> str:
    *_, published, reused = found.steps
    if not published.count:
        return _ABOUT
    days = _days(found.to_published)
    took = f"Median {days:.1f} days from resolved to published. " if days is not None else ""
    share = f"{reused.count:,} of {published.count:,}"
    return f"{took}What came of {share} published sessions has guided a later one. {_ABOUT}"


def _days(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds() / 86_400
