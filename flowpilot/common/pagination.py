"""Pages of the API's lists."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.pagination import CursorPagination

from flowpilot.common.errors import InvalidInput


class Pagination(CursorPagination):
    """From one page to the next by a cursor: the thousandth costs what the first does, and what comes in meanwhile
    shifts nothing. The order is the view's own, or one of its `ordering_fields` by `?ordering=`."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    # Rows that tie in the first of the order are counted off from there, however many they are: a cutoff would repeat
    # rows without a word.
    offset_cutoff: Any = None
    invalid_cursor_message = "There is no such page."

    def get_page_size(self, request: Any) -> int:
        """Raises InvalidInput: a size that is none would be taken for the usual one without a word."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdecimal() and len(asked) < 10 and 0 < int(asked) <= self.max_page_size):
            raise InvalidInput(
                "This is no size of a page.",
                details={
                    self.page_size_query_param: [f"“{asked[:40]}” is not a number from 1 to {self.max_page_size}."]
                },
            )
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in found:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return found

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        """The queryset's order, made total by the id."""
        ordering = tuple(str(name) for name in queryset.query.order_by) or tuple(queryset.model._meta.ordering)
        return ordering if ordering[-1].lstrip("-") in ("id", "pk") else (*ordering, "-id")


# Of a list with something beside its rows, whose view asks the paginator itself (see `TenantViewSet.page_of`).
PAGE_PARAMETERS = [
    OpenApiParameter(Pagination.cursor_query_param, str, description="The page, as `next` or `previous` names it."),
    OpenApiParameter(
        Pagination.page_size_query_param,
        {"type": "integer", "minimum": 1, "maximum": Pagination.max_page_size, "default": Pagination.page_size},
        description="Number of results to return per page.",
    ),
]


class PageSerializer(serializers.Serializer):
    """What a page of such a list has beside its `results`."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
