"""Metrics of one version's nodes: who came there, who left there, which answer did badly, and the ways through it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Count, Q

from analytics.guided import BAD_ENDS, ENDINGS, WAY
from analytics.metrics.flows import Quantile
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from flowpilot.flows.models import FlowVersion
from sessions.models import AISession, SessionStep


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node by the ended sessions that came there. `left` went no further on the flow, among those that came.

    `seconds` is the median time until it was answered, of `timed` answers; None where none carries a time.
    """

    place: int  # in the definition
    node: dict[str, Any]
    left: Rate
    seconds: timedelta | None
    timed: int

    @property
    def is_ending(self) -> bool:
        return self.node["kind"] in ENDINGS


@dataclass(frozen=True, slots=True)
class OptionRow:
    """An answer of a node; `badly` were not resolved in the end, among the sessions that gave it.

    The place behind the last option, with the label None, is an answer of one's own.
    """

    node_place: int
    node: dict[str, Any]
    place: int
    label: str | None
    badly: Rate


@dataclass(frozen=True, slots=True)
class Passage:
    """So many sessions went from the `step`th node of their way to the next, or ended there (`target` is a status).

    `source` and `target` are places in the definition; None is a node of another flow, which guided the session before.
    """

    step: int
    source: int | None
    target: int | str | None
    n: int


@dataclass(frozen=True, slots=True)
class Ways:
    """What is known of the ways of a version's ended sessions: of `known` of `n`.

    `commonest` is the way that most of them took, as places in the definition, how it ended, and how many took it.
    """

    n: int
    known: int
    commonest: tuple[list[int | None], str, int] | None
    nodes: list[NodeRow]
    options: list[OptionRow]
    passages: list[Passage]


def ways(scope: Scope, version: FlowVersion) -> Ways:
    """Nodes, answers and ways of one version in the scope. Three queries, whatever the number of sessions."""
    sessions = scope.ended_sessions().filter(flow_version=version)
    walked = _walked(sessions)
    places = {node["id"]: place for place, node in enumerate(version.nodes)}
    return Ways(
        n=sum(walked.values()),
        known=sum(n for (way, _), n in walked.items() if way),
        commonest=_commonest(places, walked),
        nodes=_nodes(version, walked, _times(sessions)),
        options=_options(version, sessions),
        passages=_passages(places, walked),
    )


Walked = Counter[tuple[tuple[str, ...], str]]


def _walked(sessions: Any) -> Walked:
    """{(way, status): sessions}. One aggregate: there are as many rows as different ways."""
    found: Walked = Counter()
    for way, status, n in sessions.order_by().values_list(WAY, "status").annotate(n=Count("pk")):
        found[tuple(node for node in way if node), status] += n
    return found


def _commonest(places: Mapping[str, int], walked: Walked) -> tuple[list[int | None], str, int] | None:
    found = max(((n, way, status) for (way, status), n in walked.items() if way), default=None)
    return ([places.get(node) for node in found[1]], found[2], found[0]) if found else None


def _times(sessions: Any) -> Mapping[str, tuple[int, int]]:
    """{node id: (answers with a time, median seconds)}."""
    steps = SessionStep.objects.filter(session__in=sessions, seconds__isnull=False).exclude(node_id="")
    rows = steps.order_by().values_list("node_id").annotate(n=Count("pk"), median=Quantile("seconds", 0.5))
    return {node: (n, median) for node, n, median in rows}


def _nodes(version: FlowVersion, walked: Walked, times: Mapping[str, tuple[int, int]]) -> list[NodeRow]:
    came: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for (way, _), n in walked.items():
        for node_id in set(way):
            came[node_id] += n
        if way:
            left[way[-1]] += n
    found = []
    for place, node in enumerate(version.nodes):
        timed, median = times.get(node["id"], (0, 0))
        seconds = timedelta(seconds=median) if timed else None
        found.append(NodeRow(place, node, Rate(left[node["id"]], came[node["id"]]), seconds, timed))
    return found


def _options(version: FlowVersion, sessions: Any) -> list[OptionRow]:
    """Every option of every node, and the answers of one's own where there are any."""
    steps = SessionStep.objects.filter(session__in=sessions).exclude(node_id="")
    badly = Count("session", distinct=True, filter=Q(session__status__in=BAD_ENDS))
    rows = steps.order_by().values_list("node_id", "selected_option")
    counts = {
        (node, label): Rate(b, n) for node, label, n, b in rows.annotate(n=Count("session", distinct=True), b=badly)
    }
    found = []
    for node_place, node in enumerate(version.nodes):
        labels: list[str | None] = [option["label"] for option in node.get("options", ())]
        if (node["id"], None) in counts:
            labels.append(None)
        for place, label in enumerate(labels):
            rate = counts.get((node["id"], label), Rate(0, 0))
            found.append(OptionRow(node_place, node, place, label, rate))
    return found


def _passages(places: Mapping[str, int], walked: Walked) -> list[Passage]:
    """Step by step along the ways, most sessions first."""
    found: Counter[tuple[int, int | None, int | str | None]] = Counter()
    for (way, status), n in walked.items():
        at = [places.get(node) for node in way]
        for step, pair in enumerate(pairwise(at), 1):
            found[(step, *pair)] += n
        if way:
            found[len(way), at[-1], AISession.Status(status).value] += n
    rows = [Passage(*key, n) for key, n in found.items()]
    return sorted(rows, key=lambda row: (row.step, -row.n, str(row.source), str(row.target)))
