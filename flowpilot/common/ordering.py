"""`?ordering=` of the API's lists."""

from typing import Any

from rest_framework.filters import OrderingFilter

from flowpilot.common.errors import InvalidInput


class Ordering(OrderingFilter):
    """By one of the view's `ordering_fields`, `-` before it for the greatest first; another name is refused."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Any) -> list[str]:
        known = set(getattr(view, "ordering_fields", ()))
        if unknown := [name for name in fields if name.lstrip("-") not in known]:
            offered = ", ".join(sorted(known)) or "none"
            raise InvalidInput(
                "This list cannot be ordered so.",
                details={"ordering": [f"“{name[:40]}” is not one of: {offered}." for name in unknown]},
            )
        return list(fields)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = [sign + name for name in getattr(view, "ordering_fields", ()) for sign in ("", "-")]
        if not names:
            return []
        return [
            {
                "name": self.ordering_param,
                "in": "query",
                "required": False,
                "description": "Of several the first counts most; `-` is the greatest first.",
                "style": "form",
                "explode": False,
                "schema": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": names}},
            }
        ]
