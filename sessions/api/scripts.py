"""Script templates, and the scripts that are rendered from them for a session."""

from typing import Any, ClassVar

from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import ApiMixin, ProblemSerializer, TenantViewSet
from flowpilot.common.bodies import BodySerializer
from flowpilot.common.errors import NotFound
from flowpilot.common.idempotency import once
from flowpilot.common.reading import RowSerializer
from sessions.api.work import MOST_ID
from sessions.models import ScriptTemplate, ScriptTemplateVersion
from sessions.scripts.access import GENERATE
from sessions.scripts.filters import ScriptTemplateFilter
from sessions.scripts.models import SHELLS
from sessions.scripts.parameters import MAX_TEXT, Kind
from sessions.scripts.services import script_generate


class ScriptParameterSerializer(serializers.Serializer):
    """`minimum` and `maximum` bound an integer's value and every other text's length."""

    name = serializers.CharField()
    label: Any = serializers.CharField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    required: Any = serializers.BooleanField()
    default = serializers.CharField()
    help = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField(), help_text="Of a choice.")
    minimum = serializers.IntegerField(allow_null=True)
    maximum = serializers.IntegerField(allow_null=True)
    multiline = serializers.BooleanField()


class ScriptTemplateListSerializer(RowSerializer):
    account = serializers.CharField(
        source="account.slug", default=None, allow_null=True, help_text="Null for one of everybody's library."
    )
    owner = serializers.EmailField(source="owner.email", default=None, allow_null=True)
    shell = serializers.ChoiceField(choices=SHELLS)
    version = serializers.IntegerField(source="current_version.number", default=None, allow_null=True)
    risk = serializers.ChoiceField(
        source="current_version.risk", choices=ScriptTemplateVersion.Risk.choices, default=None, allow_null=True
    )
    what_it_does = serializers.CharField(source="current_version.what_it_does", default="")
    minimum_role = serializers.CharField(
        source="current_version.minimum_role", default="", help_text="The least role that may render it."
    )

    class Meta:
        model = ScriptTemplate
        fields = [
            "id", "account", "key", "title", "shell", "problem_domain", "keywords", "status", "owner", "version",
            "risk", "what_it_does", "minimum_role", "created_at", "updated_at",
        ]  # fmt: skip


class ScriptTemplateSerializer(ScriptTemplateListSerializer):
    body = serializers.CharField(source="current_version.body", default="", help_text="With its placeholders.")
    parameters = serializers.SerializerMethodField()

    class Meta(ScriptTemplateListSerializer.Meta):
        fields = [*ScriptTemplateListSerializer.Meta.fields, "body", "parameters"]

    @extend_schema_field(ScriptParameterSerializer(many=True))
    def get_parameters(self, template: ScriptTemplate) -> list[dict[str, Any]]:
        version: Any = template.current_version
        return [parameter.model_dump(mode="json") for parameter in version.read_parameters] if version else []


@extend_schema_view(
    list=extend_schema(
        summary="List script templates", description="The account's own and everybody's, by title, retired ones too."
    ),
    retrieve=extend_schema(
        summary="Read a script template", description="With the body and the parameters of its current version."
    ),
)
class ScriptTemplateViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Scripts to be rendered for a session."""

    queryset = ScriptTemplate.objects.select_related("account", "owner", "current_version").order_by("title", "id")
    filterset_class = ScriptTemplateFilter
    ordering_fields = ("title", "updated_at")
    scopes: ClassVar = {"GET": KeyScope.SCRIPTS_READ}

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return ScriptTemplateListSerializer if self.action == "list" else ScriptTemplateSerializer


@extend_schema_field({"type": ["string", "integer", "boolean"], "maxLength": MAX_TEXT})
class ValueField(serializers.JSONField):
    """A parameter's value; whether it fits is the parameter's to say."""


class RenderSerializer(BodySerializer):
    session = serializers.IntegerField(min_value=1, help_text="The session that it is for.")
    version = serializers.IntegerField(min_value=1, help_text="Of the template as you read it.")
    values = serializers.DictField(child=ValueField(allow_null=True), default=dict, help_text="By parameter.")
    node = serializers.CharField(max_length=MOST_ID, required=False, help_text="The flow's step that it is used at.")
    confirmed = serializers.BooleanField(default=False, help_text="Needed for a destructive template.")


class GeneratedScriptSerializer(serializers.Serializer):
    """What was rendered, and how it is kept."""

    id = serializers.IntegerField()
    template = serializers.IntegerField()
    version = serializers.IntegerField()
    session = serializers.IntegerField()
    text = serializers.CharField(
        help_text="What runs. With its secrets in this answer alone: they are stored nowhere, also not for a request "
        "that is sent again with its Idempotency-Key, whose answer has them marked."
    )
    parameters = serializers.DictField(child=ValueField(), help_text="As they are kept: secrets are marked.")
    risk = serializers.ChoiceField(choices=ScriptTemplateVersion.Risk.choices)
    step = serializers.IntegerField(allow_null=True, help_text="The position of its step, in a session worked here.")
    created_at = serializers.DateTimeField()


class ScriptRenderView(ApiMixin):
    """Renders a template for a session, and records it there."""

    required_permission = GENERATE
    scopes: ClassVar = {"POST": KeyScope.SCRIPTS_RENDER}

    @extend_schema(
        summary="Render a script for a session",
        tags=["script-templates"],
        request=RenderSerializer,
        responses={201: GeneratedScriptSerializer, **dict.fromkeys((400, 403, 404, 409), ProblemSerializer)},
    )
    @method_decorator(sensitive_variables())
    def post(self, request: Request, pk: int) -> Response:
        """The script of an approved template and these values, recorded with the session as the runner does.

        Each value that does not fit is told with a pointer such as `/values/computer`. 409 where the template is not
        approved or has another version by now, or the session has ended; 403 below the template's `minimum_role`.
        """
        # Before the values: what one may not see is absent, whatever is sent to it.
        if not ScriptTemplate.objects.for_user(request.user).filter(pk=pk).exists():
            raise NotFound("there is no such script template")
        serializer = RenderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        script, rendered = script_generate(
            actor=request.user,  # type: ignore[arg-type]
            template_id=pk,
            number=said["version"],
            values=said["values"],
            session_id=said["session"],
            node_id=said.get("node", ""),
            confirmed=said["confirmed"],
        )
        version = script.template_version
        body = {
            "id": script.pk,
            "template": version.template_id,
            "version": version.number,
            "session": script.session_id,
            "text": rendered.text,
            "parameters": script.parameters,
            "risk": version.risk,
            "step": script.step.position if script.step else None,
            "created_at": script.created_at,
        }
        return once(Response(body, status=status.HTTP_201_CREATED), text=rendered.kept)
