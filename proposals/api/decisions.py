"""Decisions on proposals, and claims."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.bodies import BodySerializer
from flowpilot.common.errors import Conflict
from flowpilot.flows.api.serializers import DefinitionField
from flowpilot.flows.definition import MAX_TITLE
from proposals import review
from proposals.api.serializers import FlowProposalSerializer
from proposals.models import FlowProposal

MOST_NOTES = 10_000
MOST_WAKING = 100_000


class DecisionSerializer(BodySerializer):
    revision = serializers.IntegerField(min_value=0, help_text="Of the proposal as you read it; or `If-Match`.")
    notes = serializers.CharField(required=False, allow_blank=True, max_length=MOST_NOTES, default="")


class DismissSerializer(DecisionSerializer):
    scope = serializers.ChoiceField(
        choices=FlowProposal.DismissScope.choices,
        default=FlowProposal.DismissScope.CHANGE,
        help_text="change: other proposals of the topic may come up; topic: none does.",
    )
    wake_at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it comes back.")
    wake_sessions = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_WAKING, help_text="Or after so many new sessions…"
    )
    wake_clients = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_WAKING, help_text="…of so many clients."
    )


class RejectSerializer(DecisionSerializer):
    notes = serializers.CharField(max_length=MOST_NOTES, help_text="Why.")


class PublishSerializer(DecisionSerializer):
    definition = DefinitionField(help_text="The edited definition.")
    title = serializers.CharField(required=False, max_length=MAX_TITLE, help_text="Of a new flow.")


class UndoSerializer(BodySerializer):
    revision = serializers.IntegerField(
        required=False, min_value=0, help_text="Where it must be this still; or `If-Match`."
    )


REFUSALS = dict.fromkeys((400, 403, 404, 409), ProblemSerializer)
DECISION: dict[str, Any] = {"responses": {200: FlowProposalSerializer, **REFUSALS, 412: ProblemSerializer}}
CLAIM: dict[str, Any] = {"request": None, "responses": {200: FlowProposalSerializer, **REFUSALS}}
DECISIONS = ("approve", "publish", "dismiss", "reject", "undo", "claim", "release")


class DecisionActions(TenantViewSet):
    """What reviewers do. Each decision is the one of the review page, under the same rules."""

    @extend_schema(summary="Approve a proposal", request=DecisionSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Publish a new flow as proposed. A change to a flow is never approved blind: that is 403."""
        return self._decide(review.proposal_approve, DecisionSerializer)

    @extend_schema(summary="Edit & publish a proposal", request=PublishSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Publish an edited definition: a new flow, or the next version of the flow that the proposal changes.

        An invalid definition is 400 with a pointer to everything that is wrong in it. 409 where the flow has moved on
        from `base_version`.
        """
        return self._decide(review.proposal_publish, PublishSerializer)

    @extend_schema(summary="Dismiss a proposal", request=DismissSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        """Park it: not wrong, not now. It comes back at a time, after so many new sessions, or by hand."""
        return self._decide(review.proposal_dismiss, DismissSerializer)

    @extend_schema(summary="Reject a proposal", request=RejectSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Refuse it for its quality."""
        return self._decide(review.proposal_reject, RejectSerializer)

    @extend_schema(summary="Undo a decision", request=UndoSerializer, **DECISION)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take the last decision back while that can be done: the proposal is pending again, and what it published
        guides nobody any more.

        409 where nothing was decided, the time has passed, or what was published is in use already; `details` then
        names the version that the flow's page can make the newest again.
        """
        proposal = self.get_object()
        said = self.said(UndoSerializer)
        seen = proposal.status if "If-Match" in request.headers else None
        undone = review.proposal_undo(actor=self.actor, proposal_id=proposal.pk, status=seen, **said)
        if (version := undone.revert_version_offered) is not None:
            raise Conflict(
                "nothing was undone: what was published is in use already",
                details={"flow": version.flow_id, "former_version": version.number},
            )
        return self.as_it_is_now()

    @extend_schema(summary="Claim a proposal", **CLAIM)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str) -> Response:
        """Say that you are at it, or stay at it for as long again. A claim warns other reviewers; it stops nobody.

        409 where somebody else has claimed it, or it is decided.
        """
        return self._claim(review.proposal_claim)

    @extend_schema(summary="Release a proposal", **CLAIM)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Give your claim back. 409 where you have none."""
        return self._claim(review.proposal_release)

    def changes(self, row: Any) -> dict[str, Any]:
        by = row.reviewed_by
        return {"reviewed_by": str(by) if by else None, "reviewed_at": str(row.reviewed_at)} if row.reviewed_at else {}

    def _decide(self, service: Any, serializer_class: type[serializers.Serializer]) -> Response:
        proposal = self.get_object()
        service(actor=self.actor, proposal_id=proposal.pk, **self.said(serializer_class))
        return self.as_it_is_now()

    def _claim(self, service: Any) -> Response:
        service(actor=self.actor, proposal_id=self.get_object().pk)
        return self.as_it_is_now()
