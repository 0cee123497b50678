"""Parameters of queries. What is no value of a parameter's kind is refused, never left out without a word."""

from collections.abc import Collection, Mapping
from typing import Any

import django_filters
from django import forms
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework.settings import api_settings

from flowpilot.common.errors import InvalidQuery

# Ids, versions and counts: as far as JSON's readers count exactly (RFC 8259, 6).
MOST = 2**53 - 1
NUMBER = {"type": "integer", "minimum": 1, "maximum": MOST}


def require_values(query: Mapping[str, str]) -> None:
    """Raise InvalidQuery for a parameter that is empty: a program's variable that was not set would change what is
    asked for without a word."""
    if empty := [name for name in query if not query[name]]:
        raise InvalidQuery(
            "A parameter is empty.",
            details={name[:60]: "This is empty: give a value, or leave it out." for name in empty},
        )


def require_known(query: Mapping[str, str], known: Collection[str]) -> None:
    """Raise InvalidQuery for a parameter that nothing reads: a filter with a slip in its name would give all rows."""
    if unknown := [name for name in query if name not in known]:
        there = f"is none of: {', '.join(sorted(known))}" if known else "stands for nothing: there are none here"
        raise InvalidQuery(
            "There is no such parameter.", details={name[:60]: f"“{name[:40]}” {there}." for name in unknown}
        )


def parameters_of(view: Any) -> set[str]:
    """The names of the query's parameters that a request to this view may have: those that its description declares,
    and on lists those of the filters, the order and the pages."""
    action = getattr(view, "action", None) or view.request.method.lower()
    handler = getattr(view, action)
    described = getattr(handler, "kwargs", {}).get("schema") or type(view.schema)
    schema = described()
    schema.view, schema.method = view, view.request.method
    names = {
        one.name
        for one in schema.get_override_parameters()
        if isinstance(one, OpenApiParameter) and one.location == OpenApiParameter.QUERY and not one.exclude
    }
    if action in ("list", "retrieve") and hasattr(view, "get_serializer"):
        names.add("fields")
    if action == "list":
        names |= set(getattr(view.filterset_class, "base_filters", ()))
        names |= {view.paginator.cursor_query_param, view.paginator.page_size_query_param}
        names |= {api_settings.ORDERING_PARAM} if view.ordering_fields else set()
    return names


def whole_number(query: Mapping[str, str], name: str, *, least: int = 1) -> int | None:
    """The number of that parameter; None where it is not given. Raises InvalidQuery."""
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 17 and least <= int(text) <= MOST):
        raise InvalidQuery(
            f"The {name} is a whole number.", details={name: f"“{text[:40]}” is not a number from {least} on."}
        )
    return int(text)


@extend_schema_field(NUMBER)
class WholeNumberFilter(django_filters.Filter):  # type: ignore[misc]
    """A number from 1 on: an id or a count."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MOST, **kwargs)


@extend_schema_field(OpenApiTypes.BOOL)
class TrueFalseFilter(django_filters.TypedChoiceFilter):  # type: ignore[misc]
    """`true` or `false`. (Django's own takes any other word for no filter.)"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [("true", "Yes"), ("false", "No")]
        super().__init__(*args, choices=choices, coerce=lambda text: text == "true", **kwargs)
