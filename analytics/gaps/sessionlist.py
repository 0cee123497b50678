"""The admin's list of sessions, narrowed to those behind a gap: `?gap=12`, and `&gap_bad=1` for the bad ones."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from analytics.gaps.models import KnowledgeGap

# PostgreSQL's largest bigint has 19 digits: a longer number is no row's.
MOST_DIGITS = 18


class GapFilter(admin.SimpleListFilter):
    title = "knowledge gap"
    parameter_name = "gap"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        bad = params.pop("gap_bad", [])
        self.bad_only = "1" in bad
        super().__init__(request, params, model, model_admin)
        if bad:
            self.used_parameters["gap_bad"] = bad[-1]
        self.gap = self._gap(request)

    def _gap(self, request: HttpRequest) -> KnowledgeGap | None:
        value = self.value() or ""
        if not (value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS):
            return None
        return KnowledgeGap.objects.for_user(request.user).light().filter(pk=int(value)).first()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []  # a gap is chosen on its own page

    def has_output(self) -> bool:
        return self.value() is not None

    def expected_parameters(self) -> list[str | None]:
        return ["gap", "gap_bad"]

    def choices(self, changelist: Any) -> Any:
        without = changelist.get_query_string(remove=["gap", "gap_bad"])
        yield {"selected": False, "query_string": without, "display": "All sessions"}
        here = changelist.get_query_string()
        yield {"selected": True, "query_string": here, "display": self.gap.title if self.gap else "No such gap"}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        if self.gap is None:
            return queryset.none()
        return queryset.filter(pk__in=self.gap.sessions(bad_only=self.bad_only).values("pk"))
