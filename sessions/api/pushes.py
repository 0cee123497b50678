"""What tickets were told, and with which tries."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.errors import Conflict
from flowpilot.common.reading import RowSerializer
from sessions.models import PsaAttempt, PsaConnection, PsaPush
from sessions.psa.filters import PsaPushFilter
from sessions.psa.selectors import with_last_error
from sessions.psa.services import pushes_requeue


class PsaPushListSerializer(RowSerializer):
    account = serializers.CharField(source="account.slug")
    external_id = serializers.CharField(source="session.external_id", help_text="Of the session.")
    connection = serializers.CharField(source="connection.name")
    system = serializers.ChoiceField(source="connection.kind", choices=PsaConnection.Kind.choices)
    last_error = serializers.CharField(source="error", allow_null=True, help_text="Of the last attempt.")

    class Meta:
        model = PsaPush
        fields = [
            "id", "account", "session", "external_id", "connection", "system", "ticket_id", "kind", "state",
            "attempt_count", "attempts_allowed", "next_attempt_at", "last_error", "created_at", "settled_at",
        ]  # fmt: skip


class PsaAttemptSerializer(RowSerializer):
    class Meta:
        model = PsaAttempt
        fields = ["number", "started_at", "finished_at", "outcome", "status_code", "error"]


class PushPayloadSerializer(serializers.Serializer):
    """A note has a text; a time entry a text and its span; a status the status."""

    text = serializers.CharField(required=False)
    started_at = serializers.DateTimeField(required=False)
    ended_at = serializers.DateTimeField(required=False)
    status = serializers.CharField(required=False)


class PsaPushSerializer(PsaPushListSerializer):
    payload: Any = PushPayloadSerializer(help_text="What is written.")
    marker = serializers.CharField(help_text="What the write carries so that it can be found again.")
    attempts: Any = PsaAttemptSerializer(many=True, help_text="Old ones are removed in time, the last one stays.")

    class Meta(PsaPushListSerializer.Meta):
        fields = [*PsaPushListSerializer.Meta.fields, "payload", "marker", "attempts"]


@extend_schema_view(
    list=extend_schema(
        summary="List PSA pushes", description="Notes, time entries and statuses for tickets, the latest first."
    ),
    retrieve=extend_schema(summary="Read a PSA push", description="With what is written, and each attempt."),
)
class PsaPushViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """What tickets are told. One push is one note, time entry or status, however often it is tried."""

    queryset = (
        PsaPush.objects.select_related("account", "session", "connection")
        .defer("connection__credentials", "session__transcript")
        .order_by("-created_at", "-id")
    )
    filterset_class = PsaPushFilter
    ordering_fields = ("created_at",)
    scopes: ClassVar = {"GET": KeyScope.PSA_READ, "POST": KeyScope.PSA_REQUEUE}
    action_permissions: ClassVar[dict[str, str]] = {"requeue": "requeue"}

    def get_queryset(self) -> Any:
        rows = with_last_error(super().get_queryset())
        return rows if self.action == "list" else rows.prefetch_related("attempts")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return PsaPushListSerializer if self.action == "list" else PsaPushSerializer

    @extend_schema(
        summary="Try a PSA push again",
        request=None,
        responses={200: PsaPushSerializer, **dict.fromkeys((403, 404, 409), ProblemSerializer)},
    )
    @action(detail=True, methods=["post"])
    def requeue(self, request: Request, pk: str) -> Response:
        """Try a push that was given up again, with all attempts before it. 409 for one that is under way or
        succeeded."""
        push = self.get_object()
        if not pushes_requeue(actor=self.actor, push_ids=[push.pk]):
            raise Conflict("it is under way, or it succeeded", details={"state": push.state})
        return self.as_it_is_now()
