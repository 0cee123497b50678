"""The four decisions, by their rules, through the one service."""

import copy
import threading
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound, ServiceError
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import InvalidFlow, flow_version_publish
from proposals.models import FlowProposal
from proposals.review import proposal_approve, proposal_dismiss, proposal_publish, proposal_reject
from tests.conftest import Cast
from tests.factories import definition, make_change, make_proposal

Status = FlowProposal.Status
pytestmark = pytest.mark.django_db


def decide(name: str, actor: Any, proposal: FlowProposal, revision: int | None = None) -> FlowProposal:
    """Any of the four decisions with arguments that are right for it."""
    common = {
        "actor": actor,
        "proposal_id": proposal.pk,
        "revision": revision or proposal.revision,
        "notes": "a reason",
    }
    if name == "publish":
        return proposal_publish(definition=proposal.proposed_flow_data, **common)
    services = {"approve": proposal_approve, "dismiss": proposal_dismiss, "reject": proposal_reject}
    return services[name](**common)


DECISIONS = ("approve", "publish", "dismiss", "reject")


class TestApprove:
    def test_publishes_the_flow_as_proposed_and_leaves_an_event(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        decided = proposal_approve(actor=cast.alice, proposal_id=proposal.pk, revision=1, notes="looks right")

        assert decided.status == Status.APPROVED
        assert decided.reviewed_by == cast.alice
        assert decided.published_flow is not None
        version = decided.published_flow.current_version
        assert version is not None
        assert (version.number, version.definition) == (1, proposal.proposed_flow_data)
        event = AuditEvent.objects.get(action="proposal.approved")
        assert (event.actor, event.reason, event.before["status"]) == (cast.alice, "looks right", "pending")
        assert event.after["flow"] == decided.published_flow.key

    def test_the_topic_now_has_the_flow(self, cast: Cast) -> None:
        decided = decide("approve", cast.alice, make_proposal(cast.account))
        assert decided.topic.flow_id is None or decided.topic.flow_id == decided.published_flow_id
        decided.topic.refresh_from_db()
        assert decided.topic.flow_id == decided.published_flow_id

    def test_a_change_is_never_approved_blind(self, cast: Cast) -> None:
        proposal = make_change(cast.account)
        with pytest.raises(NotAllowed, match="edit & publish"):
            decide("approve", cast.alice, proposal)
        proposal.refresh_from_db()
        assert proposal.is_pending

    def test_an_invalid_definition_is_not_published(self, cast: Cast) -> None:
        broken = definition()
        broken["nodes"][0]["options"][0]["next"] = "nowhere"
        proposal = make_proposal(cast.account, proposed_flow_data=broken)
        with pytest.raises(InvalidFlow) as caught:
            decide("approve", cast.alice, proposal)
        assert "/nodes/0/options/0/next" in {error.pointer for error in caught.value.errors}
        proposal.refresh_from_db()
        assert proposal.is_pending
        assert not Flow.objects.exists()

    def test_two_flows_of_one_title_get_keys_of_their_own(self, cast: Cast) -> None:
        flows = [decide("approve", cast.alice, make_proposal(cast.account)).published_flow for _ in range(2)]
        assert [flow.key for flow in flows if flow] == ["vpn-does-not-connect", "vpn-does-not-connect-2"]


class TestPublish:
    def test_an_edited_new_flow_is_modified(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        edited = definition(question="Is the VPN client connected?")
        decided = proposal_publish(
            actor=cast.alice, proposal_id=proposal.pk, revision=1, definition=edited, title="VPN is down"
        )
        assert decided.status == Status.MODIFIED
        assert decided.published_flow is not None
        assert decided.published_flow.title == "VPN is down"
        assert decided.published_flow.current_version is not None
        assert decided.published_flow.current_version.definition == edited

    def test_a_new_flow_left_as_proposed_is_approved(self, cast: Cast) -> None:
        assert decide("publish", cast.alice, make_proposal(cast.account)).status == Status.APPROVED

    def test_a_change_becomes_the_next_version(self, cast: Cast) -> None:
        proposal = make_change(cast.account)
        decided = decide("publish", cast.alice, proposal)
        assert decided.status == Status.MODIFIED
        versions = FlowVersion.objects.filter(flow=proposal.target_flow).order_by("number")
        assert [v.number for v in versions] == [1, 2]
        assert versions[1].definition == proposal.proposed_flow_data

    def test_a_flow_that_moved_on_is_not_overwritten(self, cast: Cast) -> None:
        proposal = make_change(cast.account)
        assert proposal.target_flow
        flow_version_publish(
            actor=cast.alice, flow=proposal.target_flow, base_number=1, definition=definition(yes="Call the provider")
        )
        with pytest.raises(Conflict, match="is at version 2 now"):
            decide("publish", cast.alice, proposal)
        proposal.refresh_from_db()
        assert proposal.is_pending

    def test_an_invalid_edit_says_where_and_changes_nothing(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        cyclic = copy.deepcopy(proposal.proposed_flow_data)
        cyclic["nodes"][1]["options"][0]["next"] = "n1"
        with pytest.raises(InvalidFlow) as caught:
            proposal_publish(actor=cast.alice, proposal_id=proposal.pk, revision=1, definition=cyclic)
        assert "cycle" in {error.code for error in caught.value.errors}
        assert not Flow.objects.exists()


class TestDismissAndReject:
    def test_dismissed_is_parked(self, cast: Cast) -> None:
        assert decide("dismiss", cast.alice, make_proposal(cast.account)).status == Status.DISMISSED

    def test_reject_needs_a_reason(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        with pytest.raises(InvalidInput, match="why"):
            proposal_reject(actor=cast.alice, proposal_id=proposal.pk, revision=1, notes="  ")
        assert decide("reject", cast.alice, proposal).reviewer_notes == "a reason"


@pytest.mark.parametrize("decision", DECISIONS)
class TestEveryDecision:
    def test_names_the_revision_that_was_read(self, cast: Cast, decision: str) -> None:
        proposal = make_proposal(cast.account, revision=3)
        with pytest.raises(Conflict, match="you saw revision 2, it is at revision 3") as caught:
            decide(decision, cast.alice, proposal, revision=2)
        assert caught.value.details == {"your_revision": 2, "current_revision": 3, "changes": []}

    def test_is_made_once_and_the_next_is_told_who_made_it(self, cast: Cast, decision: str) -> None:
        proposal = make_proposal(cast.account)
        decide("dismiss", cast.alice, proposal)
        with pytest.raises(Conflict, match="Alice has decided this already: dismissed"):
            decide(decision, cast.olivia, proposal)

    def test_is_for_reviewers_only(self, cast: Cast, decision: str) -> None:
        proposal = make_proposal(cast.account)
        for actor in (cast.carol, cast.sam):
            with pytest.raises(NotAllowed):
                decide(decision, actor, proposal)
        # A technician sees no proposals at all, and Mallory none of Northwind's: to them there is none.
        for actor in (cast.bob, cast.mallory):
            with pytest.raises(NotFound):
                decide(decision, actor, proposal)

    def test_leaves_auto_reinforced_alone(self, cast: Cast, decision: str) -> None:
        record = make_proposal(cast.account, proposal_type="auto_reinforced", status="auto_reinforced")
        with pytest.raises(NotAllowed):
            decide(decision, cast.alice, record)

    def test_leaves_an_event_with_before_and_after(self, cast: Cast, decision: str) -> None:
        decided = decide(decision, cast.alice, make_proposal(cast.account))
        event = AuditEvent.objects.get(object_type="proposals.flowproposal", object_id=decided.pk)
        assert event.before == {"status": "pending", "revision": 1}
        assert event.after["status"] == decided.status
        assert event.account == cast.account


def race(cast: Cast, proposal: FlowProposal, count: int = 8) -> tuple[list[str], list[str]]:
    """All decide at once: Alice and Olivia in turn. What was done, and what the others were told."""
    done: list[str] = []
    told: list[str] = []
    start = threading.Barrier(count)

    def work(number: int) -> None:
        try:
            start.wait()
            actor = cast.alice if number % 2 else cast.olivia
            done.append(decide("approve" if number % 3 else "dismiss", actor, proposal).status)
        except ServiceError as error:
            told.append(error.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done, told


@pytest.mark.django_db(transaction=True)
def test_of_decisions_at_once_exactly_one_wins(cast: Cast) -> None:
    for _ in range(5):
        proposal = make_proposal(cast.account)
        done, told = race(cast, proposal)
        assert len(done) == 1
        assert len(told) == 7
        assert all("has decided this already" in message for message in told)
        events = AuditEvent.objects.filter(object_type="proposals.flowproposal", object_id=proposal.pk)
        assert events.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_row_lock_more_than_one_would_win(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of the test above is real: take the lock away and the race is lost."""
    lock = QuerySet.select_for_update

    def unlocked(rows: Any, **options: Any) -> Any:
        return rows if rows.model is FlowProposal else lock(rows, **options)

    monkeypatch.setattr(QuerySet, "select_for_update", unlocked)
    winners = max(len(race(cast, make_proposal(cast.account))[0]) for _ in range(10))
    assert winners > 1
