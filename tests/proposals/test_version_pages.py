"""A flow's page tells how its versions do, warns of a worse one, and says what hangs on the flow."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_version_publish
from flowpilot.flows.upkeep import flow_archive
from proposals.health import versions_watch
from proposals.models import FlowProposal, Topic
from proposals.review import proposal_dismiss, proposal_reject
from tests.conftest import Cast
from tests.factories import definition, make_change, make_flow, make_member, make_proposal, make_session
from tests.proposals.test_version_health import guided, two_versions, worse

WORSE = "Version 2 does worse than version 1"
pytestmark = pytest.mark.django_db


def page(browser: Client, flow: Flow, name: str = "change") -> str:
    """The page's text in one line, without its markup."""
    response = browser.get(reverse(f"admin:flows_flow_{name}", args=[flow.pk]))
    assert response.status_code == 200
    words = unescape(re.sub(r"<[^>]*>", " ", response.content.decode()))
    return re.sub(r"\s+([.,;:])", r"\1", " ".join(words.split()))


def address(proposal: FlowProposal) -> str:
    return reverse("admin:proposals_flowproposal_change", args=[proposal.pk])


class TestWarning:
    def test_it_names_both_shares_and_the_interval(self, cast: Cast, login: Any) -> None:
        flow = worse(cast)
        text = page(login(cast.bob), flow)
        assert WORSE in text
        assert "60 % of 80 sessions were resolved, 80 % of 70 before: 5 to 33 points fewer (95 % interval)." in text
        assert "A proposal to go back opens by itself within the hour." in text

    def test_it_leads_to_the_proposal_as_far_as_the_viewer_may_see_it(self, cast: Cast, login: Any) -> None:
        flow = worse(cast)
        versions_watch(cast.account.pk)
        proposal = FlowProposal.objects.get()
        for user, sees, acts in ((cast.alice, True, True), (cast.carol, True, False), (cast.bob, False, False)):
            browser = login(user)
            content = browser.get(reverse("admin:flows_flow_change", args=[flow.pk])).content.decode()
            assert WORSE in content
            assert (address(proposal) in content) == sees
            assert (f"{reverse('admin:flows_flow_roll_back', args=[flow.pk])}?to=1" in content) == acts
            assert f"{reverse('admin:flows_flow_diff', args=[flow.pk])}?from=1&amp;to=2" in content
        assert "A proposal to go back awaits a decision: Go back to version 1 of VPN." in page(login(cast.alice), flow)

    def test_it_does_not_promise_what_will_not_come(self, cast: Cast, login: Any) -> None:
        """Nor to a technician, who sees no proposals and may be told only that none will open."""
        flow = worse(cast)
        versions_watch(cast.account.pk)
        assert "opens by itself" not in page(login(cast.bob), flow)
        proposal_reject(actor=cast.alice, proposal_id=FlowProposal.objects.get().pk, revision=1, notes="A bad month")
        assert "opens by itself" not in page(login(cast.bob), flow)

    def test_a_topic_that_was_put_off_is_promised_nothing(self, cast: Cast, login: Any) -> None:
        flow = worse(cast)
        parked = make_proposal(cast.account, topic=Topic.objects.create(account=cast.account, flow=flow, title="VPN"))
        proposal_dismiss(actor=cast.alice, proposal_id=parked.pk, revision=1, scope="topic")
        assert WORSE in page(login(cast.alice), flow)
        assert "opens by itself" not in page(login(cast.alice), flow)

    def test_one_teams_trouble_alone_is_promised_nothing(self, cast: Cast, login: Any) -> None:
        """The watch goes by the sessions of all teams."""
        flow = two_versions(cast)
        guided(flow, 1, resolved=20, team="Service Desk")
        guided(flow, 2, resolved=100, team="Field")
        guided(flow, 2, escalated=20, team="Service Desk")
        guided(flow, 1, escalated=80, team="Field")
        tess = make_member(cast.account, "technician", team=cast.team)
        assert WORSE in page(login(tess), flow)
        assert "opens by itself" not in page(login(tess), flow)
        assert versions_watch(cast.account.pk) == 0

    def test_it_tells_what_was_decided(self, cast: Cast, login: Any) -> None:
        flow = worse(cast)
        versions_watch(cast.account.pk)
        proposal = FlowProposal.objects.get()
        proposal_reject(actor=cast.alice, proposal_id=proposal.pk, revision=1, notes="A bad month")
        text = page(login(cast.carol), flow)
        assert WORSE in text
        assert "Going back was rejected by Alice: Go back to version 1 of VPN." in text

    def test_it_names_the_change_that_is_decided_first(self, cast: Cast, login: Any) -> None:
        flow = worse(cast)
        topic = Topic.objects.create(account=cast.account, flow=flow, title="VPN")
        first = make_proposal(
            cast.account,
            topic=topic,
            title="Ask about the client",
            proposal_type=FlowProposal.Type.ENHANCEMENT,
            target_flow=flow,
            base_version=flow.current_version,
            node_evidence={"n1": []},
        )
        versions_watch(cast.account.pk)
        browser = login(cast.alice)
        assert "Another change of this flow awaits a decision first: Ask about the client." in page(browser, flow)
        assert address(first) in browser.get(reverse("admin:flows_flow_change", args=[flow.pk])).content.decode()

    def test_there_is_none_where_nothing_is_worse(self, cast: Cast, login: Any) -> None:
        flow = two_versions(cast)
        guided(flow, 1, resolved=20)
        guided(flow, 2, resolved=19)
        text = page(login(cast.alice), flow)
        assert "does worse" not in text
        assert "Version 2 current 19 100 %" in text
        assert "Not enough sessions" in text

    def test_there_is_none_for_an_archived_flow(self, cast: Cast, login: Any) -> None:
        flow = worse(cast)
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        assert WORSE not in page(login(cast.alice), flow)

    def test_a_viewer_of_one_team_is_told_of_that_teams_sessions(self, cast: Cast, login: Any) -> None:
        flow = two_versions(cast)
        guided(flow, 1, resolved=20, team="Field")
        guided(flow, 2, escalated=20, team="Field")
        tess = make_member(cast.account, "technician", team=cast.team)
        assert "No session that names a version of this flow has ended yet." in page(login(tess), flow)
        assert WORSE in page(login(cast.bob), flow)


def test_each_number_leads_to_as_many_sessions(cast: Cast, login: Any) -> None:
    flow = two_versions(cast)
    guided(flow, 1, resolved=3, abandoned=2, active=4)
    guided(flow, 2, escalated=1, team="Field")
    browser = login(cast.bob)
    content = browser.get(reverse("admin:flows_flow_change", args=[flow.pk])).content.decode()
    links = re.findall(r'<a href="([^"]*flow_version__id__exact[^"]*)">(\d+)</a>', content)
    assert [count for _, count in links] == ["1", "5"]
    for link, count in links:
        assert browser.get(unescape(link)).context["cl"].result_count == int(count)


class TestArchiving:
    def test_the_page_tells_what_hangs_on_the_flow(self, cast: Cast, login: Any) -> None:
        change = make_change(cast.account, title="Ask about the client")
        flow = change.target_flow
        assert flow is not None
        old = timezone.now() - timedelta(days=40)
        make_session(
            cast.account, flow="vpn", started_at=old.isoformat(), ended_at=(old + timedelta(minutes=5)).isoformat()
        )
        guided(flow, 1, resolved=1, active=1)
        text = page(login(cast.alice), flow, "archive")
        assert "2 sessions of the last 30 days were guided by it; 1 is still open." in text
        assert "Pending proposals to change it, which are mined again without it or dismissed: Ask about" in text

    def test_nothing_hangs_on_it(self, cast: Cast, login: Any) -> None:
        text = page(login(cast.alice), make_flow(cast.account).flow, "archive")
        assert "No session of the last 30 days was guided by it." in text
        assert "No pending proposal would change it." in text


def test_what_people_wrote_is_text_and_never_markup(cast: Cast, login: Any) -> None:
    attack = "<img src=x onerror=alert(1)>"
    flow = make_flow(cast.account, title=attack, key="vpn").flow
    flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
    guided(flow, 1, resolved=20)
    guided(flow, 2, escalated=20)
    versions_watch(cast.account.pk)
    browser = login(cast.alice)
    for name in ("change", "archive"):
        content = browser.get(reverse(f"admin:flows_flow_{name}", args=[flow.pk])).content.decode()
        assert f"Go back to version 1 of {attack.replace('<', '&lt;').replace('>', '&gt;')}" in content
        assert attack not in content
