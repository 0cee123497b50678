"""Pages of the API's lists."""

from typing import Any

from rest_framework.pagination import CursorPagination


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

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        """The queryset's order, made total by the id."""
        ordering = tuple(str(name) for name in queryset.query.order_by) or tuple(queryset.model._meta.ordering)
        return ordering if ordering[-1].lstrip("-") in ("id", "pk") else (*ordering, "-id")
