"""Claims, which warn and never stop, and merging two proposals about one problem."""

from datetime import timedelta

import pytest
from django.utils import timezone

from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from proposals.models import FlowProposal, SessionAnalysis, Topic
from proposals.review import proposal_claim, proposal_dismiss, proposal_merge, proposal_release, proposal_wake
from tests.conftest import Cast
from tests.factories import make_change, make_proposal, make_session
from tests.proposals.test_analysis import add_printer_sessions, run, step

pytestmark = pytest.mark.django_db


class TestClaim:
    def test_lasts_for_a_while_and_is_told_to_others(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        claimed = proposal_claim(actor=cast.alice, proposal_id=proposal.pk)
        assert claimed.claimant == cast.alice
        with pytest.raises(Conflict, match="Alice has claimed it"):
            proposal_claim(actor=cast.olivia, proposal_id=proposal.pk)
        FlowProposal.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert proposal_claim(actor=cast.olivia, proposal_id=proposal.pk).claimant == cast.olivia

    def test_stops_no_decision_and_ends_with_it(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        proposal_claim(actor=cast.alice, proposal_id=proposal.pk)
        decided = proposal_dismiss(actor=cast.olivia, proposal_id=proposal.pk, revision=1)
        assert (decided.claimed_by, decided.claimed_until) == (None, None)

    def test_changes_no_revision_and_is_in_the_history_once(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        for _ in range(2):
            proposal_claim(actor=cast.alice, proposal_id=proposal.pk)
        proposal.refresh_from_db()
        assert proposal.revision == 1
        assert AuditEvent.objects.filter(action="proposal.claimed").count() == 1

    def test_is_given_back_by_its_holder_only(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        proposal_claim(actor=cast.alice, proposal_id=proposal.pk)
        with pytest.raises(Conflict, match="no claim"):
            proposal_release(actor=cast.olivia, proposal_id=proposal.pk)
        assert proposal_release(actor=cast.alice, proposal_id=proposal.pk).claimant is None

    def test_is_for_reviewers_of_what_is_pending(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        with pytest.raises(NotAllowed):
            proposal_claim(actor=cast.carol, proposal_id=proposal.pk)
        with pytest.raises(NotFound):
            proposal_claim(actor=cast.mallory, proposal_id=proposal.pk)
        proposal_dismiss(actor=cast.alice, proposal_id=proposal.pk, revision=1)
        with pytest.raises(Conflict, match="decided this already"):
            proposal_claim(actor=cast.olivia, proposal_id=proposal.pk)


def two_topics(cast: Cast) -> tuple[FlowProposal, FlowProposal]:
    """The same problem, told so differently that analysis keeps it apart."""
    add_printer_sessions(cast.account, 4)
    run(cast.account)
    for n in range(4):
        make_session(
            cast.account,
            title="Labels do not come out",
            problem_summary="The warehouse waits for shipping labels",
            problem_domain="logistics",
            technician=f"tech{n}@northwind.test",
            steps=[
                step("Which label roll is loaded?", "None", options=("Small", "None")),
                step("Load a new roll of shipping labels", "Done", "action", ("Done",)),
            ],
        )
    run(cast.account)
    one, other = FlowProposal.objects.order_by("pk")
    return one, other


class TestMerge:
    def test_the_one_goes_on_with_the_sessions_of_both(self, cast: Cast) -> None:
        into, merged = two_topics(cast)
        called = into.title
        proposal_merge(actor=cast.alice, proposal_id=merged.pk, revision=1, into_id=into.pk, into_revision=1)
        run(cast.account)
        into.refresh_from_db()
        merged.refresh_from_db()
        assert (into.status, into.supporting_session_count, into.revision) == ("pending", 8, 2)
        assert merged.status == "dismissed"
        assert merged.reviewer_notes == f"merged into {called} (number {into.pk})"
        assert SessionAnalysis.objects.filter(topic=into.topic_id).count() == 8
        assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"proposal.merged", "proposal.joined"}

    def test_later_sessions_find_the_one_that_goes_on(self, cast: Cast) -> None:
        into, merged = two_topics(cast)
        proposal_merge(actor=cast.alice, proposal_id=merged.pk, revision=1, into_id=into.pk, into_revision=1)
        make_session(
            cast.account,
            title="Labels do not come out",
            problem_summary="The warehouse waits for shipping labels",
            steps=[
                step("Which label roll is loaded?", "None", options=("Small", "None")),
                step("Load a new roll of shipping labels", "Done", "action", ("Done",)),
            ],
        )
        run(cast.account)
        assert not SessionAnalysis.objects.filter(topic=merged.topic_id).exists()
        assert SessionAnalysis.objects.filter(topic=into.topic_id).count() == 9
        assert FlowProposal.objects.filter(status="pending").count() == 1

    def test_what_was_merged_is_not_brought_back(self, cast: Cast) -> None:
        into, merged = make_proposal(cast.account), make_proposal(cast.account)
        proposal_merge(actor=cast.alice, proposal_id=merged.pk, revision=1, into_id=into.pk, into_revision=1)
        with pytest.raises(Conflict, match="merged"):
            proposal_wake(actor=cast.alice, proposal_id=merged.pk)

    def test_a_chain_of_merges_leads_to_its_end(self, cast: Cast) -> None:
        first, second, third = (make_proposal(cast.account) for _ in range(3))
        proposal_merge(actor=cast.alice, proposal_id=first.pk, revision=1, into_id=second.pk, into_revision=1)
        proposal_merge(actor=cast.alice, proposal_id=second.pk, revision=1, into_id=third.pk, into_revision=1)
        assert set(Topic.objects.exclude(merged_into=None).values_list("merged_into", flat=True)) == {third.topic_id}

    def test_refusals(self, cast: Cast) -> None:
        one, other, change = make_proposal(cast.account), make_proposal(cast.account), make_change(cast.account)
        foreign = make_proposal(cast.other_account)

        def merge(proposal: FlowProposal, into: FlowProposal, revision: int = 1, into_revision: int = 1) -> None:
            proposal_merge(
                actor=cast.alice,
                proposal_id=proposal.pk,
                revision=revision,
                into_id=into.pk,
                into_revision=into_revision,
            )

        with pytest.raises(InvalidInput, match="itself"):
            merge(one, one)
        with pytest.raises(NotFound):
            merge(one, foreign)
        with pytest.raises(Conflict, match="you saw revision 2"):
            merge(one, other, revision=2)
        with pytest.raises(Conflict, match="you saw revision 3"):
            merge(one, other, into_revision=3)
        with pytest.raises(Conflict, match="merge the other way"):
            merge(change, one)
        assert set(FlowProposal.objects.values_list("status", flat=True)) == {"pending"}
        merge(one, change)
        assert FlowProposal.objects.get(pk=change.pk).is_pending
