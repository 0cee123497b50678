"""Flows over the API."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import ApiMixin, TenantViewSet
from flowpilot.common.errors import InvalidInput, NotFound
from flowpilot.common.reading import RowSerializer
from flowpilot.flows.definition import definition_schema
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.edit import told
from flowpilot.flows.filters import FlowFilter
from flowpilot.flows.mermaid import to_mermaid
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.transfer import portable_of


class FlowListSerializer(RowSerializer):
    version = serializers.IntegerField(source="current_version.number", default=None, allow_null=True)
    owner = serializers.EmailField(source="owner.email", default=None, allow_null=True)

    class Meta:
        model = Flow
        fields = [
            "id", "key", "title", "description", "problem_domain", "status", "version", "owner", "review_by",
            "created_at", "updated_at",
        ]  # fmt: skip


class FlowSerializer(FlowListSerializer):
    definition = serializers.JSONField(source="current_version.definition", default=None, allow_null=True)

    class Meta(FlowListSerializer.Meta):
        fields = [*FlowListSerializer.Meta.fields, "definition"]


class FlowVersionSerializer(RowSerializer):
    created_by = serializers.EmailField(source="created_by.email", default=None, allow_null=True)

    class Meta:
        model = FlowVersion
        fields = ["number", "note", "confidence_score", "created_by", "created_at"]


class FlowDiffSerializer(serializers.Serializer):
    """What differs between two versions."""

    from_version = serializers.IntegerField()
    to_version = serializers.IntegerField()
    summary = serializers.CharField(help_text="The difference counted, in words.")
    sentences = serializers.ListField(child=serializers.CharField(), help_text="One for each difference.")
    diff = serializers.JSONField(help_text="The difference; parts without a change are left out.")


class PortableFlowSerializer(serializers.Serializer):
    """A flow as a file that the import reads: nothing of the sessions behind it."""

    format = serializers.CharField()
    format_version = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    problem_domain = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(allow_null=True)
    definition = serializers.JSONField()


class MermaidRenderer(BaseRenderer):
    """A flowchart's source, as text; a refusal stays JSON."""

    media_type = "text/vnd.mermaid"
    format = "mermaid"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return str(data).encode()


def _number_parameter(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.INT, description=description)


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
    action_permissions: ClassVar[dict[str, str]] = {"versions": "view", "diff": "view", "export": "view"}

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return FlowListSerializer if self.action == "list" else FlowSerializer

    @extend_schema(responses=FlowVersionSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """The flow's versions, newest first, without their definitions: `export` has those."""
        versions = self.get_object().versions.select_related("created_by").defer("definition", "examples")
        return Response(FlowVersionSerializer(versions.order_by("-number"), many=True).data)

    @extend_schema(
        parameters=[
            _number_parameter("from", "The earlier version; without it the one before `to`."),
            _number_parameter("to", "The later version; without it the current one."),
        ],
        responses=FlowDiffSerializer,
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def diff(self, request: Request, pk: str) -> Response:
        """What differs between two versions. The first version differs in nothing from itself."""
        flow = self.get_object()
        after = _version(flow, request.query_params.get("to"))
        earlier = flow.versions.filter(number__lt=after.number).order_by("-number").first()
        number = request.query_params.get("from")
        before = _version(flow, number) if number else earlier or after
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
        version = _version(flow, request.query_params.get("version"))
        if request.accepted_renderer.format == "mermaid":
            return Response(to_mermaid(version.definition))
        return Response(portable_of(flow, version).to_json())


def _version(flow: Flow, number: str | None) -> FlowVersion:
    """The version of that number, without one the current. Raises InvalidInput, NotFound."""
    if number is None or number == "":
        if flow.current_version is None:
            raise NotFound("this flow has no version yet")
        return flow.current_version
    if not number.isdecimal():
        raise InvalidInput("a version is a whole number", details={"version": number[:40]})
    # Longer numbers are none that the database could hold.
    found = FlowVersion.objects.filter(flow=flow, number=int(number)).first() if len(number) < 10 else None
    if found is None:
        raise NotFound(f"{flow.title} has no version {number[:40]}")
    return found


class DefinitionSchemaView(ApiMixin):
    """The JSON Schema of a flow's definition."""

    required_permission = "flows.view_flow"
    scopes: ClassVar = {"GET": KeyScope.FLOWS_READ}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(definition_schema())
