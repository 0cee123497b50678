"""Parameters of queries. What is no value of a parameter's kind is refused, never left out without a word."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from flowpilot.common.errors import InvalidInput

# Ids, versions and counts: as far as JSON's readers count exactly (RFC 8259, 6).
MOST = 2**53 - 1
NUMBER = {"type": "integer", "minimum": 1, "maximum": MOST}


def require_values(query: Mapping[str, str]) -> None:
    """Raise InvalidInput for a parameter that is empty: a program's variable that was not set would change what is
    asked for without a word."""
    if empty := [name for name in query if not query[name]]:
        raise InvalidInput(
            "A parameter is empty.",
            details={name[:60]: "This is empty: give a value, or leave it out." for name in empty},
        )


def whole_number(query: Mapping[str, str], name: str, *, least: int = 1) -> int | None:
    """The number of that parameter; None where it is not given. Raises InvalidInput."""
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 17 and least <= int(text) <= MOST):
        raise InvalidInput(
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
