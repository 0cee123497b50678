"""What every metrics endpoint shares: the scope's parameters, the permission, and how figures are told."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.metrics.counting import Durations
from analytics.metrics.sessions import Step
from analytics.scope import DEFAULT_PERIOD, PERIODS, Scope
from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import ApiMixin, ProblemSerializer
from flowpilot.common.errors import InvalidInput
from flowpilot.common.parameters import NUMBER
from flowpilot.common.statistics import Rate
from sessions.records import YEARS

_YEARS = f"in {YEARS[0]} to {YEARS[-1]}"
SCOPE_PARAMETERS = [
    OpenApiParameter("days", int, enum=PERIODS, description=f"The last so many days (default {DEFAULT_PERIOD})."),
    OpenApiParameter("first", OpenApiTypes.DATE, description=f"First day of the period, with `last`; {_YEARS}."),
    OpenApiParameter("last", OpenApiTypes.DATE, description=f"Last day of the period; {_YEARS}."),
    OpenApiParameter("team", NUMBER),
    OpenApiParameter("domain", str, description="`-` is the sessions without a domain."),
    OpenApiParameter("client", NUMBER),
    OpenApiParameter("technician", str, description="Email address."),
    OpenApiParameter("flow", NUMBER),
    OpenApiParameter("zone", str, description="Time zone, such as Europe/Berlin (default: the account's)."),
]


ERRORS = {400: ProblemSerializer, 403: ProblemSerializer}
STEP_PARAMETER = OpenApiParameter("step", str, enum=["day", "week"], description="Default: week.")


class RateSerializer(serializers.Serializer):
    """A share with what it rests on."""

    count = serializers.IntegerField()
    n = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="Lower end of the 95 % Wilson interval.")
    high = serializers.FloatField(allow_null=True)


class DurationsSerializer(serializers.Serializer):
    """Times to resolve, in whole minutes, told in seconds."""

    n = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True)
    p90_seconds = serializers.FloatField(allow_null=True)


class WaitsSerializer(DurationsSerializer):
    """Lengths of time in whole seconds, begun ones included."""


class DifferenceSerializer(serializers.Serializer):
    """One rate minus another, as shares."""

    share = serializers.FloatField()
    low = serializers.FloatField(help_text="Lower end of the 95 % interval (Newcombe).")
    high = serializers.FloatField()


class _OldTimeField(serializers.DateTimeField):
    """RFC 3339 has offsets of whole minutes only; Liberia was 44 minutes and 30 seconds behind until 1972."""

    def enforce_timezone(self, value: datetime) -> datetime:
        told: datetime = super().enforce_timezone(value)
        return told.astimezone(UTC) if (told.utcoffset() or timedelta()) % timedelta(minutes=1) else told


class PeriodSerializer(serializers.Serializer):
    """The period that was counted, as far as it has gone."""

    start = _OldTimeField()
    end = _OldTimeField()
    zone = serializers.CharField()


class MetricsView(ApiMixin):
    """An endpoint of figures: `figures` gives what its serializer tells beside the period."""

    required_permission = "analytics.view_metrics"
    scopes: ClassVar = {"GET": KeyScope.METRICS_READ}
    serializer_class: ClassVar[type[serializers.Serializer]]

    def get(self, request: Request) -> Response:
        scope = Scope.from_query(request.user, request.query_params)
        with timezone.override(scope.zone):
            figures = {"period": period(scope), **self.figures(scope, request)}
            return Response(self.serializer_class(figures).data)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        raise NotImplementedError


def step_of(request: Request) -> Step:
    """The `step` parameter. Raises InvalidInput."""
    step = request.query_params.get("step") or "week"
    if step not in ("day", "week"):
        raise InvalidInput("A step is a day or a week.", details={"step": [f"“{step}” is neither."]})
    return step  # type: ignore[return-value]


def period(scope: Scope) -> dict[str, Any]:
    return {"start": scope.start, "end": scope.end, "zone": scope.zone}


def rate(value: Rate) -> dict[str, Any]:
    low, high = value.interval or (None, None)
    return {"count": value.count, "n": value.n, "share": value.share, "low": low, "high": high}


def durations(value: Durations) -> dict[str, Any]:
    return {"n": value.n, "median_seconds": seconds(value.median), "p90_seconds": seconds(value.p90)}


def seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()
