"""Which events are told, by which services, with what in them, and at what cost."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.gaps.detect import gaps_detect
from analytics.gaps.models import KnowledgeGap
from flowpilot.flows.services import flow_roll_back, flow_version_publish
from flowpilot.webhooks.events import event_emit, events_emit
from flowpilot.webhooks.models import EventType, WebhookDelivery
from proposals.models import FlowProposal
from proposals.review import proposal_approve, proposal_reject, proposal_undo
from tests.analytics.gap_rows import make_ended, outcomes
from tests.conftest import Cast
from tests.factories import definition, make_endpoint, make_flow, make_proposal
from tests.proposals.test_analysis import add_printer_sessions, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queued")]


def told(event_type: str) -> list[dict[str, Any]]:
    """The data of the events of a type, the oldest first."""
    rows = WebhookDelivery.objects.filter(event_type=event_type).order_by("pk")
    return [row.payload["data"] for row in rows]


class TestEmitting:
    def test_who_asks_is_told_each_under_one_id(self, cast: Cast) -> None:
        asking = [make_endpoint(cast.account, event_types=["flow.published", "gap.opened"]) for _ in range(2)]
        make_endpoint(cast.account, event_types=["gap.opened"])
        make_endpoint(cast.account, is_active=False)
        make_endpoint(cast.other_account)
        events_emit(account_id=cast.account.pk, type=EventType.FLOW_PUBLISHED, data=[{"flow_id": 1}, {"flow_id": 2}])
        rows = WebhookDelivery.objects.order_by("pk")
        assert [row.endpoint for row in rows] == asking * 2
        assert len({row.event_id for row in rows}) == 2
        first = rows[0].payload
        assert (first["type"], first["data"]) == ("flow.published", {"account": "northwind", "flow_id": 1})
        assert abs(datetime.fromisoformat(first["timestamp"]) - timezone.now()) < timedelta(minutes=1)

    def test_without_an_endpoint_it_is_one_query_and_the_data_are_not_made(self, cast: Cast) -> None:
        make_endpoint(cast.other_account)
        make_endpoint(cast.account, event_types=["gap.opened"])

        def never() -> Iterator[dict[str, Any]]:
            raise AssertionError("nobody asked")
            yield {}

        with CaptureQueriesContext(connection) as captured:
            events_emit(account_id=cast.account.pk, type=EventType.SESSION_ANALYSED, data=never())
        assert len(captured) == 1

    def test_a_thousand_events_are_a_handful_of_queries(self, cast: Cast) -> None:
        make_endpoint(cast.account)
        data = ({"session_id": number} for number in range(1_000))
        with CaptureQueriesContext(connection) as captured:
            events_emit(account_id=cast.account.pk, type=EventType.SESSION_ANALYSED, data=data)
        assert WebhookDelivery.objects.count() == 1_000
        assert len(captured) <= 4, "the endpoints, and one insert between the marks of its transaction"


@pytest.mark.django_db(transaction=True)
def test_what_did_not_happen_is_not_told(cast: Cast, queued: list[int]) -> None:
    make_endpoint(cast.account)
    with pytest.raises(RuntimeError, match="inside one"):
        event_emit(account_id=cast.account.pk, type=EventType.FLOW_PUBLISHED, data={})
    with transaction.atomic():
        make_flow(cast.account)
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()
    assert queued == []
    make_flow(cast.account)
    assert queued == [WebhookDelivery.objects.get().pk], "queued when the transaction commits"


class TestServices:
    def test_flows(self, cast: Cast) -> None:
        make_endpoint(cast.account)
        version = make_flow(cast.account)
        changed = definition("Is it on?")
        flow_version_publish(actor=None, flow=version.flow, base_number=1, definition=changed)
        flow_roll_back(actor=cast.alice, flow_id=version.flow_id, version_number=1, base_number=2, reason="worse")
        flow = version.flow_id
        assert [(data["flow_id"], data["version"]) for data in told("flow.published")] == [
            (flow, 1),
            (flow, 2),
            (flow, 3),
        ]

    def test_decisions(self, cast: Cast) -> None:
        make_endpoint(cast.account)
        approved, rejected = make_proposal(cast.account), make_proposal(cast.account)
        proposal_approve(actor=cast.alice, proposal_id=approved.pk, revision=1)
        proposal_reject(actor=cast.alice, proposal_id=rejected.pk, revision=1, notes="wrong")
        proposal_undo(actor=cast.alice, proposal_id=rejected.pk)
        assert [(data["proposal_id"], data["status"]) for data in told("proposal.decided")] == [
            (approved.pk, "approved"),
            (rejected.pk, "rejected"),
            (rejected.pk, "pending"),
        ]
        assert told("proposal.decided")[0]["flow_id"] == told("flow.published")[0]["flow_id"]

    def test_analysis(self, cast: Cast) -> None:
        make_endpoint(cast.account)
        sessions = add_printer_sessions(cast.account)
        run(cast.account)
        assert {data["session_id"] for data in told("session.analysed")} == {session.pk for session in sessions}
        (created,) = told("proposal.created")
        proposal = FlowProposal.objects.get()
        assert (created["proposal_id"], created["proposal_type"], created["status"]) == (
            proposal.pk,
            "new_flow",
            "pending",
        )
        run(cast.account)
        assert len(told("proposal.created")) == 1

    def test_gaps(self, cast: Cast) -> None:
        make_endpoint(cast.account)
        start = timezone.now() - timedelta(days=100)
        for number, bad, good in ((1, 20, 20), (4, 1, 79), (6, 28, 10)):
            now = start + timedelta(weeks=number)
            make_ended(cast.account, outcomes(6, 54), domain="networking", now=now, days_ago=3)
            make_ended(cast.account, outcomes(bad, good), domain="remote access", now=now, days_ago=3)
            gaps_detect(account_id=cast.account.pk, now=now)
        gap = KnowledgeGap.objects.get()
        assert [(data["gap_id"], data["times_reopened"]) for data in told("gap.opened")] == [(gap.pk, 0), (gap.pk, 1)]
        assert [(data["gap_id"], data["state"]) for data in told("gap.closed")] == [(gap.pk, "closed")]

    def test_they_name_things_by_ids_and_addresses_that_open(self, cast: Cast, login: Any, settings: Any) -> None:
        settings.SITE_URL = "https://flowpilot.example"
        make_endpoint(cast.account)
        sessions = add_printer_sessions(cast.account)
        run(cast.account)
        proposal = FlowProposal.objects.get()
        proposal_approve(actor=cast.alice, proposal_id=proposal.pk, revision=1)
        browser: Client = login(cast.alice)
        for row in WebhookDelivery.objects.all():
            assert row.payload["data"]["account"] == "northwind"
            for name in ("url", "api"):
                address = row.payload["data"][name].removeprefix("https://flowpilot.example")
                assert browser.get(address).status_code == 200, row.payload
            text = json.dumps(row.payload).lower()
            private = ("printer", "tech0@", "client 0", sessions[0].external_id.lower())
            assert not [word for word in private if word in text], row.payload
