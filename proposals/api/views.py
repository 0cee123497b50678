"""`/api/v1/proposals/`: the queue, and one proposal."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import TenantViewSet
from proposals.api.decisions import DECISIONS, DecisionActions
from proposals.api.evidence import EvidenceActions
from proposals.api.replays import ReplayActions
from proposals.api.serializers import FlowProposalListSerializer, FlowProposalSerializer
from proposals.filters import FlowProposalFilter
from proposals.models import FlowProposal


@extend_schema_view(
    list=extend_schema(
        summary="List proposals", description="Proposed changes to the flows, those with the most impact first."
    ),
    retrieve=extend_schema(
        summary="Read a proposal",
        description="With the definition that it would publish, and what it changes of the version published now.",
    ),
)
class FlowProposalViewSet(
    DecisionActions, EvidenceActions, ReplayActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet
):
    """Proposed changes to the flows, and their review."""

    queryset = FlowProposal.objects.select_related("account", "team", "base_version", "claimed_by").order_by(
        "-impact", "-id"
    )
    filterset_class = FlowProposalFilter
    # Asking what a proposal would have done decides nothing.
    scopes: ClassVar = {
        "GET": KeyScope.PROPOSALS_READ,
        "POST": KeyScope.PROPOSALS_DECIDE,
        "replay_start": KeyScope.PROPOSALS_READ,
    }
    ordering_fields = ("impact", "created_at", "confidence_score")
    columns_of_lists = (
        "account__slug", "team__name", "source_session", "proposal_type", "target_flow", "base_version__number",
        "title", "description", "confidence_score", "supporting_session_count", "problem_domain", "status",
        "revision", "claimed_by__email", "claimed_until", "reviewed_by", "reviewer_notes", "published_flow",
        "created_at", "reviewed_at", "impact",
    )  # fmt: skip
    action_permissions: ClassVar[dict[str, str]] = {
        **dict.fromkeys(DECISIONS, "decide"),
        # Who may read a proposal may ask what it would have done.
        **dict.fromkeys(("replay", "replay_start", "replay_sessions", "evidence"), "view"),
    }

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.action == "list":
            return rows
        return rows.select_related("target_flow", "reviewed_by", "published_version__flow")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return FlowProposalListSerializer if self.action == "list" else FlowProposalSerializer
