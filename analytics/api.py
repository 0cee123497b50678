"""Metrics over the API: the pages' numbers, from the same functions."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import metrics
from analytics.scope import PERIODS, Scope
from flowpilot.common.api import ErrorSerializer
from flowpilot.common.statistics import Rate


class RateSerializer(serializers.Serializer):
    """A share with what it rests on."""

    count = serializers.IntegerField()
    n = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="Lower end of the 95 % Wilson interval.")
    high = serializers.FloatField(allow_null=True)


class TierRatesSerializer(serializers.Serializer):
    discovery = RateSerializer()
    exploring = RateSerializer()
    guided = RateSerializer()


class ProposalCountsSerializer(serializers.Serializer):
    pending = serializers.IntegerField()
    approved = serializers.IntegerField()
    modified = serializers.IntegerField()
    rejected = serializers.IntegerField()
    dismissed = serializers.IntegerField()
    auto_reinforced = serializers.IntegerField()


class MetricsSummarySerializer(serializers.Serializer):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    sessions_ended = serializers.IntegerField()
    resolution_rate = RateSerializer()
    escalation_rate = RateSerializer()
    flow_link_rate = RateSerializer()
    mean_seconds_to_resolve = serializers.FloatField(allow_null=True)
    tiers = TierRatesSerializer(help_text="Resolved among each confidence tier's ended sessions.")
    proposals_by_status = ProposalCountsSerializer()


class MetricsSummaryView(APIView):
    """The overview's figures."""

    required_permission = "analytics.view_metrics"

    @extend_schema(
        parameters=[
            OpenApiParameter("days", int, enum=PERIODS, description="Length of the period that ends now (default 30)."),
            OpenApiParameter("team", int),
            OpenApiParameter("client", int),
            OpenApiParameter("domain", str),
        ],
        responses={200: MetricsSummarySerializer, 400: ErrorSerializer, 403: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        scope = Scope.from_query(request.user, request.query_params)
        mean = metrics.mean_time_to_resolve(scope)
        summary = {
            "start": scope.start,
            "end": scope.end,
            "sessions_ended": metrics.sessions_ended(scope),
            "resolution_rate": _rate(metrics.resolution_rate(scope)),
            "escalation_rate": _rate(metrics.escalation_rate(scope)),
            "flow_link_rate": _rate(metrics.flow_link_rate(scope)),
            "mean_seconds_to_resolve": mean.total_seconds() if mean else None,
            "tiers": {tier: _rate(rate) for tier, rate in metrics.tiers(scope).items()},
            "proposals_by_status": metrics.proposals_by_status(scope),
        }
        return Response(MetricsSummarySerializer(summary).data)


def _rate(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval or (None, None)
    return {"count": rate.count, "n": rate.n, "share": rate.share, "low": low, "high": high}
