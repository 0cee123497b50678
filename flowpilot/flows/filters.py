"""Filters of flows over the API; the list page offers the same and the viewer's own choices."""

from typing import Any

import django_filters

from flowpilot.common.parameters import TrueFalseFilter
from flowpilot.flows.models import Flow, overdue_q


class FlowFilter(django_filters.FilterSet):
    owner = django_filters.CharFilter(field_name="owner__email", lookup_expr="iexact", label="The owner, by email")
    overdue = TrueFalseFilter(method="filter_overdue", label="Review overdue")

    class Meta:
        model = Flow
        fields = ["key", "status", "problem_domain"]

    def filter_overdue(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(overdue_q()) if value else queryset.exclude(overdue_q())
