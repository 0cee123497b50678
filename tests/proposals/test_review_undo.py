"""Undo: a decision is taken back for a while, and what it published guides nobody any more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import flow_version_publish
from proposals.models import FlowProposal, SessionAnalysis
from proposals.review import (
    proposal_approve,
    proposal_dismiss,
    proposal_merge,
    proposal_publish,
    proposal_reject,
    proposal_retire,
    proposal_undo,
    undo_deadline,
)
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import definition, make_change, make_proposal, make_session

Status = FlowProposal.Status
pytestmark = pytest.mark.django_db


def approved(cast: Cast) -> FlowProposal:
    return proposal_approve(actor=cast.alice, proposal_id=make_proposal(cast.account).pk, revision=1)


def published_change(cast: Cast) -> FlowProposal:
    change = make_change(cast.account)
    return proposal_publish(
        actor=cast.alice, proposal_id=change.pk, revision=1, definition=change.proposed_flow_data, notes="ok"
    )


def test_a_rejection_is_taken_back_without_a_trace_on_the_row(cast: Cast) -> None:
    proposal = make_proposal(cast.account)
    proposal_reject(actor=cast.alice, proposal_id=proposal.pk, revision=1, notes="too vague")
    undone = proposal_undo(actor=cast.olivia, proposal_id=proposal.pk).proposal
    undone.refresh_from_db()
    assert (undone.status, undone.reviewed_by, undone.reviewed_at, undone.reviewer_notes) == ("pending", None, None, "")
    event = AuditEvent.objects.get(action="proposal.undone")
    assert (event.actor, event.before["status"], event.after["status"]) == (cast.olivia, "rejected", "pending")


def test_a_dismissal_forgets_its_wake_condition(cast: Cast) -> None:
    proposal = make_proposal(cast.account)
    proposal_dismiss(
        actor=cast.alice, proposal_id=proposal.pk, revision=1, scope="topic", wake_sessions=5, wake_clients=2
    )
    undone = proposal_undo(actor=cast.alice, proposal_id=proposal.pk).proposal
    assert (undone.dismiss_scope, undone.wake_sessions, undone.wake_clients) == ("", None, None)


def test_a_new_flow_guides_nobody_any_more_and_goes_on_as_the_same_flow_when_approved_again(cast: Cast) -> None:
    proposal = approved(cast)
    proposal_undo(actor=cast.alice, proposal_id=proposal.pk)
    flow = Flow.objects.get()
    assert flow.is_archived
    proposal.refresh_from_db()
    assert (proposal.published_flow, proposal.published_version) == (None, None)
    again = proposal_approve(actor=cast.alice, proposal_id=proposal.pk, revision=1)
    flow = Flow.objects.get()
    assert (again.published_flow, flow.is_archived) == (flow, False)
    assert flow.current_version is not None
    assert flow.current_version.number == 2


def test_a_change_goes_back_to_the_version_before_and_its_number_is_not_given_again(cast: Cast) -> None:
    proposal = published_change(cast)
    undone = proposal_undo(actor=cast.alice, proposal_id=proposal.pk)
    assert undone.revert_version_offered is None
    flow = Flow.objects.select_related("current_version").get()
    assert (flow.current_version.number, flow.status) == (1, "published")  # type: ignore[union-attr]
    assert undone.proposal.topic.flow_id in (None, flow.pk)
    version = flow_version_publish(
        actor=cast.alice, flow=flow, base_number=1, definition=definition(yes="Call the provider")
    )
    assert version.number == 3


@pytest.mark.parametrize("user", ["session", "analysis", "a later version"])
def test_a_version_in_use_stays_and_the_way_back_is_offered(cast: Cast, user: str) -> None:
    proposal = published_change(cast)
    version = FlowVersion.objects.get(number=2)
    if user == "a later version":
        flow_version_publish(
            actor=cast.alice, flow=version.flow, base_number=2, definition=definition(yes="Call the provider")
        )
    elif user == "session":
        AISession.objects.filter(pk=make_session(cast.account).pk).update(flow_version=version)
    else:
        SessionAnalysis.objects.create(
            account=cast.account, session=make_session(cast.account), state="done", flow_version=version
        )
    undone = proposal_undo(actor=cast.alice, proposal_id=proposal.pk)
    assert undone.revert_version_offered is not None
    assert undone.revert_version_offered.number == 1
    proposal.refresh_from_db()
    assert proposal.status == Status.MODIFIED


def test_a_new_flow_in_use_stays(cast: Cast) -> None:
    proposal = approved(cast)
    AISession.objects.filter(pk=make_session(cast.account).pk).update(flow_version=proposal.published_version)
    with pytest.raises(Conflict, match="archive it"):
        proposal_undo(actor=cast.alice, proposal_id=proposal.pk)
    assert not Flow.objects.get().is_archived


def test_the_window_closes(cast: Cast) -> None:
    proposal = approved(cast)
    assert undo_deadline(proposal) is not None
    FlowProposal.objects.update(reviewed_at=timezone.now() - timedelta(hours=1))
    proposal.refresh_from_db()
    assert undo_deadline(proposal) is None
    with pytest.raises(Conflict, match="30 minutes"):
        proposal_undo(actor=cast.alice, proposal_id=proposal.pk)


def test_only_a_persons_own_decision_is_undone(cast: Cast) -> None:
    pending, retired, into = (make_proposal(cast.account) for _ in range(3))
    with pytest.raises(Conflict, match="pending"):
        proposal_undo(actor=cast.alice, proposal_id=pending.pk)
    proposal_retire(proposal=retired, reason="answered by version 2")
    proposal_merge(actor=cast.alice, proposal_id=pending.pk, revision=1, into_id=into.pk, into_revision=1)
    for proposal in (retired, pending):
        with pytest.raises(Conflict, match="none any more"):
            proposal_undo(actor=cast.alice, proposal_id=proposal.pk)


def test_a_topic_never_gets_two_open_proposals(cast: Cast) -> None:
    proposal = make_proposal(cast.account)
    proposal_dismiss(actor=cast.alice, proposal_id=proposal.pk, revision=1)
    newer = make_proposal(cast.account, topic=proposal.topic, title="Came up meanwhile")
    with pytest.raises(Conflict, match="Came up meanwhile"):
        proposal_undo(actor=cast.alice, proposal_id=proposal.pk)
    newer.refresh_from_db()
    assert newer.is_pending


def test_is_for_reviewers_only(cast: Cast) -> None:
    proposal = approved(cast)
    with pytest.raises(NotAllowed):
        proposal_undo(actor=cast.carol, proposal_id=proposal.pk)
    for stranger in (cast.mallory, cast.bob):
        with pytest.raises(NotFound):
            proposal_undo(actor=stranger, proposal_id=proposal.pk)
