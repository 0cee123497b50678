"""Metrics of hand-overs over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.base import ERRORS, SCOPE_PARAMETERS, MetricsView, PeriodSerializer, WaitsSerializer, durations
from analytics.metrics.handovers import handovers
from analytics.scope import Scope


class HandoversSerializer(serializers.Serializer):
    period = PeriodSerializer()
    given = serializers.IntegerField()
    given_to_claimed = WaitsSerializer()
    claimed_to_first_step = WaitsSerializer()
    waiting = serializers.IntegerField(help_text="As they stand now, without a period.")
    oldest_waiting_since = serializers.DateTimeField(allow_null=True)


class HandoversView(MetricsView):
    """Hand-overs: how long those of the period waited, and which wait now."""

    serializer_class = HandoversSerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: HandoversSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        found = handovers(scope)
        return {
            "given": found.given,
            "given_to_claimed": durations(found.claim),
            "claimed_to_first_step": durations(found.first_step),
            "waiting": found.waiting,
            "oldest_waiting_since": found.oldest,
        }
