"""The sessions behind a proposal, and the lines that its steps rest on."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.pagination import PAGE_PARAMETERS, PageSerializer
from proposals.evidence import QuotedSession, evidence_of
from sessions.models import AISession


class QuotedLineSerializer(serializers.Serializer):
    index = serializers.IntegerField(help_text="Of the session's step or turn, from 0.")
    said = serializers.CharField(help_text="What was asked or done.")
    answers = serializers.ListField(child=serializers.CharField())


class EvidenceSessionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    external_id = serializers.CharField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=AISession.Status.choices)
    client = serializers.CharField(allow_null=True)
    technician = serializers.CharField()
    started_at = serializers.DateTimeField()
    lines = QuotedLineSerializer(many=True, help_text="With `node`: what that step of the proposal rests on.")


class EvidenceSerializer(PageSerializer):
    """A page of the sessions behind a proposal, newest first."""

    total = serializers.IntegerField(help_text="Sessions that you may read.")
    hidden = serializers.IntegerField(help_text="Sessions that you may not, or that were deleted since.")
    results = EvidenceSessionSerializer(many=True)


class EvidenceActions(TenantViewSet):
    @extend_schema(
        summary="Evidence of a proposal",
        parameters=[
            OpenApiParameter("node", str, description="Only what this node of the proposal rests on, line by line."),
            *PAGE_PARAMETERS,
        ],
        responses={200: EvidenceSerializer, 404: ProblemSerializer},
    )
    @action(detail=True)
    def evidence(self, request: Request, pk: str) -> Response:
        """The sessions that support the proposal; with `node` the very lines of them that this step rests on."""
        evidence = evidence_of(request.user, self.get_object(), request.query_params.get("node", ""))
        rows, links = self.page_of(evidence.sessions)
        total = evidence.sessions.count()
        results = [_told(quoted) for quoted in evidence.quoted(rows)]
        return Response({**links, "total": total, "hidden": max(0, evidence.named - total), "results": results})


def _told(quoted: QuotedSession) -> dict[str, Any]:
    session = quoted.session
    return {
        "id": session.pk,
        "external_id": session.external_id,
        "title": session.title,
        "status": session.status,
        "client": session.client.name if session.client else None,
        "technician": session.technician_email,
        "started_at": session.started_at,
        "lines": [asdict(line) for line in quoted.lines],
    }
