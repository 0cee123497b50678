"""How well the flows cover each problem domain."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from analytics.facts import FACTS
from analytics.metrics.counting import Durations
from analytics.metrics.sessions import DomainRow, by_domain
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.common.statistics import Rate
from flowpilot.flows.models import Flow


@dataclass(frozen=True, slots=True)
class Coverage:
    """One domain ("" is none): its published flows as they stand now, and its ended sessions, which may be none."""

    domain: str
    flows: int
    sessions: DomainRow

    @property
    def without_flow(self) -> Rate:
        """Sessions that no flow guided among those that ended."""
        return Rate(self.sessions.counts["unlinked"], self.sessions.counts["ended"])


def published_flows(scope: Scope) -> QuerySet[Flow]:
    """Published flows that guide sessions of the scope: of its domain and flow; of its team, or of no team."""
    flows = Flow.objects.for_user(scope.user).filter(status=Flow.Status.PUBLISHED)
    if scope.flow:
        flows = flows.filter(pk=scope.flow.pk)
    if scope.team:
        flows = flows.filter(Q(team=scope.team) | Q(team=None))
    if scope.domain:
        flows = flows.filter(problem_domain="" if scope.domain == NO_DOMAIN else scope.domain)
    return flows


def coverage(scope: Scope) -> list[Coverage]:
    """Each domain that has ended sessions or published flows, most sessions first."""
    flows = dict(published_flows(scope).order_by().values_list("problem_domain").annotate(Count("pk")))
    rows = [Coverage(row.domain, flows.pop(row.domain, 0), row) for row in by_domain(scope)]
    nothing = dict.fromkeys(FACTS, 0)
    unused = [Coverage(domain, n, DomainRow(domain, nothing, Durations.of({}))) for domain, n in sorted(flows.items())]
    return rows + unused


def worst_covered(rows: list[Coverage]) -> Coverage | None:
    """The domain with the smallest guided share among those whose share says something; None where none does.

    Of equals it is the one with more sessions: the first.
    """
    telling = [row for row in rows if row.sessions.guided.is_enough]
    return min(telling, key=lambda row: row.sessions.guided.share or 0.0, default=None)
