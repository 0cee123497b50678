"""`/api/v1/flows/`: flows, their versions, and what differs between them."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import ApiMixin, ProblemSerializer, TenantViewSet
from flowpilot.flows.api.serializers import (
    FlowComparisonSerializer,
    FlowListSerializer,
    FlowSerializer,
    FlowVersionDetailSerializer,
    FlowVersionSerializer,
    PortableFlowSerializer,
)
from flowpilot.flows.api.versions import MOST_VERSIONS, version_of
from flowpilot.flows.definition import definition_schema
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.edit import told
from flowpilot.flows.filters import FlowFilter
from flowpilot.flows.mermaid import to_mermaid
from flowpilot.flows.models import Flow
from flowpilot.flows.transfer import portable_of


class MermaidRenderer(BaseRenderer):
    """A flowchart's source, as text; a refusal stays JSON."""

    media_type = "text/vnd.mermaid"
    format = "mermaid"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return str(data).encode()


def _number_parameter(name: str, description: str) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": 0, "maximum": MOST_VERSIONS}
    return OpenApiParameter(name, schema, description=description)


@extend_schema_view(
    list=extend_schema(summary="List flows", description="Troubleshooting flows, by title."),
    retrieve=extend_schema(summary="Read a flow", description="With the definition that is published now."),
)
class FlowViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Published troubleshooting flows with their current definition."""

    queryset = Flow.objects.select_related("current_version", "owner").order_by("title", "id")
    filterset_class = FlowFilter
    ordering_fields = ("title", "updated_at")
    columns_of_lists = (
        "key", "title", "description", "problem_domain", "status", "current_version__number", "owner__email",
        "review_by", "created_at", "updated_at",
    )  # fmt: skip
    scopes: ClassVar = {"GET": KeyScope.FLOWS_READ}
    # Who may read a flow may read its versions.
    action_permissions: ClassVar[dict[str, str]] = dict.fromkeys(("versions", "version", "diff", "export"), "view")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return FlowListSerializer if self.action == "list" else FlowSerializer

    # The orders of flows are none of their versions.
    @extend_schema(
        summary="List the versions of a flow",
        parameters=[OpenApiParameter("ordering", exclude=True)],
        responses=FlowVersionSerializer(many=True),
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """The flow's versions, newest first, without their definitions."""
        versions = self.get_object().versions.select_related("created_by").defer("definition", "examples")
        return Response(FlowVersionSerializer(versions.order_by("-number"), many=True).data)

    @extend_schema(
        summary="Read a version of a flow",
        parameters=[
            OpenApiParameter(
                "number", {"type": "integer", "minimum": 0, "maximum": MOST_VERSIONS}, OpenApiParameter.PATH
            )
        ],
        responses={200: FlowVersionDetailSerializer, 404: ProblemSerializer},
    )
    @action(detail=True, url_path="versions/(?P<number>[0-9]{1,9})", pagination_class=None, filterset_class=None)
    def version(self, request: Request, pk: str, number: str) -> Response:
        """One version with its definition, which nothing changes any more."""
        return Response(FlowVersionDetailSerializer(version_of(self.get_object(), number)).data)

    @extend_schema(
        summary="Compare two versions of a flow",
        parameters=[
            _number_parameter("from", "The earlier version; without it the one before `to`."),
            _number_parameter("to", "The later version; without it the current one."),
        ],
        responses=FlowComparisonSerializer,
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def diff(self, request: Request, pk: str) -> Response:
        """What differs between two versions. The first version differs in nothing from itself."""
        flow = self.get_object()
        after = version_of(flow, request.query_params.get("to"), "to")
        earlier = flow.versions.filter(number__lt=after.number).order_by("-number").first()
        number = request.query_params.get("from")
        before = version_of(flow, number, "from") if number else earlier or after
        diff = diff_definitions(before.definition, after.definition)
        return Response(
            {
                "from_version": before.number,
                "to_version": after.number,
                "summary": diff.summary(),
                "sentences": told(diff, before.definition, after.definition),
                "diff": diff.to_json(),
            }
        )

    @extend_schema(
        summary="Export a flow",
        parameters=[
            _number_parameter("version", "Without it the current one."),
            OpenApiParameter("format", enum=["json", "mermaid"], description="Without it json."),
        ],
        responses={
            (200, "application/json"): PortableFlowSerializer,
            (200, "text/vnd.mermaid"): OpenApiTypes.STR,
        },
    )
    @action(
        detail=True,
        pagination_class=None,
        filterset_class=None,
        renderer_classes=[JSONRenderer, MermaidRenderer],
    )
    def export(self, request: Request, pk: str) -> Response:
        """One version as a file: JSON that can be imported elsewhere, or a Mermaid flowchart for documents."""
        flow = self.get_object()
        version = version_of(flow, request.query_params.get("version"))
        if request.accepted_renderer.format == "mermaid":
            return Response(to_mermaid(version.definition))
        return Response(portable_of(flow, version).to_json())


class DefinitionSchemaView(ApiMixin):
    """The JSON Schema of a flow's definition."""

    required_permission = "flows.view_flow"
    scopes: ClassVar = {"GET": KeyScope.FLOWS_READ}

    @extend_schema(summary="The JSON Schema of a definition", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """What a flow's definition looks like, as JSON Schema (2020-12). What more makes one valid (no circle, every
        node reachable, every path with an end) is told with pointers where one is sent."""
        return Response(definition_schema())
