"""RowSerializer answers what REST framework would."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework import serializers

from flowpilot.common.reading import RowSerializer
from flowpilot.flows.api.serializers import FlowSerializer, FlowVersionSerializer
from flowpilot.flows.models import Flow, FlowVersion
from proposals.api.serializers import FlowProposalSerializer
from proposals.models import FlowProposal
from sessions.api.serializers import SessionSerializer
from sessions.ingest.api import IngestJobSerializer
from sessions.models import AISession, IngestJob
from tests.conftest import Cast
from tests.factories import make_change, make_flow, make_proposal, make_session

ROWS: list[tuple[type[RowSerializer], Any]] = [
    (SessionSerializer, AISession),
    (FlowProposalSerializer, FlowProposal),
    (FlowSerializer, Flow),
    (FlowVersionSerializer, FlowVersion),
    (IngestJobSerializer, IngestJob),
]


@pytest.mark.parametrize(("serializer", "model"), ROWS)
def test_the_same_values(cast: Cast, monkeypatch: pytest.MonkeyPatch, serializer: Any, model: Any) -> None:
    """Of rows with and without what they may refer to, in another time zone than the database's."""
    flow = make_flow(cast.account, title="VPN").flow
    Flow.objects.filter(pk=flow.pk).update(owner=cast.alice, review_by=timezone.localdate())
    make_session(cast.account, team="Field", flow="vpn", psa={"system": "connectwise", "ticket_id": "7"})
    make_session(cast.account, status="active", client=None, steps=None, transcript=[{"role": "user", "text": "x"}])
    make_proposal(cast.account, team=cast.team)
    FlowProposal.objects.filter(pk=make_change(cast.account).pk).update(
        reviewed_by=cast.alice, reviewed_at=timezone.now(), status="rejected"
    )
    IngestJob.objects.create(account=cast.account, created_by=cast.bob, size=3, lines=3, lines_done=1)
    rows = model.objects.order_by("pk")
    with timezone.override("Asia/Kathmandu"):
        quick = serializer(rows, many=True).data
        with monkeypatch.context() as slow:
            slow.setattr(RowSerializer, "to_representation", serializers.ModelSerializer.to_representation)
            assert quick == serializer(rows, many=True).data
    assert len(quick) == rows.count() > 0
