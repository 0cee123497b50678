"""A change of the flow that is begun from a gap, and that gaps tell of one another."""

from typing import Any

import pytest
from django.db import connection

from analytics.facts import FACTS
from analytics.gaps.detect import gaps_detect
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.overlap import MOST_TOLD, shares_of
from analytics.gaps.remedies import gap_edit
from analytics.gaps.workspace import workspace_fill
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.services import flow_version_publish
from flowpilot.flows.upkeep import flow_archive
from proposals.models import FlowProposal, Topic
from proposals.review import proposal_dismiss, proposal_publish
from proposals.selectors import pending_reverts, stale_proposals, topics_to_mine
from sessions.models import AISession
from tests.analytics.gap_rows import at_first, flow_definition, make_ended, outcomes
from tests.analytics.test_gap_services import make_gap
from tests.conftest import Cast
from tests.factories import make_flow, make_member, make_proposal

State = KnowledgeGap.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def version(cast: Cast) -> FlowVersion:
    return make_flow(cast.account, title="Screens", definition=flow_definition(), examples={"problems": ["dark"]})


@pytest.fixture
def gap(cast: Cast, version: FlowVersion) -> KnowledgeGap:
    sessions = make_ended(cast.account, outcomes(3, 2), version=version, steps=at_first("Nothing"))
    ids = [session.pk for session in sessions]
    return make_gap(
        cast, title="Screens: “Nothing” ends badly", flow=version.flow, node_id="n1", session_ids=ids,
        bad_session_ids=ids[:3], evidence={"count": 3, "n": 5},
    )  # fmt: skip


def changed() -> dict[str, Any]:
    definition = flow_definition()
    definition["nodes"][2]["text"] = "Wake it with the power button"
    return definition


def told() -> list[str]:
    events = AuditEvent.objects.exclude(action="flow.published").order_by("pk")
    return list(events.values_list("action", flat=True))


class TestEdit:
    def test_begins_a_proposal_from_the_published_version(self, cast: Cast, gap: KnowledgeGap) -> None:
        edit = gap_edit(actor=cast.alice, gap_id=gap.pk)
        proposal = edit.proposal
        gap.refresh_from_db()
        assert (edit.is_new, edit.node_id, proposal.started_by) == (True, "n1", cast.alice)
        assert (gap.state, gap.proposal, gap.revision) == (State.WORKING, proposal, 2)
        assert (proposal.proposal_type, proposal.status) == ("enhancement", "pending")
        assert proposal.proposed_flow_data == flow_definition()
        assert proposal.base_version == gap.flow.current_version  # type: ignore[union-attr]
        assert proposal.examples == {"problems": ["dark"]}
        assert set(proposal.supporting_sessions.values_list("pk", flat=True)) == set(gap.bad_session_ids)
        assert gap.title in proposal.description
        assert told() == ["proposal.started", "gap.working"]

    def test_twice_is_once(self, cast: Cast, gap: KnowledgeGap) -> None:
        first = gap_edit(actor=cast.alice, gap_id=gap.pk)
        second = gap_edit(actor=cast.olivia, gap_id=gap.pk)
        assert (second.proposal, second.is_new) == (first.proposal, False)
        assert (FlowProposal.objects.count(), len(told())) == (1, 2)

    def test_opens_the_one_that_waits(self, cast: Cast, gap: KnowledgeGap) -> None:
        topic = Topic.objects.create(account=cast.account, title="Screens", flow=gap.flow)
        waiting = make_proposal(cast.account, topic=topic, target_flow=gap.flow, proposal_type="enhancement")
        edit = gap_edit(actor=cast.alice, gap_id=gap.pk)
        assert (edit.proposal, edit.is_new) == (waiting, False)
        gap.refresh_from_db()
        assert (gap.state, gap.proposal) == (State.WORKING, waiting)

    def test_after_a_decision_it_begins_another(self, cast: Cast, gap: KnowledgeGap) -> None:
        first = gap_edit(actor=cast.alice, gap_id=gap.pk).proposal
        proposal_dismiss(actor=cast.alice, proposal_id=first.pk, revision=1, scope="topic")
        second = gap_edit(actor=cast.alice, gap_id=gap.pk)
        assert second.is_new
        assert second.proposal != first

    def test_who_may(self, cast: Cast, gap: KnowledgeGap) -> None:
        for user, refusal in (
            (cast.carol, NotAllowed),
            (cast.sam, NotAllowed),
            (cast.bob, NotFound),
            (cast.mallory, NotFound),
            (make_member(cast.account, Role.TEAM_ADMIN, team=cast.team), NotFound),
        ):
            with pytest.raises(refusal):
                gap_edit(actor=user, gap_id=gap.pk)
        assert not FlowProposal.objects.exists()

    def test_a_team_s_admin_begins_one_of_that_team_and_opens_no_other(self, cast: Cast, gap: KnowledgeGap) -> None:
        tess = make_member(cast.account, Role.TEAM_ADMIN, team=cast.team)
        AISession.objects.update(team=cast.team)
        KnowledgeGap.objects.update(team=cast.team)
        proposal = gap_edit(actor=tess, gap_id=gap.pk).proposal
        assert proposal.team == cast.team
        FlowProposal.objects.update(team=Team.objects.create(account=cast.account, name="Field"))
        with pytest.raises(NotAllowed):
            gap_edit(actor=tess, gap_id=gap.pk)

    def test_what_is_settled_or_names_no_step_is_refused(self, cast: Cast, gap: KnowledgeGap) -> None:
        closed = make_gap(cast, key="closed", state="closed", closed_at=gap.found_at, flow=gap.flow, node_id="n1")
        whole = make_gap(cast, key="whole", flow=gap.flow)
        for other, words in ((closed, "is closed"), (whole, "names no step")):
            with pytest.raises(Conflict, match=words):
                gap_edit(actor=cast.alice, gap_id=other.pk)
        flow_archive(actor=cast.alice, flow_id=gap.flow_id, reason="old")  # type: ignore[arg-type]
        with pytest.raises(Conflict, match="is archived"):
            gap_edit(actor=cast.alice, gap_id=gap.pk)

    def test_is_published_by_review_and_never_unchanged(self, cast: Cast, gap: KnowledgeGap) -> None:
        proposal = gap_edit(actor=cast.alice, gap_id=gap.pk).proposal
        decision: dict[str, Any] = {"actor": cast.alice, "proposal_id": proposal.pk, "revision": proposal.revision}
        with pytest.raises(InvalidInput, match="nothing differs from version 1"):
            proposal_publish(**decision, definition=flow_definition())
        assert proposal_publish(**decision, definition=changed()).status == "modified"
        gap.flow.refresh_from_db()  # type: ignore[union-attr]
        assert gap.flow.current_version.definition == changed()  # type: ignore[union-attr]

    def test_analysis_leaves_it_alone_until_it_is_decided(self, cast: Cast, gap: KnowledgeGap) -> None:
        proposal = gap_edit(actor=cast.alice, gap_id=gap.pk).proposal
        topics = Topic.objects.filter(pk=proposal.topic_id)
        topics.update(mining_due=True)
        assert not topics_to_mine().exists()
        flow_version_publish(actor=None, flow=gap.flow, base_number=1, definition=changed())  # type: ignore[arg-type]
        assert not stale_proposals().exists(), "the editor brings it onto the new version"
        assert not topics_to_mine().exists()
        assert not pending_reverts().exists()
        flow_archive(actor=cast.alice, flow_id=gap.flow_id, reason="old")  # type: ignore[arg-type]
        assert stale_proposals().get() == proposal
        assert topics_to_mine().exists()

    def test_the_page_leads_to_the_step_and_tells_what_came_of_it(
        self, cast: Cast, login: Any, gap: KnowledgeGap
    ) -> None:
        browser, page = login(cast.alice), f"/admin/analytics/gaps/{gap.pk}/"
        gap.node_id = "n3"
        gap.save()
        assert f'action="{page}edit/"' in browser.get(page).content.decode()
        answer = browser.post(f"{page}edit/")
        proposal = FlowProposal.objects.get()
        assert answer.url == f"/admin/proposals/flowproposal/{proposal.pk}/edit/?node=n3"
        editor = browser.get(answer.url)
        assert "The gap is being worked." in editor.content.decode()
        assert editor.context["editor_data"]["node"] == "n3"
        assert 'id="node-2-text" rows="2" autofocus' in editor.content.decode()
        assert browser.get(f"{answer.url}x").context["editor_data"]["node"] == ""
        proposal_publish(actor=cast.alice, proposal_id=proposal.pk, revision=1, definition=changed())
        assert "begun here was published as version 2" in browser.get(page).content.decode()
        assert "Alice began it" in browser.get(f"/admin/proposals/flowproposal/{proposal.pk}/change/").content.decode()

    def test_who_only_reads_looks_at_the_step(self, cast: Cast, login: Any, gap: KnowledgeGap) -> None:
        browser, page = login(cast.carol), f"/admin/analytics/gaps/{gap.pk}/"
        shown = browser.get(page).content.decode()
        assert "Look at this step" in shown
        assert "Edit this step" not in shown
        assert browser.post(f"{page}edit/").status_code == 403
        assert login(cast.mallory).post(f"{page}edit/").status_code == 404


class TestShares:
    def test_mostly_the_same_sessions(self) -> None:
        shares = shares_of(
            {"wide": range(10), "narrow": range(6), "apart": [20, 21], "edge": [8, 9, 30, 31], "none": []}
        )
        assert shares == {"wide": [("narrow", 6)], "narrow": [("wide", 6)], "apart": [], "edge": [("wide", 2)]}
        assert shares_of({}) == shares_of({"none": []}) == {}

    def test_only_the_most_are_told(self) -> None:
        shares = shares_of({"one": range(8), **{f"other {n}": range(8 - n) for n in range(6)}})
        assert shares["one"] == [("other 0", 8), ("other 1", 7), ("other 2", 6)]
        assert len(shares["one"]) == MOST_TOLD

    def test_a_weak_answer_and_the_domain_that_it_lifts(self, cast: Cast, login: Any, version: FlowVersion) -> None:
        make_ended(cast.account, outcomes(20, 280), domain="networking")
        make_ended(cast.account, outcomes(2, 58), version=version, steps=at_first("A login"), domain="screens")
        make_ended(cast.account, outcomes(30, 10), version=version, steps=at_first("Nothing"), domain="screens")
        gaps_detect(account_id=cast.account.pk)
        gaps = {gap.key: gap for gap in KnowledgeGap.objects.all()}
        weak, domain = gaps[f"weak_option:{version.flow_id}:n1:o2"], gaps["high_escalation:domain:screens"]
        assert [domain.key, 30] in weak.evidence["shared"]
        assert [weak.key, 30] in domain.evidence["shared"]
        page = login(cast.carol).get(f"/admin/analytics/gaps/{domain.pk}/").content.decode()
        assert f'<a href="/admin/analytics/gaps/{weak.pk}/">{weak.title}</a>: 30 of the 32' in page
        assert "Also seen in “" in login(cast.carol).get("/admin/analytics/gaps/").content.decode()
        # What the viewer may not see, and what is closed, is not told of.
        KnowledgeGap.objects.filter(pk=domain.pk).update(team=cast.team)
        tess = make_member(cast.account, Role.ANALYST, team=cast.team)
        assert "Also seen in" not in login(tess).get(f"/admin/analytics/gaps/{domain.pk}/").content.decode()
        KnowledgeGap.objects.exclude(pk=domain.pk).update(state="closed", closed_at=weak.found_at)
        assert "Also seen in" not in login(cast.carol).get(f"/admin/analytics/gaps/{domain.pk}/").content.decode()


def test_reopened_is_one_definition(cast: Cast) -> None:
    """A ticket that came back within 14 days, whatever else of it lies between: gaps and dashboards agree."""

    def resolved(ticket: str, *days_ago: float) -> None:
        for ended in days_ago:
            make_ended(cast.account, ["resolved"], days_ago=ended, psa_system="halopsa", psa_ticket_id=ticket)

    resolved("back", 30, 20)
    resolved("late", 40, 20)
    # Each begins 20 minutes before it ends: the second begins before the first has ended.
    resolved("beside", 30, 30 - 0.005)
    resolved("beside and back", 30, 30 - 0.005, 25)
    resolved("", 30, 29)
    sessions = AISession.objects.filter(account=cast.account)
    told = set(sessions.filter(FACTS["reopened"].condition).values_list("pk", flat=True))
    first, last = sessions.order_by("ended_at").first(), sessions.order_by("ended_at").last()
    assert first is not None
    assert last is not None
    workspace_fill(cast.account.pk, first.ended_at, last.created_at)  # type: ignore[arg-type]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM gap_ended WHERE bad")
        assert {row[0] for row in cursor.fetchall()} == told
    assert len(told) == 3
