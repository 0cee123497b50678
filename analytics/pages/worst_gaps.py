"""The knowledge gaps that hurt most, for the overview."""

from django.urls import reverse

from analytics.gaps.models import KnowledgeGap
from analytics.gaps.selectors import gaps_url, gaps_visible
from analytics.pages.parts import Block, Cell, Column
from analytics.scope import Scope

SHOWN = 5


def worst_gaps(scope: Scope) -> Block:
    """The worst gaps to work on as they stand now, of the scope but its period and technician; they have a window of
    their own."""
    gaps = gaps_visible(scope.user).filter(scope.narrowed(technician="").session_q(), state__in=KnowledgeGap.UNSETTLED)
    rows = [
        [
            Cell(gap.title, reverse("gaps:detail", args=[gap.pk])),
            Cell(gap.severity_label),
            Cell(gap.rate),
            Cell(gap.base),
        ]
        for gap in gaps[:SHOWN]
    ]
    return Block(
        key="gaps",
        title="Knowledge gaps, worst first",
        columns=[
            Column("Gap", is_number=False),
            Column("Severity", is_number=False),
            Column("Rate", is_rate=True),
            Column("Elsewhere", is_rate=True),
        ],
        rows=rows,
        empty="None was found here: gaps come up by themselves once enough sessions have ended.",
        links=[("All knowledge gaps", gaps_url(scope))],
        is_wide=True,
    )
