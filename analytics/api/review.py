"""Review and the flywheel's funnel."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.base import (
    ERRORS,
    SCOPE_PARAMETERS,
    MetricsView,
    PeriodSerializer,
    RateSerializer,
    rate,
    seconds,
)
from analytics.metrics import review
from analytics.metrics.funnel import STEPS, funnel
from analytics.proposal_facts import DECISIONS
from analytics.scope import Scope
from proposals.models import FlowProposal
from sessions.models import Tier


class ReviewWaitsSerializer(serializers.Serializer):
    """Lengths of time in seconds; null of nothing."""

    n = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True)
    p90_seconds = serializers.FloatField(allow_null=True)
    longest_seconds = serializers.FloatField(allow_null=True)


class TallySerializer(serializers.Serializer):
    """Decisions by what they were."""

    approved = serializers.IntegerField()
    modified = serializers.IntegerField(help_text="Edited, then published.")
    rejected = serializers.IntegerField()
    dismissed = serializers.IntegerField()
    acceptance_rate = RateSerializer(help_text="Approved and modified among these decisions.")


class TypeRowSerializer(TallySerializer):
    proposal_type = serializers.ChoiceField(FlowProposal.Type.choices)


class ReviewerRowSerializer(TallySerializer):
    reviewer = serializers.IntegerField(allow_null=True)
    name = serializers.CharField(
        help_text="Those whose names you may not see, and those who are gone, are one row each."
    )


class BinRowSerializer(TallySerializer):
    low = serializers.FloatField()
    high = serializers.FloatField()
    tier = serializers.ChoiceField(Tier.choices)
    mean_confidence = serializers.FloatField(allow_null=True)


class WeekRowSerializer(TallySerializer):
    first = serializers.DateField(help_text="The Monday of the week.")


class ReviewMetricsSerializer(serializers.Serializer):
    period = PeriodSerializer()
    waiting = ReviewWaitsSerializer(help_text="Pending proposals now, since they were created; without a period.")
    time_to_decide = ReviewWaitsSerializer(help_text="From creation to the decision.")
    decisions = TallySerializer()
    by_type = TypeRowSerializer(many=True)
    by_reviewer = ReviewerRowSerializer(many=True)
    by_confidence = BinRowSerializer(many=True)
    by_week = WeekRowSerializer(many=True)
    retired = serializers.IntegerField(help_text="Dismissed by the system or merged: no decision of a reviewer.")
    taken_back = serializers.IntegerField(help_text="Proposals with a decision that was undone in the period.")


class ReviewMetricsView(MetricsView):
    """Review: what waits, what was decided, how soon, how often accepted."""

    serializer_class = ReviewMetricsSerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: ReviewMetricsSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        found = review.review(scope)
        return {
            "waiting": _waits(found.waiting),
            "time_to_decide": _waits(found.decisions),
            "decisions": _tally(found.tally),
            "by_type": [{"proposal_type": kind, **_tally(tally)} for kind, tally in found.by_type.items()],
            "by_reviewer": [
                {"reviewer": row.reviewer.pk if row.reviewer else None, "name": row.name, **_tally(row.tally)}
                for row in found.by_reviewer
            ],
            "by_confidence": [
                {
                    "low": row.low,
                    "high": row.high,
                    "tier": row.tier,
                    "mean_confidence": row.mean_confidence,
                    **_tally(row.tally),
                }
                for row in found.bins
            ],
            "by_week": [{"first": week.first, **_tally(week.tally)} for week in review.decisions_by_week(scope)],
            "retired": found.retired,
            "taken_back": found.taken_back,
        }


class FunnelStepSerializer(serializers.Serializer):
    name = serializers.CharField(help_text=f"One of {', '.join(STEPS)}, in this order.")
    sessions = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True, help_text="From the step before.")


class FunnelSerializer(serializers.Serializer):
    period = PeriodSerializer()
    steps = FunnelStepSerializer(many=True)
    resolved_to_published_seconds = serializers.FloatField(allow_null=True, help_text="Median.")


class FunnelView(MetricsView):
    """The flywheel: how far the sessions that were resolved in the period have come by now."""

    serializer_class = FunnelSerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: FunnelSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        found = funnel(scope)
        return {
            "steps": [
                {"name": step.name, "sessions": step.count, "median_seconds": seconds(step.median)}
                for step in found.steps
            ],
            "resolved_to_published_seconds": seconds(found.to_published),
        }


def _waits(waits: review.Waits) -> dict[str, Any]:
    return {
        "n": waits.n,
        "median_seconds": seconds(waits.median),
        "p90_seconds": seconds(waits.p90),
        "longest_seconds": seconds(waits.longest),
    }


def _tally(tally: review.Tally) -> dict[str, Any]:
    return {**{name: getattr(tally, name) for name in DECISIONS}, "acceptance_rate": rate(tally.acceptance)}
