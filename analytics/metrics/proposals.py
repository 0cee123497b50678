"""Which proposals a scope is about."""

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from analytics.scope import NO_DOMAIN, Scope
from proposals.models import FlowProposal, ProposalEvidence
from sessions.models import AISession


def scoped_proposals(scope: Scope) -> QuerySet[FlowProposal]:
    """Proposals of what the scope is narrowed to, without a period: a queue is as it stands now.

    Of a client or a technician are those with an ended session of theirs among the evidence; of a flow those that
    change or made it.
    """
    proposals = FlowProposal.objects.for_user(scope.user)
    if scope.team:
        proposals = proposals.filter(team=scope.team)
    if scope.domain:
        proposals = proposals.filter(problem_domain="" if scope.domain == NO_DOMAIN else scope.domain)
    if scope.flow:
        proposals = proposals.filter(Q(target_flow=scope.flow) | Q(published_flow=scope.flow))
    if scope.client or scope.technician:
        theirs = scope.narrowed(team=None, domain="", flow=None).session_q("session__")
        # The account, and that it ended, which evidence has: so there is an index to find their sessions by.
        evidence = ProposalEvidence.objects.filter(
            theirs, session__account=OuterRef("account"), session__status__in=AISession.ENDED
        )
        proposals = proposals.filter(Exists(evidence.filter(account=OuterRef("account"), proposal=OuterRef("pk"))))
    return proposals


def proposals_by_status(scope: Scope) -> dict[str, int]:
    """Proposals as they stand now, by status; every status is there."""
    found = dict(scoped_proposals(scope).order_by().values_list("status").annotate(Count("pk")))
    return {status: found.get(status, 0) for status in FlowProposal.Status.values}
