"""Flows over the API."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from flowpilot.common.api import TenantViewSet
from flowpilot.flows.definition import definition_schema
from flowpilot.flows.filters import FlowFilter
from flowpilot.flows.models import Flow


class FlowListSerializer(serializers.ModelSerializer):
    version = serializers.IntegerField(source="current_version.number", default=None, allow_null=True)

    class Meta:
        model = Flow
        fields = [
            "id", "key", "title", "description", "problem_domain", "status", "version", "created_at", "updated_at",
        ]  # fmt: skip


class FlowSerializer(FlowListSerializer):
    definition = serializers.JSONField(source="current_version.definition", default=None, allow_null=True)

    class Meta(FlowListSerializer.Meta):
        fields = [*FlowListSerializer.Meta.fields, "definition"]


class FlowViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Published troubleshooting flows with their current definition."""

    queryset = Flow.objects.select_related("current_version").order_by("title", "id")
    filterset_class = FlowFilter

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return FlowListSerializer if self.action == "list" else FlowSerializer


class DefinitionSchemaView(APIView):
    """The JSON Schema of a flow's definition."""

    required_permission = "flows.view_flow"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(definition_schema())
