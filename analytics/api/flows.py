"""How the flows do, and where the sessions of one went."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.base import (
    ERRORS,
    SCOPE_PARAMETERS,
    DifferenceSerializer,
    DurationsSerializer,
    MetricsView,
    PeriodSerializer,
    RateSerializer,
    durations,
    rate,
    seconds,
)
from analytics.metrics.flows import FlowRow, Quality, flow_link, flow_rows, found_flow, qualities, reuse, with_endings
from analytics.metrics.ways import Ways, ways
from analytics.scope import Scope
from flowpilot.common.api import ProblemSerializer
from flowpilot.common.parameters import NUMBER, whole_number
from flowpilot.common.statistics import Difference
from flowpilot.flows.models import FlowVersion
from proposals.health import VersionHealth, versions_health
from sessions.models import AISession


class ComparisonSerializer(serializers.Serializer):
    """A version against a former one, over all time."""

    former_version = serializers.IntegerField()
    former_sessions = serializers.IntegerField()
    sessions = serializers.IntegerField()
    resolved = DifferenceSerializer(allow_null=True)
    escalated = DifferenceSerializer(allow_null=True)
    is_worse = serializers.BooleanField()


class QualitySerializer(serializers.Serializer):
    """A version by the ended sessions that it guided in the period."""

    version = serializers.IntegerField()
    sessions_ended = serializers.IntegerField()
    quality_score = serializers.FloatField(
        allow_null=True, help_text="Lower Wilson bound (95 %) of helped_rate; null without a session."
    )
    completed_rate = RateSerializer(help_text="Came to an end of the flow.")
    helped_rate = RateSerializer(help_text="Came to an end of the flow and were resolved.")
    resolution_rate = RateSerializer()
    escalation_rate = RateSerializer()
    time_to_resolve = DurationsSerializer()
    mean_rating = serializers.FloatField(allow_null=True)
    flow_right_rate = RateSerializer()
    compared = ComparisonSerializer(allow_null=True)


class FlowQualitySerializer(QualitySerializer):
    flow = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()
    problem_domain = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why it needs attention; none is good.")


class ReuseSerializer(serializers.Serializer):
    flow = serializers.IntegerField()
    sessions_ended = serializers.IntegerField(help_text="Of all its versions.")
    sessions_before = serializers.IntegerField(help_text="In the period before.")
    technicians = serializers.IntegerField()
    clients = serializers.IntegerField()
    domain_share = RateSerializer(help_text="Among all ended sessions of the flow's domain.")


class FlowsSerializer(serializers.Serializer):
    period = PeriodSerializer()
    flow_link_rate = RateSerializer()
    flows = FlowQualitySerializer(many=True)
    reuse = ReuseSerializer(many=True)


class FlowsView(MetricsView):
    """The quality of each published flow's current version, what needs attention first, and how much it is used."""

    serializer_class = FlowsSerializer

    @extend_schema(
        operation_id="metrics_flows_list", parameters=SCOPE_PARAMETERS, responses={200: FlowsSerializer, **ERRORS}
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        return {
            "flow_link_rate": rate(flow_link(scope)),
            "flows": [_flow(row) for row in flow_rows(scope)],
            "reuse": [
                {
                    "flow": row.flow.pk,
                    "sessions_ended": row.n,
                    "sessions_before": row.before,
                    "technicians": row.technicians,
                    "clients": row.clients,
                    "domain_share": rate(row.domain_share),
                }
                for row in reuse(scope)
            ],
        }


class NodeMeasuresSerializer(serializers.Serializer):
    node = serializers.CharField()
    kind = serializers.CharField()
    text = serializers.CharField()
    left_rate = RateSerializer(help_text="Went no further on the flow, among the sessions that came to the node.")
    timed_answers = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True)


class OptionMeasuresSerializer(serializers.Serializer):
    node = serializers.CharField()
    option = serializers.CharField(allow_null=True, help_text="Null: an answer of one's own.")
    answer = serializers.CharField(allow_null=True)
    not_resolved_rate = RateSerializer(help_text="Among the sessions that gave the answer.")


class PassageSerializer(serializers.Serializer):
    step = serializers.IntegerField(help_text="Of the session's way, from 1 on.")
    node = serializers.CharField(allow_null=True, help_text="Null: a node of another flow.")
    next_node = serializers.CharField(allow_null=True, help_text="The next node; null where the session ended.")
    ended = serializers.CharField(allow_null=True, help_text="How it ended there.")
    sessions = serializers.IntegerField()


class FlowMetricsSerializer(serializers.Serializer):
    period = PeriodSerializer()
    flow = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Of which nodes, options and paths are told.")
    versions = QualitySerializer(many=True, help_text="The newest first.")
    sessions_with_path = serializers.IntegerField(help_text="Ended sessions whose way is known.")
    nodes = NodeMeasuresSerializer(many=True)
    options = OptionMeasuresSerializer(many=True)
    paths = PassageSerializer(many=True, help_text="How many sessions went from each node of the way to the next.")


class FlowView(MetricsView):
    """One flow: its versions, and where the sessions of one of them went."""

    serializer_class = FlowMetricsSerializer

    @extend_schema(
        parameters=[
            *(parameter for parameter in SCOPE_PARAMETERS if parameter.name != "flow"),
            OpenApiParameter("version", NUMBER, description="A version's number (default: the current one)."),
        ],
        responses={200: FlowMetricsSerializer, **ERRORS, 404: ProblemSerializer},
    )
    def get(self, request: Request, pk: int) -> Response:  # type: ignore[override]
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        flow, version = found_flow(scope.user, self.kwargs["pk"], whole_number(request.query_params, "version"))
        scope = scope.narrowed(flow=flow)
        versions = list(with_endings(FlowVersion.objects.filter(flow=flow)).order_by("-number"))
        found = qualities(scope, versions)
        sessions = AISession.objects.for_user(scope.user).filter(scope.session_q())
        return {
            "flow": flow.pk,
            "version": version.number,
            "versions": [_quality(found[row.version.pk], row) for row in versions_health(versions, sessions)],
            **_ways(version, ways(scope, version)),
        }


def _flow(row: FlowRow) -> dict[str, Any]:
    flow = row.flow
    about = {"flow": flow.pk, "key": flow.key, "title": flow.title, "problem_domain": flow.problem_domain}
    return {**about, "reasons": row.reasons, **_quality(row.quality, row.health)}


def _quality(quality: Quality, health: VersionHealth | None) -> dict[str, Any]:
    return {
        "version": quality.version.number,
        "sessions_ended": quality.n,
        "quality_score": quality.score,
        "completed_rate": rate(quality.completed),
        "helped_rate": rate(quality.helped),
        "resolution_rate": rate(quality.resolved),
        "escalation_rate": rate(quality.escalated),
        "time_to_resolve": durations(quality.durations),
        "mean_rating": quality.rating,
        "flow_right_rate": rate(quality.flow_right),
        "compared": _comparison(health),
    }


def _comparison(health: VersionHealth | None) -> dict[str, Any] | None:
    if health is None or health.former is None:
        return None
    return {
        "former_version": health.former.version.number,
        "former_sessions": health.former.sessions,
        "sessions": health.sessions,
        "resolved": _difference(health.resolved_change),
        "escalated": _difference(health.escalated_change),
        "is_worse": health.is_worse,
    }


def _difference(value: Difference | None) -> dict[str, float] | None:
    return {"share": value.share, "low": value.low, "high": value.high} if value else None


def _ways(version: FlowVersion, found: Ways) -> dict[str, Any]:
    nodes = version.nodes
    return {
        "sessions_with_path": found.known,
        "nodes": [
            {
                "node": row.node["id"],
                "kind": row.node["kind"],
                "text": row.node["text"],
                "left_rate": rate(row.left),
                "timed_answers": row.timed,
                "median_seconds": seconds(row.seconds),
            }
            for row in found.nodes
        ],
        "options": [
            {
                "node": row.node["id"],
                "option": None if row.label is None else row.node["options"][row.place]["id"],
                "answer": row.label,
                "not_resolved_rate": rate(row.badly),
            }
            for row in found.options
        ],
        "paths": [
            {
                "step": row.step,
                "node": None if row.source is None else nodes[row.source]["id"],
                "next_node": nodes[row.target]["id"] if isinstance(row.target, int) else None,
                "ended": row.target if isinstance(row.target, str) else None,
                "sessions": row.n,
            }
            for row in found.passages
        ],
    }
