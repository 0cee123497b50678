"""Filters of the list of flows: what they offer is the viewer's own."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from flowpilot.flows.models import Flow, overdue_q

SOON = timedelta(days=30)


class StatusFilter(admin.SimpleListFilter):
    """Published flows first: an archived one guides nobody."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*Flow.Status.choices, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or Flow.Status.PUBLISHED) == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value() or Flow.Status.PUBLISHED
        return queryset.filter(status=value) if value in Flow.Status.values else queryset


class ReviewFilter(admin.SimpleListFilter):
    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", "Overdue"), ("soon", "Due within 30 days"), ("none", "No date set")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "overdue":
            return queryset.filter(overdue_q())
        if self.value() == "soon":
            today = timezone.localdate()
            return queryset.filter(review_by__gte=today, review_by__lte=today + SOON)
        return queryset.filter(review_by=None) if self.value() == "none" else queryset


class OwnerFilter(admin.SimpleListFilter):
    """Those who own a flow that the viewer sees, and nobody else of the account."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        owned: Any = Flow.objects.for_user(request.user).filter(owner__isnull=False).order_by("owner__email")
        rows = owned.values_list("owner", "owner__full_name", "owner__email").distinct()
        return [*((str(pk), name or email) for pk, name, email in rows[:100]), ("none", "Nobody")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value == "none":
            return queryset.filter(owner=None)
        if not value:
            return queryset
        return queryset.filter(owner=int(value)) if value.isdecimal() and len(value) < 18 else queryset.none()


class DomainFilter(admin.SimpleListFilter):
    title = "domain"
    parameter_name = "problem_domain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        flows: Any = Flow.objects.for_user(request.user).exclude(problem_domain="")
        names = flows.order_by("problem_domain").values_list("problem_domain", flat=True).distinct()
        return [(name, name) for name in names[:100]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        # PostgreSQL refuses to compare with a NUL, which an address can carry.
        return queryset.filter(problem_domain=value.replace("\0", "?")) if value else queryset
