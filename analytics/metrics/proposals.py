"""Which proposals a scope is about."""

from django.db.models import Count, Q, QuerySet

from analytics.scope import NO_DOMAIN, Scope
from proposals.models import FlowProposal, ProposalEvidence
from sessions.models import AISession


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
        theirs = scope.narrowed(team=None, domain="", flow=None).session_q("session__")
        evidence = ProposalEvidence.objects.filter(theirs)
        if not scope.technician:
            # An index has the sessions of a client, and one the evidence, in the same order.
            return proposals.filter(pk__in=evidence.values("proposal"))
        grants = scope.user.tenant_grants(proposals.permission("view"))
        if grants is not None:
            # Says nothing that the proposals do not, but an index of their sessions begins with it.
            evidence = evidence.filter(session__account__in={account_id for account_id, _ in grants})
        # There is an index of the ended ones, and one of those that were opened again.
        ended = evidence.filter(session__status__in=AISession.ENDED)
        reopened = evidence.filter(session__status__in=AISession.OPEN)
        proposals = proposals.filter(Q(pk__in=ended.values("proposal")) | Q(pk__in=reopened.values("proposal")))
    return proposals


def proposals_by_status(scope: Scope) -> dict[str, int]:
    """Proposals as they stand now, by status; every status is there."""
    found = dict(scoped_proposals(scope).order_by().values_list("status").annotate(Count("pk")))
    return {status: found.get(status, 0) for status in FlowProposal.Status.values}
