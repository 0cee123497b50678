"""Which proposals a scope is about."""

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from analytics.scope import NO_DOMAIN, Scope
from proposals.models import FlowProposal, ProposalEvidence


def scoped_proposals(scope: Scope) -> QuerySet[FlowProposal]:
    """Proposals of what the scope is narrowed to, without a period: a queue is as it stands now.

    Of a client or a technician are those with a session of theirs among the evidence; of a flow those that change or
    made it.
    """
    proposals = FlowProposal.objects.for_user(scope.user)
    if scope.team:
        proposals = proposals.filter(team=scope.team)
    if scope.domain:
        proposals = proposals.filter(problem_domain="" if scope.domain == NO_DOMAIN else scope.domain)
    if scope.flow:
        proposals = proposals.filter(Q(target_flow=scope.flow) | Q(published_flow=scope.flow))
    if scope.client or scope.technician:
        whose = {"session__client": scope.client, "session__technician_email": scope.technician}
        evidence = ProposalEvidence.objects.filter(**{name: value for name, value in whose.items() if value})
        proposals = proposals.filter(Exists(evidence.filter(proposal=OuterRef("pk"))))
    return proposals


def proposals_by_status(scope: Scope) -> dict[str, int]:
    """Proposals as they stand now, by status; every status is there."""
    found = dict(scoped_proposals(scope).order_by().values_list("status").annotate(Count("pk")))
    return {status: found.get(status, 0) for status in FlowProposal.Status.values}
