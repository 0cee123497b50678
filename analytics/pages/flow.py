"""One flow: its versions, and where the sessions of one of them went."""

from django.urls import reverse

from analytics.metrics.flows import Quality, found_flow, qualities, with_endings
from analytics.metrics.ways import ways
from analytics.pages.flow_ways import marks, nodes_block, options_block, passages_block
from analytics.pages.flows import SCALES, guided_url, quality_cells, quality_columns, score_words
from analytics.pages.frame import Page, dashboard
from analytics.pages.heat import legend
from analytics.pages.parts import Block, Card, Cell, Column
from analytics.scope import Scope
from flowpilot.flows.models import FlowVersion
from proposals.health import COMPARED_FROM, VersionHealth, versions_health
from sessions.models import AISession


def build(scope: Scope, pk: int, number: int | None = None) -> Page:
    flow, version = found_flow(scope.user, pk, number)
    # Of this flow, whatever the address says: the rows of its figures name it.
    scope = scope.narrowed(flow=flow)
    versions = list(with_endings(FlowVersion.objects.filter(flow=flow)).order_by("-number"))
    now, before = qualities(scope, versions), qualities(scope.before(), versions)
    health = versions_health(versions, AISession.objects.for_user(scope.user).filter(scope.session_q()))
    found = ways(scope, version)
    return Page(
        title=flow.title,
        cards=_cards(scope, now[version.pk], before[version.pk]),
        blocks=[
            passages_block(scope, version, found),
            _versions(scope, now, health),
            _comparisons(health),
            nodes_block(scope, version, found),
            options_block(scope, version, found),
        ],
        template="analytics/flow.html",
        context={
            "flow": flow,
            "version": version,
            "definition": version.definition,
            "marks": marks(found),
            "flows_url": f"{reverse('analytics:flows')}?{scope.narrowed(flow=None).query()}",
            "is_current": version.pk == flow.current_version_id,
        },
    )


flow_page = dashboard(build)


def _cards(scope: Scope, now: Quality, before: Quality) -> list[Card]:
    def url(what: str) -> str:
        return guided_url(scope, now.version, what)

    times = (now.durations.median, before.durations.median)
    return [
        Card("Sessions guided", now.n, before.n, url("ended"), better=""),
        Card("Quality score of 100", score_words(now), score_words(before), note="lower end of the 95 % interval"),
        Card("Completed", now.completed, before.completed, url("completed")),
        Card("Completed and resolved", now.helped, before.helped, url("helped")),
        Card("Escalated", now.escalated, before.escalated, url("escalated"), "down"),
        Card("Median time to resolve", *times, url("timed"), "down"),
        Card("Mean rating of 5", now.rating, before.rating, url("rated")),
        Card("Flow was right", now.flow_right, before.flow_right, url("flow_right")),
    ]


def _versions(scope: Scope, found: dict[int, Quality], health: list[VersionHealth]) -> Block:
    rows = []
    for row in health:
        address = reverse("analytics:flow_version", args=[row.version.flow_id, row.version.number])
        name = Cell(f"Version {row.version.number}", f"{address}?{scope.narrowed(flow=None).query()}")
        rows.append([name, *quality_cells(scope, found[row.version.pk])])
    return Block(
        key="versions",
        title="How the versions do",
        columns=[Column("Version", is_number=False), *quality_columns()],
        rows=rows,
        legend=legend(SCALES),
        is_wide=True,
    )


def _comparisons(health: list[VersionHealth]) -> Block:
    return Block(
        key="comparisons",
        title="Each version against the one before",
        columns=[
            Column("Version", is_number=False),
            Column("Against", is_number=False),
            Column("Resolved", is_difference=True),
            Column("Escalated", is_difference=True),
        ],
        rows=[
            [
                Cell(f"Version {row.version.number}"),
                Cell(f"version {row.former.version.number}"),
                Cell(row.resolved_change),
                Cell(row.escalated_change),
            ]
            for row in health
            if row.former
        ],
        summary=" ".join(health[0].complaints) if health else "",
        empty=f"A version is compared once it and a former one guided {COMPARED_FROM} sessions each, over all time.",
        is_wide=True,
    )
