"""Filters of proposals, the same for the API and the pages."""

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field

from flowpilot.common.filters import TimeFilter
from flowpilot.common.parameters import NUMBER, WholeNumberFilter
from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
from proposals.queue import Tab, tab_q
from proposals.search import search_filter
from sessions.models import Tier, tier_q

MOST_DAYS = 10_000


def _own_flows(request: HttpRequest | None) -> QuerySet[Flow]:
    """Another account's flow is as unknown as one that does not exist; a schema is made without a request."""
    return Flow.objects.for_user(request.user) if request else Flow.objects.none()


@extend_schema_field({"type": "number", "minimum": 0, "maximum": MOST_DAYS})
class DaysFilter(django_filters.NumberFilter):
    """Days, whole or not."""


@extend_schema_field(NUMBER)
class OwnFlowFilter(django_filters.ModelChoiceFilter):
    """A flow of the account, by its id."""


class FlowProposalFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(
        method="filter_search",
        label="Search",
        help_text="Words of the title, the texts and the evidence by their beginnings; a session's id; #number.",
    )
    tab = django_filters.ChoiceFilter(
        choices=Tab.choices,
        method="filter_tab",
        label="Tab of the queue",
        help_text="Pending; mine: pending and claimed by me; parked: dismissed; decided: approved, modified, rejected.",
    )
    proposal_type = django_filters.ChoiceFilter(choices=FlowProposal.Type.choices, empty_label="Any", label="Type")
    tier = django_filters.ChoiceFilter(
        choices=Tier.choices, method="filter_tier", empty_label="Any", label="Confidence"
    )
    team = django_filters.CharFilter(field_name="team__name", label="Team")
    account = django_filters.CharFilter(field_name="account__slug", label="Account")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte", label="Created after")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt", label="Created before")
    waiting_days = DaysFilter(method="filter_waiting", min_value=0, max_value=MOST_DAYS, label="Waiting (days or more)")
    min_sessions = WholeNumberFilter(
        field_name="supporting_session_count", lookup_expr="gte", label="Sessions (at least)"
    )
    target_flow = OwnFlowFilter(queryset=_own_flows, label="Changes the flow")

    class Meta:
        model = FlowProposal
        fields = ["status", "problem_domain"]

    @property
    def _user(self) -> Any:
        return self.request.user if self.request else None

    def filter_tab(self, queryset: QuerySet[FlowProposal], name: str, value: str) -> QuerySet[FlowProposal]:
        return queryset.filter(tab_q(value, self._user))

    def filter_tier(self, queryset: QuerySet[FlowProposal], name: str, value: str) -> QuerySet[FlowProposal]:
        return queryset.filter(tier_q(value))

    def filter_waiting(self, queryset: QuerySet[FlowProposal], name: str, value: Any) -> QuerySet[FlowProposal]:
        return queryset.filter(Q(created_at__lte=timezone.now() - timedelta(days=float(value))))

    def filter_search(self, queryset: QuerySet[FlowProposal], name: str, value: str) -> QuerySet[FlowProposal]:
        return queryset.filter(search_filter(value, self._user))
