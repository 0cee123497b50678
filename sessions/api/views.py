"""`/api/v1/sessions/`: worked problems."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import TenantViewSet
from sessions.api.ingest import IngestActions
from sessions.api.serializers import SessionListSerializer, SessionSerializer
from sessions.api.work import WORK, WorkActions
from sessions.filters import SessionFilter
from sessions.models import AISession


@extend_schema_view(
    list=extend_schema(summary="List sessions", description="Worked problems, the latest first."),
    retrieve=extend_schema(summary="Read a session", description="With its steps, or with its transcript."),
)
class SessionViewSet(IngestActions, WorkActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Worked problems."""

    queryset = AISession.objects.select_related("client", "team", "flow").order_by("-started_at", "-id")
    filterset_class = SessionFilter
    scopes: ClassVar = {"GET": KeyScope.SESSIONS_READ, "POST": KeyScope.SESSIONS_WRITE}
    ordering_fields = ("started_at",)
    columns_of_lists = (
        "external_id", "status", "title", "problem_summary", "problem_domain", "client__name", "team__name",
        "technician_email", "started_at", "ended_at", "resolution_summary", "flow__key", "psa_system", "psa_ticket_id",
        "confidence_score",
    )  # fmt: skip
    action_permissions: ClassVar[dict[str, str]] = {"start": "add", **dict.fromkeys(WORK, "change")}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if self.action == "list" else rows.select_related("flow_version").defer("flow_version__examples")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return SessionListSerializer if self.action == "list" else SessionSerializer
