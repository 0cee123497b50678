"""What filters share, and those of the audit log."""

from datetime import UTC
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from flowpilot.common.models import AuditEvent
from flowpilot.common.parameters import WholeNumberFilter


class _TimeField(django_filters.fields.IsoDateTimeField):
    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        try:
            return found and found.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class TimeFilter(django_filters.IsoDateTimeFilter):
    """A moment in ISO 8601. It is compared in UTC: PostgreSQL reads no zone beyond 16 hours, which ISO 8601 allows."""

    field_class = _TimeField


# What the log is searched in, by the page and over the API.
SEARCHED = ("actor_label", "action", "object_type", "object_label", "reason")


class AuditEventFilter(django_filters.FilterSet):
    account = django_filters.CharFilter(field_name="account__slug", label="Account")
    actor = django_filters.CharFilter(
        field_name="actor__email", lookup_expr="iexact", label="Who did it, by email; FlowPilot itself has none"
    )
    object_id = WholeNumberFilter(label="What it was done to, by id")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")
    search = django_filters.CharFilter(method="filter_search", label=f"Words of: {', '.join(SEARCHED)}")

    class Meta:
        model = AuditEvent
        fields = ["action", "object_type"]

    def filter_search(self, queryset: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        for word in value.split():
            found = Q()
            for column in SEARCHED:
                found |= Q(**{f"{column}__icontains": word})
            queryset = queryset.filter(found)
        return queryset
