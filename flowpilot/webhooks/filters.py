"""Filters of endpoints and deliveries."""

from typing import ClassVar

import django_filters
from django.db.models import QuerySet

from flowpilot.common.filters import TimeFilter
from flowpilot.common.parameters import TrueFalseFilter, WholeNumberFilter
from flowpilot.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint


class WebhookEndpointFilter(django_filters.FilterSet):
    account = django_filters.CharFilter(field_name="account__slug", label="Account")
    event_type = django_filters.ChoiceFilter(
        choices=EventType.choices, method="filter_event", label="An event that it asks for"
    )
    is_active = TrueFalseFilter()

    class Meta:
        model = WebhookEndpoint
        fields: ClassVar[list[str]] = []

    def filter_event(self, queryset: QuerySet[WebhookEndpoint], name: str, value: str) -> QuerySet[WebhookEndpoint]:
        return queryset.filter(event_types__contains=[value])


class WebhookDeliveryFilter(django_filters.FilterSet):
    account = django_filters.CharFilter(field_name="account__slug", label="Account")
    endpoint = WholeNumberFilter(field_name="endpoint_id", label="The endpoint, by id")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = WebhookDelivery
        fields = ["state", "event_type", "event_id"]
