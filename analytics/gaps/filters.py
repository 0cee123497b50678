"""Filters of gaps, the same for the API and the list page."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from analytics.gaps.models import KnowledgeGap
from analytics.gaps.sessionlist import MOST_DIGITS
from analytics.scope import NO_DOMAIN
from flowpilot.common.parameters import WholeNumberFilter

UNSETTLED = "unsettled"
UNRATED = "unrated"
STATES = [(UNSETTLED, "To work on"), *KnowledgeGap.State.choices]


class KnowledgeGapFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=STATES, method="filter_state", help_text="`unsettled`: to work on.")
    kind = django_filters.ChoiceFilter(choices=KnowledgeGap.Kind.choices)
    # No choice: a severity that this version does not know narrows the list to the unrated, and is no error.
    severity = django_filters.CharFilter(method="filter_severity", help_text="high, medium, low or unrated")
    owner = django_filters.CharFilter(method="filter_owner", help_text="An address, `me` or `nobody`.")
    # As a dashboard's scope names them, so that its address narrows the gaps, too.
    domain = django_filters.CharFilter(method="filter_domain", help_text=f"`{NO_DOMAIN}`: without one.")
    flow = WholeNumberFilter(field_name="flow_id")
    client = WholeNumberFilter(field_name="client_id")
    team = django_filters.CharFilter(method="filter_team", help_text="Its name or its id.")

    class Meta:
        model = KnowledgeGap
        fields: list[str] = []

    def filter_state(self, queryset: Any, name: str, value: str) -> QuerySet[KnowledgeGap]:
        found: QuerySet[KnowledgeGap] = queryset.to_work_on() if value == UNSETTLED else queryset.filter(state=value)
        return found

    def filter_severity(self, queryset: QuerySet[KnowledgeGap], name: str, value: str) -> QuerySet[KnowledgeGap]:
        if value in KnowledgeGap.SEVERITIES:
            return queryset.filter(severity=value)
        return queryset.exclude(severity__in=KnowledgeGap.SEVERITIES)

    def filter_domain(self, queryset: QuerySet[KnowledgeGap], name: str, value: str) -> QuerySet[KnowledgeGap]:
        return queryset.filter(problem_domain="" if value == NO_DOMAIN else value)

    def filter_team(self, queryset: QuerySet[KnowledgeGap], name: str, value: str) -> QuerySet[KnowledgeGap]:
        is_id = value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS
        return queryset.filter(Q(team__name=value) | (Q(team=int(value)) if is_id else Q()))

    def filter_owner(self, queryset: QuerySet[KnowledgeGap], name: str, value: str) -> QuerySet[KnowledgeGap]:
        if value == "nobody":
            return queryset.filter(owner=None)
        if value == "me":
            user = getattr(self.request, "user", None)
            return queryset.filter(owner=user) if user is not None and user.is_authenticated else queryset.none()
        return queryset.filter(owner__email=value.lower())
