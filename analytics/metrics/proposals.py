"""Metrics of the review queue."""

from django.db.models import Count, QuerySet

from analytics.scope import NO_DOMAIN, Scope
from proposals.models import FlowProposal


def scoped_proposals(scope: Scope) -> QuerySet[FlowProposal]:
    """Proposals of the scope's team and domain, without a period: a queue is as it stands now."""
    proposals = FlowProposal.objects.for_user(scope.user)
    if scope.team:
        proposals = proposals.filter(team=scope.team)
    if scope.domain:
        proposals = proposals.filter(problem_domain="" if scope.domain == NO_DOMAIN else scope.domain)
    return proposals


def proposals_by_status(scope: Scope) -> dict[str, int]:
    """Proposals as they stand now, by status; every status is there."""
    found = dict(scoped_proposals(scope).order_by().values_list("status").annotate(Count("pk")))
    return {status: found.get(status, 0) for status in FlowProposal.Status.values}
