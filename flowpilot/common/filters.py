"""Filters of the audit log."""

import django_filters
from django.db.models import Q, QuerySet

from flowpilot.common.models import AuditEvent

# What the log is searched in, by the page and over the API.
SEARCHED = ("actor_label", "action", "object_type", "object_label", "reason")


class AuditEventFilter(django_filters.FilterSet):
    account = django_filters.CharFilter(field_name="account__slug", label="Account")
    actor = django_filters.CharFilter(
        field_name="actor__email", lookup_expr="iexact", label="Who did it, by email; FlowPilot itself has none"
    )
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    search = django_filters.CharFilter(method="filter_search", label=f"Words of: {', '.join(SEARCHED)}")

    class Meta:
        model = AuditEvent
        fields = ["action", "object_type", "object_id"]

    def filter_search(self, queryset: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        for word in value.split():
            found = Q()
            for column in SEARCHED:
                found |= Q(**{f"{column}__icontains": word})
            queryset = queryset.filter(found)
        return queryset
