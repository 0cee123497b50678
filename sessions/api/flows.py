"""Flows for a client that runs them itself: which one fits a problem, and where an answer leads."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.accounts.selectors import ACCOUNT_PARAMETER, account_of_request
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.bodies import BodySerializer
from flowpilot.flows.api.versions import MOST_VERSIONS, version_of
from flowpilot.flows.models import Flow
from sessions.api.work import MOST_ID
from sessions.models import Tier
from sessions.runner.guide import FlowMatch, guide
from sessions.runner.lock import MOST_TEXT
from sessions.runner.walk import flow_walk

REFUSALS = dict.fromkeys((400, 403, 404), ProblemSerializer)


@extend_schema_field({"$ref": "#/components/schemas/Node"})
class NodeField(serializers.JSONField):
    """A node of a definition."""


@extend_schema_field({"oneOf": [{"$ref": "#/components/schemas/Option"}, {"type": "null"}]})
class OptionField(serializers.JSONField):
    """An answer of a node."""


class ProblemTextSerializer(BodySerializer):
    problem = serializers.CharField(max_length=MOST_TEXT, help_text="As the user told it.")


class FlowMatchSerializer(serializers.Serializer):
    flow = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()
    version = serializers.IntegerField()
    score = serializers.FloatField(min_value=0, max_value=1, help_text="The chance that it helps.")
    tier = serializers.ChoiceField(choices=Tier.choices)
    why = serializers.ListField(child=serializers.CharField())


class FlowMatchesSerializer(serializers.Serializer):
    matches = FlowMatchSerializer(many=True, help_text="The likeliest first.")


class WalkSerializer(BodySerializer):
    """Without `option` and `response` nothing is answered: the node itself is told."""

    version = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_VERSIONS, help_text="Without it the one that is published now."
    )
    node = serializers.CharField(max_length=MOST_ID, required=False, help_text="Where you stand; without it the root.")
    option = serializers.CharField(max_length=MOST_ID, required=False, help_text="The answer, by its id.")
    response = serializers.CharField(
        max_length=MOST_TEXT, required=False, help_text="The answer in words; it is read where no option is named."
    )


class WalkedSerializer(serializers.Serializer):
    flow = serializers.IntegerField()
    version = serializers.IntegerField()
    node = NodeField(help_text="Where you stand now.")
    is_end = serializers.BooleanField(help_text="A resolution or an escalation.")
    answered = OptionField(help_text="The answer that was taken.")
    understood = serializers.BooleanField(
        help_text="False where it cannot be told which answer the words mean: you stand where you stood."
    )


class FlowRunViewSet(TenantViewSet):
    """What the runner asks of flows. Nothing is kept of it: these operations read."""

    queryset = Flow.objects.select_related("current_version").order_by("title", "id")
    scopes: ClassVar = {"POST": KeyScope.FLOWS_READ}
    action_permissions: ClassVar[dict[str, str]] = {"search": "view", "walk": "view"}

    @extend_schema(
        summary="Search flows by problem",
        parameters=[ACCOUNT_PARAMETER],
        request=ProblemTextSerializer,
        responses={200: FlowMatchesSerializer, **REFUSALS},
    )
    def search(self, request: Request) -> Response:
        """The published flows that may fit a problem told in words, as the runner's start page shows them: how sure it
        is, the confidence tier of that, and why."""
        account = account_of_request(request.user, request.query_params.get("account"))
        serializer = ProblemTextSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        matches = guide().matches(request.user, account.pk, serializer.validated_data["problem"])
        return Response({"matches": [_told(match) for match in matches]})

    @extend_schema(
        summary="Walk one step through a flow",
        request=WalkSerializer,
        responses={200: WalkedSerializer, **REFUSALS},
    )
    def walk(self, request: Request, pk: int) -> Response:
        """Where an answer leads, for a client that runs the flow itself and keeps where it stands.

        Typed answers are read as the runner reads them.
        """
        flow = self.get_object()
        serializer = WalkSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said: dict[str, Any] = serializer.validated_data
        version = version_of(flow, str(said["version"]) if "version" in said else None)
        walked = flow_walk(
            version,
            node_id=said.get("node", ""),
            option_id=said.get("option", ""),
            response=said.get("response", ""),
        )
        return Response(
            {
                "flow": flow.pk,
                "version": version.number,
                "node": walked.node,
                "is_end": walked.is_end,
                "answered": walked.answered,
                "understood": walked.understood,
            }
        )


def _told(match: FlowMatch) -> dict[str, Any]:
    flow = match.version.flow
    return {
        "flow": flow.pk,
        "key": flow.key,
        "title": flow.title,
        "version": match.version.number,
        "score": match.score,
        "tier": match.tier,
        "why": match.why,
    }
