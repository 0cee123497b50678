"""Rows into the API's answers, many at a time.

REST framework makes a serializer's fields anew for each request and asks each of them in several steps for each row.
What a field reads depends on the serializer's class alone: `RowSerializer` works it out once, and answers the same as
a ModelSerializer at a multiple of its speed.
"""

import functools
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.relations import PKOnlyObject, PrimaryKeyRelatedField

Reader = Callable[[Any], Any]
# Their values stand in JSON as they are.
_PLAIN = (
    serializers.BooleanField, serializers.CharField, serializers.ChoiceField, serializers.FloatField,
    serializers.IntegerField, serializers.JSONField,
)  # fmt: skip


# No docstring: the API's schema would tell it of every serializer that has none of its own.
class RowSerializer(serializers.ModelSerializer):
    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {name: read(instance) for name, read in self._readers}

    @functools.cached_property
    def _readers(self) -> list[tuple[str, Reader]]:
        every = _readers_of(type(self))
        # Fields that nobody has touched are all of them.
        return [one for one in every if one[0] in self.fields] if "fields" in self.__dict__ else every


@functools.cache
def _readers_of(serializer_class: type[RowSerializer]) -> list[tuple[str, Reader]]:
    fields = serializer_class().fields.items()
    return [(str(name), _reader(field)) for name, field in fields if not field.write_only]


def _reader(field: Any) -> Reader:
    """What gives a field's value of a row."""
    if type(field) is PrimaryKeyRelatedField and field.pk_field is None and len(field.source_attrs) == 1:
        return attrgetter(f"{field.source}_id")
    if type(field) is serializers.DateTimeField and not hasattr(field, "format"):
        return _optional(field, _time)
    if isinstance(field, _PLAIN) and type(field).to_representation in {kind.to_representation for kind in _PLAIN}:
        return _optional(field, None)

    def read(row: Any) -> Any:
        try:
            value = field.get_attribute(row)
        except SkipField:
            return None
        inner = value.pk if isinstance(value, PKOnlyObject) else value
        return None if inner is None else field.to_representation(value)

    return read


def _optional(field: Any, convert: Reader | None) -> Reader:
    """The value at the field's source; where the way there ends early, the field's default."""
    get = attrgetter(".".join(field.source_attrs))
    default = None if field.default is serializers.empty else field.default

    def read(row: Any) -> Any:
        try:
            value = get(row)
        except AttributeError:
            return default
        return convert(value) if convert is not None and value is not None else value

    return read if convert is not None or len(field.source_attrs) > 1 else get


def _time(value: datetime) -> str:
    return value.astimezone(timezone.get_current_timezone()).isoformat().replace("+00:00", "Z")
