"""`/api/v1/audit-events/`: who did what to what, when and why."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import TenantViewSet
from flowpilot.common.filters import AuditEventFilter
from flowpilot.common.models import AuditEvent
from flowpilot.common.reading import RowSerializer


class AuditEventSerializer(RowSerializer):
    account = serializers.CharField(source="account.slug")
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    actor = serializers.EmailField(
        source="actor.email", default=None, allow_null=True, help_text="Null for FlowPilot itself, or who is gone."
    )
    actor_label = serializers.CharField(help_text="As they were called then.")
    before: Any = serializers.DictField(help_text="What was changed, as it was.")
    after: Any = serializers.DictField(help_text="As it is since.")

    class Meta:
        model = AuditEvent
        fields = [
            "id", "created_at", "account", "team", "actor", "actor_label", "action", "object_type", "object_id",
            "object_label", "reason", "before", "after",
        ]  # fmt: skip


@extend_schema_view(
    list=extend_schema(
        summary="List audit events", description="The audit log, the latest first, for owners and team admins."
    ),
    retrieve=extend_schema(summary="Read an audit event", description="Nothing changes an event any more."),
)
class AuditEventViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Who did what to what, when and why."""

    queryset = AuditEvent.objects.select_related("account", "team", "actor").order_by("-created_at", "-id")
    serializer_class = AuditEventSerializer
    filterset_class = AuditEventFilter
    ordering_fields = ("created_at",)
    scopes: ClassVar = {"GET": KeyScope.AUDIT_READ}
