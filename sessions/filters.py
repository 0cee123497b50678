"""Filters of sessions, the same for the API and the pages."""

import django_filters
from django.db.models import QuerySet

from flowpilot.common.filters import TimeFilter
from sessions.models import AISession, IngestJob, Tier, tier_q


class SessionFilter(django_filters.FilterSet):
    started_after = TimeFilter(field_name="started_at", lookup_expr="gte")
    started_before = TimeFilter(field_name="started_at", lookup_expr="lt")
    client = django_filters.CharFilter(field_name="client__name")
    team = django_filters.CharFilter(field_name="team__name")
    technician = django_filters.CharFilter(field_name="technician_email", lookup_expr="iexact")
    flow = django_filters.CharFilter(field_name="flow__key")
    tier = django_filters.ChoiceFilter(choices=Tier.choices, method="filter_tier")

    class Meta:
        model = AISession
        fields = ["status", "problem_domain", "external_id", "psa_ticket_id"]

    def filter_tier(self, queryset: QuerySet[AISession], name: str, value: str) -> QuerySet[AISession]:
        return queryset.filter(tier_q(value))


class IngestJobFilter(django_filters.FilterSet):
    class Meta:
        model = IngestJob
        fields = ["state"]
