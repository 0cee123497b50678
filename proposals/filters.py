"""Filters of proposals, the same for the API and the pages."""

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
from sessions.models import Tier, tier_q


def _own_flows(request: HttpRequest | None) -> QuerySet[Flow]:
    """Another account's flow is as unknown as one that does not exist; a schema is made without a request."""
    return Flow.objects.for_user(request.user) if request else Flow.objects.none()


class FlowProposalFilter(django_filters.FilterSet):
    tier = django_filters.ChoiceFilter(choices=Tier.choices, method="filter_tier")
    team = django_filters.CharFilter(field_name="team__name")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    min_sessions = django_filters.NumberFilter(field_name="supporting_session_count", lookup_expr="gte")
    target_flow = django_filters.ModelChoiceFilter(queryset=_own_flows)
    search = django_filters.CharFilter(method="filter_search")

    class Meta:
        model = FlowProposal
        fields = ["status", "proposal_type", "problem_domain"]

    def filter_tier(self, queryset: QuerySet[FlowProposal], name: str, value: str) -> QuerySet[FlowProposal]:
        return queryset.filter(tier_q(value))

    def filter_search(self, queryset: QuerySet[FlowProposal], name: str, value: str) -> QuerySet[FlowProposal]:
        return queryset.filter(Q(title__icontains=value) | Q(description__icontains=value))
