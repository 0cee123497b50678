"""Metrics of flows: how each version does, how much each flow is used, and what needs attention first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Aggregate, Avg, Count, ExpressionWrapper, F, Func, IntegerField, JSONField, Q
from django.db.models.functions import Extract, Floor
from django.http import Http404

from analytics.facts import FACTS
from analytics.guided import completed_q
from analytics.metrics.counting import Durations, count_facts, count_facts_by
from analytics.metrics.coverage import published_flows
from analytics.scope import Scope
from flowpilot.common.statistics import Rate, wilson_interval
from flowpilot.common.templatetags.flowpilot import percent
from flowpilot.flows.models import Flow, FlowVersion
from proposals.health import VersionHealth, current_health
from sessions.models import AISession

WRONG_FROM = 0.5  # a flow that clearly fewer than this call right


class Quantile(Aggregate):
    """The least value that at least this share of the values does not exceed."""

    function = "percentile_disc"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    name = "Quantile"

    def __init__(self, expression: Any, share: float, **extra: Any) -> None:
        super().__init__(expression, share=share, output_field=IntegerField(), **extra)


@dataclass(frozen=True, slots=True)
class Quality:
    """One version by the ended sessions that it guided, in the scope's period.

    `completed` came to an end of the flow; `helped` did and were resolved. `rating` is the mean of `rated` ratings.
    """

    version: FlowVersion
    n: int
    completed: Rate
    helped: Rate
    resolved: Rate
    escalated: Rate
    durations: Durations
    rating: float | None
    rated: int
    flow_right: Rate

    @property
    def score(self) -> float | None:
        """The quality score, in 0..1: the lower Wilson bound (95 %) of `helped`. None without a session.

        Few sessions pull it down: a version has to show that it helps.
        """
        return self.helped.interval[0] if self.helped.interval else None


@dataclass(frozen=True, slots=True)
class Reuse:
    """How much a flow is used: its ended sessions of all versions, those of the period before, and by how many.

    `domain_share` is among all ended sessions of the flow's domain: those of them that the flow guided.
    """

    flow: Flow
    n: int
    before: int
    technicians: int
    clients: int
    domain_share: Rate


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A published flow: its current version's quality, how that differs from a former one, and what is wrong."""

    flow: Flow
    quality: Quality
    health: VersionHealth | None
    reasons: tuple[str, ...]


_MINUTES = ExpressionWrapper(Floor(Extract(F("ended_at") - F("started_at"), "epoch") / 60), output_field=IntegerField())


def found_flow(user: Any, pk: int, number: int | None = None) -> tuple[Flow, FlowVersion]:
    """A flow that the user may see and one of its versions (None: the current one). Raises Http404."""
    flow = Flow.objects.for_user(user).filter(pk=pk).select_related("current_version").first()
    if flow is None:
        raise Http404("There is no such flow.")
    version = flow.current_version if number is None else flow.versions.filter(number=number).first()
    if version is None:
        raise Http404("The flow has no such version.")
    return flow, version


def qualities(scope: Scope, versions: Sequence[FlowVersion]) -> dict[int, Quality]:
    """How each of the versions did, by its id; those that guided no session are there too. One query.

    Each version carries `endings`: the ids of its last nodes (see `with_endings`).
    """
    completed = completed_q([(v.pk, node) for v in versions for node in v.endings])  # type: ignore[attr-defined]
    resolved, timed = FACTS["resolved"].condition, FACTS["timed"].condition
    facts = ("resolved", "escalated", "timed", "rated", "flow_judged", "flow_right")
    found = (
        scope.ended_sessions()
        .filter(flow_version__in=[version.pk for version in versions])
        .order_by()
        .values("flow_version")
        .annotate(
            n=Count("pk"),
            completed=Count("pk", filter=completed),
            helped=Count("pk", filter=completed & resolved),
            median=Quantile(_MINUTES, 0.5, filter=timed),
            p90=Quantile(_MINUTES, 0.9, filter=timed),
            mean=Avg("rating"),
            **{f"n_{name}": Count("pk", filter=FACTS[name].condition) for name in facts},
        )
    )
    rows = {row["flow_version"]: row for row in found}
    return {version.pk: _quality(version, rows.get(version.pk)) for version in versions}


def with_endings(versions: Any) -> Any:
    """FlowVersion rows with the ids of their resolutions and escalations, and without their definitions."""
    ends = '$.nodes[*] ? (@.kind == "resolution" || @.kind == "escalation").id'
    path = Func(
        F("definition"), template=f"jsonb_path_query_array(%(expressions)s, '{ends}')", output_field=JSONField()
    )
    return versions.annotate(endings=path).defer("definition", "examples")


def reuse(scope: Scope) -> list[Reuse]:
    """How much each flow that guided a session of the scope is used, most first."""
    own_domain = Count("pk", filter=Q(problem_domain=F("flow__problem_domain")))
    rows = list(
        _of_flows(scope).annotate(
            n=Count("pk"),
            technicians=Count("technician_email", distinct=True, filter=~Q(technician_email="")),
            clients=Count("client", distinct=True),
            own_domain=own_domain,
        )
    )
    before = dict(_of_flows(scope.before()).values_list("flow", Count("pk")))
    ended = count_facts_by(scope, ["ended"], "domain")
    flows = Flow.objects.in_bulk([row["flow"] for row in rows])
    found = [
        Reuse(
            flow=flow,
            n=row["n"],
            before=before.get(flow.pk, 0),
            technicians=row["technicians"],
            clients=row["clients"],
            domain_share=Rate(row["own_domain"], ended.get(flow.problem_domain, {"ended": 0})["ended"]),
        )
        for row in rows
        if (flow := flows.get(row["flow"]))
    ]
    return sorted(found, key=lambda row: (-row.n, row.flow.title, row.flow.pk))


def flow_rows(scope: Scope) -> list[FlowRow]:
    """The published flows of the scope, and others that guided its sessions; those that need attention come first.

    First is the one with the most sessions that it did not help, among those with a reason that tells of quality.
    """
    wide = published_flows(scope.narrowed(domain="")).filter(current_version__isnull=False)
    flows = {flow.current_version_id: flow for flow in wide.defer("description")}
    versions = list(with_endings(FlowVersion.objects.filter(pk__in=[pk for pk in flows if pk])))
    found = qualities(scope, versions)
    kept = {flow.pk for flow in published_flows(scope)}
    shown = [(flows[pk], quality) for pk, quality in found.items() if quality.n or flows[pk].pk in kept]
    health = current_health([flow for flow, _ in shown], _all_time(scope))
    whole = _whole(quality for _, quality in shown)
    rows = [FlowRow(flow, q, health.get(flow.pk), reasons_of(q, health.get(flow.pk), whole)) for flow, q in shown]
    return sorted(rows, key=_urgency)


@dataclass(frozen=True, slots=True)
class Whole:
    """What all current versions of the scope make together: what one of them is compared with."""

    helped: Rate
    escalated: Rate


def reasons_of(quality: Quality, health: VersionHealth | None, whole: Whole) -> tuple[str, ...]:
    """Why a flow needs attention, as sentences; empty where nothing does. Only what the 95 % intervals make clear."""
    found = list(health.complaints) if health else []
    if quality.n == 0:
        return (*found, "It guided no session in this period.")
    helped, escalated, right = quality.helped, quality.escalated, quality.flow_right
    if _is_below(helped, whole.helped.share):
        found.append(
            f"{percent(helped.share)} of {helped.n:,} sessions came to an end of it and were resolved; "
            f"{percent(whole.helped.share)} in all flows."
        )
    if _is_above(escalated, whole.escalated.share):
        found.append(
            f"{percent(escalated.share)} of {escalated.n:,} sessions were escalated; "
            f"{percent(whole.escalated.share)} in all flows."
        )
    if _is_below(right, WRONG_FROM):
        found.append(f"{percent(1 - right.count / right.n)} of {right.n:,} who were asked called it wrong.")
    return tuple(found)


def flow_link(scope: Scope) -> Rate:
    """Sessions that a flow guided among those that ended."""
    counts = count_facts(scope, ["linked", "ended"])
    return Rate(counts["linked"], counts["ended"])


def _quality(version: FlowVersion, row: Any) -> Quality:
    if row is None:
        none = Rate(0, 0)
        return Quality(version, 0, none, none, none, none, Durations(0, None, None), None, 0, none)
    n = row["n"]
    median, p90 = (None if row[name] is None else timedelta(minutes=row[name]) for name in ("median", "p90"))
    return Quality(
        version=version,
        n=n,
        completed=Rate(row["completed"], n),
        helped=Rate(row["helped"], n),
        resolved=Rate(row["n_resolved"], n),
        escalated=Rate(row["n_escalated"], n),
        durations=Durations(row["n_timed"], median, p90),
        rating=None if row["mean"] is None else float(row["mean"]),
        rated=row["n_rated"],
        flow_right=Rate(row["n_flow_right"], row["n_flow_judged"]),
    )


def _of_flows(scope: Scope) -> Any:
    return scope.ended_sessions().filter(FACTS["linked"].condition).order_by().values("flow")


def _all_time(scope: Scope) -> Any:
    """The scope's sessions without its period: what two versions are compared by."""
    return AISession.objects.for_user(scope.user).filter(scope.session_q())


def _whole(found: Iterable[Quality]) -> Whole:
    rows = list(found)
    n = sum(row.n for row in rows)
    return Whole(Rate(sum(row.helped.count for row in rows), n), Rate(sum(row.escalated.count for row in rows), n))


def _is_below(rate: Rate, share: float | None) -> bool:
    return share is not None and rate.is_enough and wilson_interval(rate.count, rate.n)[1] < share


def _is_above(rate: Rate, share: float | None) -> bool:
    return share is not None and rate.is_enough and wilson_interval(rate.count, rate.n)[0] > share


def _urgency(row: FlowRow) -> tuple[int, int, str, int]:
    lost = row.quality.n - row.quality.helped.count
    # A flow that nobody used may be fine: it comes after those that did badly.
    rank = 2 if not row.reasons else 0 if row.quality.n else 1
    return rank, -lost, row.flow.title, row.flow.pk
