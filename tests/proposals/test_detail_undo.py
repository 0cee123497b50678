"""Undo, claim and merge from the proposal's page."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
from tests.conftest import Cast
from tests.factories import make_proposal, make_session
from tests.proposals.test_detail import decide, text_of, told, url

pytestmark = pytest.mark.django_db
Status = FlowProposal.Status


class TestUndo:
    def test_takes_the_decision_back_and_opens_the_proposal_again(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        decide(browser, proposal, decision="approve")
        response = browser.post(url(proposal, "undo"), follow=True)
        assert response.redirect_chain[-1][0] == url(proposal)
        assert "undone. It is pending again" in told(response)
        proposal.refresh_from_db()
        assert proposal.is_pending
        assert not Flow.objects.filter(status=Flow.Status.PUBLISHED).exists()

    def test_is_offered_on_the_page_of_what_was_decided(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        decide(browser, proposal, decision="dismiss")
        assert f'action="{url(proposal, "undo")}"' in text_of(browser.get(url(proposal)))
        FlowProposal.objects.update(reviewed_at=timezone.now() - timedelta(days=1))
        assert f'action="{url(proposal, "undo")}"' not in text_of(browser.get(url(proposal)))

    def test_is_no_longer_possible_when_it_was_used(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        decide(browser, proposal, decision="approve")
        flow = Flow.objects.get()
        session = make_session(cast.account, flow=flow.key)
        type(session).objects.filter(pk=session.pk).update(flow_version=flow.current_version)
        response = browser.post(url(proposal, "undo"), follow=True)
        assert "Nothing was undone" in told(response)
        proposal.refresh_from_db()
        assert proposal.status == Status.APPROVED

    def test_a_pending_one_has_nothing_to_undo(self, cast: Cast, login: Any) -> None:
        response = login(cast.alice).post(url(make_proposal(cast.account), "undo"), follow=True)
        assert "Nothing was undone" in told(response)


class TestClaim:
    def test_is_taken_and_given_back(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        page = login(cast.alice).post(url(proposal, "claim"), follow=True)
        assert "You have claimed it until" in text_of(page)
        assert "Claimed by Alice until" in text_of(login(cast.olivia).get(url(proposal)))
        page = login(cast.alice).post(url(proposal, "claim"), {"release": "1"}, follow=True)
        assert "claimed it until" not in text_of(page)

    def test_stops_nobody(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        login(cast.alice).post(url(proposal, "claim"))
        assert "dismissed" in told(decide(login(cast.olivia), proposal, decision="dismiss"))


class TestMerge:
    def test_dismisses_one_and_opens_the_other(self, cast: Cast, login: Any) -> None:
        here, there = make_proposal(cast.account, sessions=1), make_proposal(cast.account, sessions=1)
        response = login(cast.alice).post(
            url(here, "merge"), {"revision": 1, "into": there.pk, "into_revision": 1}, follow=True
        )
        assert response.redirect_chain[-1][0] == url(there)
        here.refresh_from_db()
        assert here.status == Status.DISMISSED

    def test_a_foreign_one_is_not_found(self, cast: Cast, login: Any) -> None:
        here, foreign = make_proposal(cast.account), make_proposal(cast.other_account)
        response = login(cast.alice).post(
            url(here, "merge"), {"revision": 1, "into": foreign.pk, "into_revision": 1}, follow=True
        )
        assert "Nothing was merged" in told(response)
        here.refresh_from_db()
        assert here.is_pending


def test_a_topic_is_parked_until_it_wakes(cast: Cast, login: Any) -> None:
    proposal = make_proposal(cast.account)
    form = {"scope": "topic", "wake": "sessions", "wake_sessions": 8, "wake_clients": 2}
    decide(login(cast.alice), proposal, decision="dismiss", **form)
    proposal.refresh_from_db()
    kept = (proposal.dismiss_scope, proposal.wake_sessions, proposal.wake_clients, proposal.wake_at)
    assert kept == ("topic", 8, 2, None)
    page = login(cast.alice).get(reverse("admin:proposals_flowproposal_change", args=[proposal.pk]))
    assert "after 8 new sessions from 2 clients" in text_of(page)
