"""Proposals over the API: the same services as the admin's."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.reading import RowSerializer
from proposals.filters import FlowProposalFilter
from proposals.models import FlowProposal
from proposals.review import proposal_approve, proposal_dismiss, proposal_publish, proposal_reject
from sessions.models import Tier


class FlowProposalListSerializer(RowSerializer):
    account = serializers.CharField(source="account.slug")
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    tier = serializers.ChoiceField(choices=Tier.choices)
    base_version = serializers.IntegerField(source="base_version.number", default=None, allow_null=True)

    class Meta:
        model = FlowProposal
        fields = [
            "id", "account", "team", "source_session", "proposal_type", "target_flow", "base_version", "title",
            "description", "confidence_score", "tier", "supporting_session_count", "problem_domain", "status",
            "revision", "reviewed_by", "reviewer_notes", "published_flow", "created_at", "reviewed_at",
        ]  # fmt: skip


class FlowProposalSerializer(FlowProposalListSerializer):
    supporting_session_ids: Any = serializers.PrimaryKeyRelatedField(
        source="supporting_sessions", many=True, read_only=True
    )

    class Meta(FlowProposalListSerializer.Meta):
        fields = [
            *FlowProposalListSerializer.Meta.fields, "proposed_flow_data", "proposed_diff", "node_evidence", "masked",
            "supporting_session_ids",
        ]  # fmt: skip


class DecisionSerializer(serializers.Serializer):
    revision = serializers.IntegerField(min_value=1, help_text="Of the proposal as you read it; or `If-Match`.")
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")


class DismissSerializer(DecisionSerializer):
    scope = serializers.ChoiceField(
        choices=FlowProposal.DismissScope.choices,
        default=FlowProposal.DismissScope.CHANGE,
        help_text="change: other proposals of the topic may come up; topic: none does.",
    )
    wake_at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it comes back.")
    wake_sessions = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=100_000, help_text="Or after so many new sessions…"
    )
    wake_clients = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=100_000, help_text="…of so many clients."
    )


class RejectSerializer(DecisionSerializer):
    notes = serializers.CharField(max_length=10_000, help_text="Why.")


class PublishSerializer(DecisionSerializer):
    definition = serializers.JSONField(help_text="The edited definition; see /api/v1/definition-schema/.")
    title = serializers.CharField(required=False, max_length=200)


DECISION: dict[str, Any] = {
    "responses": {
        200: FlowProposalSerializer,
        **dict.fromkeys((400, 403, 404, 409, 412), ProblemSerializer),
    }
}


class FlowProposalViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Proposed changes to the flows, and their review."""

    queryset = FlowProposal.objects.select_related("account", "team", "base_version").order_by("-impact", "-id")
    filterset_class = FlowProposalFilter
    ordering_fields = ("impact", "created_at", "confidence_score")
    columns_of_lists = (
        "account__slug", "team__name", "source_session", "proposal_type", "target_flow", "base_version__number",
        "title", "description", "confidence_score", "supporting_session_count", "problem_domain", "status",
        "revision", "reviewed_by", "reviewer_notes", "published_flow", "created_at", "reviewed_at", "impact",
    )  # fmt: skip
    scopes: ClassVar = {"GET": KeyScope.PROPOSALS_READ, "POST": KeyScope.PROPOSALS_DECIDE}
    action_permissions: ClassVar[dict[str, str]] = dict.fromkeys(("approve", "publish", "dismiss", "reject"), "decide")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return FlowProposalListSerializer if self.action == "list" else FlowProposalSerializer

    @extend_schema(
        summary="Approve", description="Publish a new flow as proposed.", request=DecisionSerializer, **DECISION
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._decide(proposal_approve, DecisionSerializer)

    @extend_schema(summary="Edit & publish", request=PublishSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        return self._decide(proposal_publish, PublishSerializer)

    @extend_schema(summary="Dismiss", description="Park it: not wrong, not now.", request=DismissSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        return self._decide(proposal_dismiss, DismissSerializer)

    @extend_schema(summary="Reject", description="Refuse it for its quality.", request=RejectSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        return self._decide(proposal_reject, RejectSerializer)

    def _decide(self, service: Any, serializer_class: type[DecisionSerializer]) -> Response:
        proposal = self.get_object()
        serializer = serializer_class(data=self.given_revision())
        serializer.is_valid(raise_exception=True)
        service(actor=self.request.user, proposal_id=proposal.pk, **serializer.validated_data)
        return Response(self.get_serializer(self.get_object()).data)
