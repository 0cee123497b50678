"""Filters of the review queue."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from proposals.models import FlowProposal

AGES = {"1": "Waiting a day or more", "2": "Waiting 2 days or more", "7": "Waiting a week or more"}


class PendingFirstFilter(admin.SimpleListFilter):
    """Status, with pending as what one sees first: the queue is what awaits a decision."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*FlowProposal.Status.choices, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or FlowProposal.Status.PENDING) == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value() or FlowProposal.Status.PENDING
        return queryset.filter(status=value) if value in FlowProposal.Status.values else queryset


class AgeFilter(admin.SimpleListFilter):
    title = "age"
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(AGES.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value not in AGES:
            return queryset
        return queryset.filter(created_at__lte=timezone.now() - timedelta(days=int(value)))
