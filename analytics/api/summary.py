"""The overview's figures, and the tiers and counts over time."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.base import (
    ERRORS,
    SCOPE_PARAMETERS,
    STEP_PARAMETER,
    DurationsSerializer,
    MetricsView,
    PeriodSerializer,
    RateSerializer,
    durations,
    rate,
    step_of,
)
from analytics.facts import FACTS, RATES
from analytics.metrics import sessions
from analytics.metrics.coverage import coverage
from analytics.metrics.proposals import proposals_by_status
from analytics.scope import Scope
from flowpilot.common.errors import InvalidInput
from proposals.models import FlowProposal
from sessions.models import Tier

DEFAULT_FACTS = ("ended", "resolved", "escalated", "abandoned")


def _fields(name: str, fields: dict[str, serializers.Field]) -> type[serializers.Serializer]:
    return type(name, (serializers.Serializer,), fields)


RatesSerializer = _fields("RatesSerializer", {f"{name}_rate": RateSerializer() for name in RATES})
TierRatesSerializer = _fields("TierRatesSerializer", {tier: RateSerializer() for tier in Tier.values})
ProposalCountsSerializer = _fields(
    "ProposalCountsSerializer", {status: serializers.IntegerField() for status in FlowProposal.Status.values}
)


class SummarySerializer(serializers.Serializer):
    period = PeriodSerializer()
    sessions_ended = serializers.IntegerField()
    rates = RatesSerializer()
    tiers = TierRatesSerializer(help_text="Resolved among each confidence tier's ended sessions.")
    time_to_resolve = DurationsSerializer()
    mean_rating = serializers.FloatField(allow_null=True, help_text="Of 1 to 5.")
    proposals_by_status = ProposalCountsSerializer(help_text="As they stand now, without a period.")


class SummaryView(MetricsView):
    """The overview's figures."""

    serializer_class = SummarySerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: SummarySerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        found = sessions.summary(scope)
        return {
            "sessions_ended": found.ended,
            "rates": {f"{name}_rate": rate(value) for name, value in found.rates.items()},
            "tiers": {tier: rate(value) for tier, value in found.tiers.items()},
            "time_to_resolve": durations(found.durations),
            "mean_rating": found.ratings.mean,
            "proposals_by_status": proposals_by_status(scope),
        }


class SeriesPointSerializer(serializers.Serializer):
    first = serializers.DateField(help_text="The day, or the Monday of the week.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="By fact.")


class SeriesSerializer(serializers.Serializer):
    period = PeriodSerializer()
    step = serializers.ChoiceField(["day", "week"])
    points = SeriesPointSerializer(many=True)


class SeriesView(MetricsView):
    """Ended sessions by day or week, and how many of them have each of some facts."""

    serializer_class = SeriesSerializer

    @extend_schema(
        parameters=[
            *SCOPE_PARAMETERS,
            STEP_PARAMETER,
            OpenApiParameter(
                "fact", str, enum=list(FACTS), many=True, description=f"Default: {', '.join(DEFAULT_FACTS)}."
            ),
        ],
        responses={200: SeriesSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        step = step_of(request)
        names = request.query_params.getlist("fact") or list(DEFAULT_FACTS)
        if unknown := [name for name in names if name not in FACTS]:
            raise InvalidInput("There is no such fact.", details={"fact": unknown})
        points = sessions.series(scope, list(dict.fromkeys(names)), step)
        return {"step": step, "points": points}


class TiersSerializer(serializers.Serializer):
    period = PeriodSerializer()
    tiers = TierRatesSerializer(help_text="Resolved among each confidence tier's ended sessions.")
    weeks = SeriesPointSerializer(many=True, help_text="Ended sessions of each tier by week.")


class TiersView(MetricsView):
    """Confidence tiers: resolution in each, and their sizes by week."""

    serializer_class = TiersSerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: TiersSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        facts = {f"tier_{tier}": tier for tier in Tier.values}
        weeks = sessions.series(scope, list(facts), "week")
        return {
            "tiers": {tier: rate(value) for tier, value in sessions.summary(scope).tiers.items()},
            "weeks": [
                {"first": week.first, "counts": {facts[name]: count for name, count in week.counts.items()}}
                for week in weeks
            ],
        }


class CoverageRowSerializer(serializers.Serializer):
    domain = serializers.CharField(help_text="Empty: the sessions without a domain.")
    published_flows = serializers.IntegerField(help_text="As they stand now, without a period.")
    sessions_ended = serializers.IntegerField()
    sessions_without_flow = serializers.IntegerField()
    resolution_rate = RateSerializer()
    escalation_rate = RateSerializer()
    guided_rate = RateSerializer()
    time_to_resolve = DurationsSerializer()


class CoverageSerializer(serializers.Serializer):
    period = PeriodSerializer()
    domains = CoverageRowSerializer(many=True)


class CoverageView(MetricsView):
    """Knowledge coverage of each domain that has ended sessions or published flows, most sessions first."""

    serializer_class = CoverageSerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: CoverageSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        return {
            "domains": [
                {
                    "domain": row.domain,
                    "published_flows": row.flows,
                    "sessions_ended": row.sessions.counts["ended"],
                    "sessions_without_flow": row.without_flow.count,
                    "resolution_rate": rate(row.sessions.rate("resolution")),
                    "escalation_rate": rate(row.sessions.rate("escalation")),
                    "guided_rate": rate(row.sessions.guided),
                    "time_to_resolve": durations(row.sessions.durations),
                }
                for row in coverage(scope)
            ]
        }
