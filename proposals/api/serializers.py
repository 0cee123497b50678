"""How a proposal is told."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from flowpilot.common.reading import RowSerializer
from flowpilot.flows.api.serializers import DefinitionField, DiffField
from flowpilot.flows.edit import told
from proposals.models import FlowProposal
from proposals.review import undo_deadline
from proposals.selectors import diff_of
from sessions.models import Tier


class FlowProposalListSerializer(RowSerializer):
    account = serializers.CharField(source="account.slug")
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    tier = serializers.ChoiceField(choices=Tier.choices)
    base_version = serializers.IntegerField(source="base_version.number", default=None, allow_null=True)
    claimed_by = serializers.SerializerMethodField(help_text="Whose claim has not run out, by email.")

    class Meta:
        model = FlowProposal
        fields = [
            "id", "account", "team", "source_session", "proposal_type", "target_flow", "base_version", "title",
            "description", "confidence_score", "tier", "impact", "supporting_session_count", "problem_domain", "status",
            "revision", "claimed_by", "claimed_until", "reviewed_by", "reviewer_notes", "published_flow", "created_at",
            "reviewed_at",
        ]  # fmt: skip

    def get_claimed_by(self, proposal: FlowProposal) -> str | None:
        claimant = proposal.claimant
        return claimant.email if claimant else None


class ProposedDiffSerializer(serializers.Serializer):
    """What the proposal changes, as its review page shows it."""

    summary = serializers.CharField(help_text="The difference counted, in words.")
    sentences = serializers.ListField(child=serializers.CharField(), help_text="One for each difference.")
    diff = DiffField(help_text="The difference; parts without a change are left out.")


class FlowProposalSerializer(FlowProposalListSerializer):
    proposed_flow_data = DefinitionField(help_text="What it would publish; {} where it proposes no flow.")
    proposed_diff = DiffField(help_text="The difference as it was written down with this revision; {} for a new flow.")
    supporting_session_ids: Any = serializers.PrimaryKeyRelatedField(
        source="supporting_sessions", many=True, read_only=True
    )
    node_evidence = serializers.DictField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.IntegerField())),
        help_text="By node: [session, index of its step or turn], the lines that it rests on. `evidence` quotes them.",
    )
    masked = serializers.ListField(child=serializers.CharField(), help_text="Private matter that was masked out.")
    difference = serializers.SerializerMethodField(
        help_text="From the version that it was made from; null for a new flow."
    )
    has_moved_on = serializers.BooleanField(help_text="The flow has another version by now than `base_version`.")
    can_be_approved = serializers.BooleanField(
        help_text="A change to a flow is never approved, only edited & published."
    )
    can_be_undone_until = serializers.SerializerMethodField(help_text="The decision, by `undo`; null where it cannot.")

    class Meta(FlowProposalListSerializer.Meta):
        fields = [
            *FlowProposalListSerializer.Meta.fields, "proposed_flow_data", "proposed_diff", "difference",
            "has_moved_on", "node_evidence", "masked", "supporting_session_ids", "topic_session_count",
            "topic_escalated_count", "client_count", "technician_count", "can_be_approved", "can_be_undone_until",
        ]  # fmt: skip

    @extend_schema_field(ProposedDiffSerializer(allow_null=True))
    def get_difference(self, proposal: FlowProposal) -> dict[str, Any] | None:
        diff = diff_of(proposal)
        if diff is None:
            return None
        base = proposal.base_version.definition if proposal.base_version else None
        sentences = told(diff, base, proposal.proposed_flow_data) if base and proposal.proposed_flow_data else []
        return {"summary": diff.summary(), "sentences": sentences, "diff": diff.to_json()}

    def get_can_be_undone_until(self, proposal: FlowProposal) -> datetime | None:
        return undo_deadline(proposal)
