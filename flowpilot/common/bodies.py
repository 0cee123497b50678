"""Bodies of writes. A value has the type that the API's description says, and is not read as another one."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

# As JSON has them: 2.0 is a whole number, and true is none.
_KINDS: tuple[tuple[type[serializers.Field], Any, str], ...] = (
    (serializers.BooleanField, lambda value: isinstance(value, bool), "Must be true or false."),
    (serializers.CharField, lambda value: isinstance(value, str), "Must be a text."),
    (serializers.IntegerField, lambda value: _is_whole(value), "Must be a whole number."),
)


# No docstring: the API's schema would tell it of every serializer that has none of its own.
class BodySerializer(serializers.Serializer):
    # REST framework's fields take 5 for "5", and "off", 0 or "n" for false.
    def to_internal_value(self, data: Any) -> Any:
        wrong = self._wrong(data) if isinstance(data, Mapping) else {}
        try:
            said = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **wrong}) from error
            raise
        if wrong:
            raise serializers.ValidationError(wrong)
        return said

    def _wrong(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        """What is of another type, by field."""
        found = {}
        for name, field in self.fields.items():
            for kind, is_one, fault in _KINDS:
                if isinstance(field, kind) and data.get(name) is not None and not is_one(data[name]):
                    found[str(name)] = [fault]
        return found


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
