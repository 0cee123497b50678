"""The block of hand-overs, for the pages that tell of sessions."""

from django.utils import formats, timezone

from analytics.metrics.handovers import Handovers, handovers
from analytics.pages.parts import Block, Cell, Column, Later
from analytics.rows.registry import rows_url
from analytics.scope import Scope
from flowpilot.common.templatetags.flowpilot import span

KEY, TITLE = "handovers", "Hand-overs"


def handovers_later(scope: Scope) -> Later:
    """The block, after its page: each hand-over is read with its session, over a busy year longer than the page may."""
    return Later(KEY, TITLE, lambda: handover_block(scope))


def handover_block(scope: Scope) -> Block:
    """How long hand-overs of the scope waited, and how many wait now."""
    found = handovers(scope)
    claim, step = found.claim, found.first_step
    rows = [
        [Cell("Handed over"), Cell(found.given, rows_url(scope, "given", "handovers")), Cell(None), Cell(None)],
        [
            Cell("From there to taken up"),
            Cell(claim.n, rows_url(scope, "claimed", "handovers")),
            Cell(claim.median),
            Cell(claim.p90),
        ],
        [
            Cell("From there to the first step"),
            Cell(step.n, rows_url(scope, "gone_on", "handovers")),
            Cell(step.median),
            Cell(step.p90),
        ],
        [
            Cell("Waiting now, whenever given"),
            Cell(found.waiting, rows_url(scope, "waiting", "waiting-handovers")),
            Cell(None),
            Cell(None),
        ],
    ]
    columns = [Column("Escalations", is_number=False), Column("Hand-overs"), Column("Median"), Column("90 % within")]
    return Block(
        KEY,
        TITLE,
        columns,
        rows if found.given or found.waiting else [],
        summary=_told(found),
        empty="No session was handed over in this period, and none waits now.",
    )


def _told(found: Handovers) -> str:
    if found.oldest is None:
        return ""
    since = formats.date_format(timezone.localtime(found.oldest), "j M Y, H:i")
    return f"The oldest that waits has done so for {span(timezone.now() - found.oldest)}, since {since}."
