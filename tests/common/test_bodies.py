"""Bodies of writes: what has another type than the API's description says is refused, and all of it at once."""

from typing import Any

import pytest
from rest_framework import serializers

from flowpilot.common.bodies import BodySerializer


class Body(BodySerializer):
    words = serializers.CharField()
    count = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    on = serializers.BooleanField(required=False)
    email = serializers.EmailField(required=False)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"words": "yes", "count": 2, "on": False}, []),
        ({"words": "yes", "count": 2.0}, []),
        ({"words": "yes", "count": None}, []),
        ({"words": 5}, ["words"]),
        ({"words": "yes", "count": "2"}, ["count"]),
        ({"words": "yes", "count": True}, ["count"]),
        ({"words": "yes", "count": 2.5}, ["count"]),
        ({"words": "yes", "on": 1}, ["on"]),
        ({"words": "yes", "on": "off"}, ["on"]),
        ({"words": "yes", "email": 5}, ["email"]),
        ({"count": True, "on": "n"}, ["count", "on", "words"]),
        ({"words": 5, "count": 0}, ["count", "words"]),
        ([], ["non_field_errors"]),
    ],
)
def test_a_value_is_not_read_as_another_type(said: Any, wrong: list[str]) -> None:
    serializer = Body(data=said)
    serializer.is_valid()
    assert sorted(serializer.errors) == wrong
