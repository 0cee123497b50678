"""Metrics of ticketing systems over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.base import (
    ERRORS,
    SCOPE_PARAMETERS,
    STEP_PARAMETER,
    MetricsView,
    PeriodSerializer,
    RateSerializer,
    WaitsSerializer,
    durations,
    rate,
    step_of,
)
from analytics.metrics import psa
from analytics.scope import Scope
from sessions.models import PsaConnection, PsaPush


class OutcomeCountsSerializer(serializers.Serializer):
    first_try = serializers.IntegerField()
    eventual = serializers.IntegerField()
    exhausted = serializers.IntegerField()
    pending = serializers.IntegerField()
    unknown = serializers.IntegerField()


class OutcomeRatesSerializer(serializers.Serializer):
    """Each push counts once, in one of the five; `n` is all of them."""

    first_try = RateSerializer()
    eventual = RateSerializer(help_text="Written after at least one try that failed.")
    exhausted = RateSerializer()
    pending = RateSerializer()
    unknown = RateSerializer()


class LatencySerializer(serializers.Serializer):
    """From created to settled. What is pending is not settled."""

    written = WaitsSerializer()
    first_try = WaitsSerializer()
    eventual = WaitsSerializer()
    exhausted = WaitsSerializer()
    unknown = WaitsSerializer()


class AttemptsSerializer(serializers.Serializer):
    attempts = serializers.IntegerField()
    pushes = OutcomeCountsSerializer()


class SystemSerializer(serializers.Serializer):
    system = serializers.ChoiceField(PsaConnection.Kind.choices)
    kind = serializers.ChoiceField(PsaPush.Kind.choices)
    pushes = serializers.IntegerField()
    rates = OutcomeRatesSerializer()


class PushPointSerializer(serializers.Serializer):
    first = serializers.DateField(help_text="The day, or the Monday of the week.")
    pushes = OutcomeCountsSerializer()


class PsaSerializer(serializers.Serializer):
    period = PeriodSerializer()
    pushes = serializers.IntegerField(help_text="Created in the period; tries are never counted as pushes.")
    rates = OutcomeRatesSerializer()
    latency = LatencySerializer()
    time_entries = serializers.IntegerField(help_text="Those that were written.")
    hours_tracked = serializers.FloatField()
    attempts = AttemptsSerializer(many=True)
    systems = SystemSerializer(many=True)
    step = serializers.ChoiceField(["day", "week"])
    points = PushPointSerializer(many=True)


class PsaView(MetricsView):
    """What ticketing systems were told: each note, time entry and status once, however often it had to be tried."""

    serializer_class = PsaSerializer

    @extend_schema(parameters=[*SCOPE_PARAMETERS, STEP_PARAMETER], responses={200: PsaSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        step = step_of(request)
        found, details = psa.summary(scope), psa.details(scope)
        waited = {"written": found.latency.written, **found.latency.by_outcome}
        return {
            "pushes": found.created,
            "rates": {name: rate(found.rate(name)) for name in found.outcomes},
            "latency": {name: durations(value) for name, value in waited.items()},
            "time_entries": found.time_entries,
            "hours_tracked": found.hours_tracked,
            "attempts": [{"attempts": tries, "pushes": counts} for tries, counts in details.attempts.items()],
            "systems": [
                {
                    "system": row.system,
                    "kind": row.kind,
                    "pushes": row.created,
                    "rates": {name: rate(row.rate(name)) for name in row.outcomes},
                }
                for row in details.systems
            ],
            "step": step,
            "points": [{"first": point.first, "pushes": point.counts} for point in details.periods(step)],
        }
