"""Replay before you publish: what is replayed, what each outcome counts, and that it can be run twice."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from flowpilot.common.errors import InvalidInput, NotFound
from flowpilot.common.leases import lease_take
from flowpilot.flows.services import flow_version_publish
from proposals import replays
from proposals.models import FlowProposal, ReplayReport, SessionAnalysis
from proposals.replays import Outcome, Result, replay_report_run, replay_report_start, results_of, summarize
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import definition, make_change, make_flow, make_proposal, make_session

pytestmark = pytest.mark.django_db

CONNECTS = {
    "kind": "question", "prompt": "Does the VPN client connect?", "options": ["Yes", "No"], "selected_option": "Yes",
}  # fmt: skip
RESTART = {"kind": "action", "prompt": "Restart the router", "options": ["Done"], "selected_option": "Done"}
DETOUR = {
    "kind": "question",
    "prompt": "Blinking lamp colour?",
    "selected_option": None,
    "response": "Blue",
}


def of_topic(proposal: FlowProposal, **fields: Any) -> AISession:
    """A session of the proposal's topic that is not its evidence."""
    session = make_session(proposal.account, **fields)
    SessionAnalysis.objects.create(account=proposal.account, session=session, state="done", topic=proposal.topic)
    return session


def replayed(cast: Cast, proposal: FlowProposal) -> dict[int, Result]:
    report = replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
    assert report.state == "done", report.error
    return {result.session_id: result for result in results_of(report)}


class TestOutcomes:
    def test_each_session_is_told_where_it_ends(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account, sessions=0)
        right = of_topic(proposal)
        handed_over = of_topic(proposal, status="escalated", steps=[{**CONNECTS, "selected_option": "No"}])
        would_resolve = of_topic(proposal, status="escalated")
        resolved_elsewhere = of_topic(proposal, steps=[{**CONNECTS, "selected_option": "No"}])
        stopped = of_topic(proposal, status="escalated", steps=[CONNECTS])
        left = of_topic(proposal, steps=[CONNECTS, {**DETOUR, "prompt": "Hand the case over to a vendor of printers"}])
        other_problem = of_topic(proposal, steps=[DETOUR])
        outcomes = {pk: result.outcome for pk, result in replayed(cast, proposal).items()}
        assert outcomes == {
            right.pk: Outcome.RIGHT,
            handed_over.pk: Outcome.RIGHT,
            would_resolve.pk: Outcome.OTHER,
            resolved_elsewhere.pk: Outcome.OTHER,
            stopped.pk: Outcome.STOPPED,
            left.pk: Outcome.LEFT,
            other_problem.pk: Outcome.NOT_APPLICABLE,
        }

    def test_another_resolution_than_the_sessions_own_is_not_the_right_end(self, cast: Cast) -> None:
        flow = definition()
        flow["nodes"][3] = {"id": "n4", "kind": "resolution", "text": "It was switched off"}
        proposal = make_proposal(cast.account, sessions=0, proposed_flow_data=flow)
        session = of_topic(proposal)
        assert replayed(cast, proposal)[session.pk].outcome == Outcome.RIGHT
        FlowProposal.objects.update(node_evidence={"n4": [[session.pk, 1]]}, revision=2)
        assert replayed(cast, proposal)[session.pk].outcome == Outcome.OTHER

    def test_steps_saved_are_the_sessions_own_less_the_flows(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account, sessions=0)
        straight = of_topic(proposal)
        roundabout = of_topic(proposal, steps=[CONNECTS, DETOUR, RESTART])
        # It came in at the action: the flow would have asked the question before it.
        short = of_topic(proposal, steps=[RESTART])
        said_so = of_topic(proposal, steps=[CONNECTS, RESTART, {"kind": "action", "prompt": "It works again"}])
        found = replayed(cast, proposal)
        saved = {pk: result.saved for pk, result in found.items()}
        assert saved == {straight.pk: 0, roundabout.pk: 1, short.pk: -1, said_so.pk: 0}
        assert summarize(list(found.values())).saved == (0, 0)


class TestComparison:
    def test_with_the_version_published_now(self, cast: Cast) -> None:
        """The proposal adds an answer; the sessions that gave it left the flow so far."""
        base = make_flow(cast.account)
        proposed = definition()
        proposed["nodes"][0]["options"].append({"id": "o3", "label": "Only at home", "next": "n3"})
        proposal = make_proposal(
            cast.account,
            sessions=0,
            proposal_type="branch_addition",
            target_flow=base.flow,
            base_version=base,
            proposed_flow_data=proposed,
        )
        helped = of_topic(
            proposal, steps=[{**CONNECTS, "options": ["Only at home"], "selected_option": "Only at home"}]
        )
        same = of_topic(proposal)
        found = replayed(cast, proposal)
        assert {pk: (r.now, r.outcome, r.change.value) for pk, r in found.items()} == {
            helped.pk: (Outcome.LEFT, Outcome.RIGHT, "better"),
            same.pk: (Outcome.RIGHT, Outcome.RIGHT, "same"),
        }
        summary = summarize(list(found.values()))
        assert summary.now is not None
        assert (summary.now.counts, summary.changes) == ({"left": 1, "right": 1}, {"better": 1, "same": 1})

    @pytest.mark.parametrize(
        ("is_escalated", "now", "proposed", "change"),
        [
            (False, Outcome.LEFT, Outcome.RIGHT, "better"),
            (False, Outcome.RIGHT, Outcome.OTHER, "worse"),
            (False, Outcome.LEFT, Outcome.STOPPED, "same"),
            (True, Outcome.RIGHT, Outcome.OTHER, "better"),
            (True, Outcome.OTHER, Outcome.RIGHT, "worse"),
            (True, Outcome.LEFT, Outcome.RIGHT, "better"),
            (True, Outcome.RIGHT, Outcome.RIGHT, "same"),
            (True, None, Outcome.RIGHT, "same"),
        ],
    )
    def test_better_is_a_better_end(self, is_escalated: bool, now: Any, proposed: Outcome, change: str) -> None:
        assert Result(1, proposed, now, None, is_escalated).change == change

    def test_escalated_sessions_that_would_have_been_resolved(self) -> None:
        rows = [(Outcome.OTHER, True), (Outcome.RIGHT, True), (Outcome.OTHER, False)]
        tally = summarize([Result(n, outcome, None, None, gone) for n, (outcome, gone) in enumerate(rows)]).proposed
        assert (tally.would_resolve, tally.escalated) == (1, 2)


class TestWhichSessions:
    def test_evidence_topic_and_followers_once_each_and_nobody_elses(self, cast: Cast) -> None:
        proposal = make_change(cast.account, sessions=2)
        assert proposal.target_flow is not None
        of_topic(proposal)
        followed = make_session(cast.account)
        SessionAnalysis.objects.create(
            account=cast.account, session=followed, state="done", flow_version=proposal.base_version
        )
        make_session(cast.account, flow=proposal.target_flow.key)
        of_topic(proposal, status="abandoned")
        make_session(cast.account)
        make_session(cast.other_account)
        report = replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        assert report.total == report.done == 5
        accounts = AISession.objects.filter(pk__in=[row[0] for row in report.results]).values_list("account", flat=True)
        assert set(accounts) == {cast.account.pk}

    def test_the_newest_when_there_are_too_many(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replays, "MOST", 2)
        proposal = make_proposal(cast.account, sessions=0)
        now = timezone.now()
        sessions = [
            of_topic(proposal, started_at=(now - timedelta(days=n)).isoformat(), ended_at=now.isoformat())
            for n in range(3)
        ]
        assert set(replayed(cast, proposal)) == {session.pk for session in sessions[:2]}


class TestRunning:
    def test_the_report_of_a_revision_is_made_once(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        proposal = make_proposal(cast.account, sessions=2)
        first = replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        monkeypatch.setattr(replays, "replay_report_run", pytest.fail)
        assert replay_report_start(actor=cast.olivia, proposal_id=proposal.pk) == first

    def test_a_new_revision_has_a_report_of_its_own(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account, sessions=1)
        replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        FlowProposal.objects.update(revision=2)
        assert replay_report_start(actor=cast.alice, proposal_id=proposal.pk).revision == 2
        assert ReplayReport.objects.count() == 2

    def test_a_flow_that_moved_on_is_compared_anew(self, cast: Cast) -> None:
        proposal = make_change(cast.account, sessions=1)
        assert proposal.target_flow is not None
        before = replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        version = flow_version_publish(
            actor=cast.alice, flow=proposal.target_flow, base_number=1, definition=definition("Is it on?"), note="x"
        )
        after = replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        assert (after.pk, after.version, len(after.results)) == (before.pk, version, 1)

    def test_many_are_left_to_the_task_which_may_run_twice(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replays, "AT_ONCE", 3)
        monkeypatch.setattr(replays, "CHUNK", 2)
        queued: list[int] = []
        monkeypatch.setattr(replay_report_run, "delay", queued.append)
        proposal = make_proposal(cast.account, sessions=5)
        report = replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        assert (report.state, report.total, report.done, queued) == ("running", 5, 0, [report.pk])
        replay_report_start(actor=cast.olivia, proposal_id=proposal.pk)
        assert queued == [report.pk]
        replay_report_run(report.pk)
        replay_report_run(report.pk)
        report.refresh_from_db()
        assert (report.state, report.total, report.done) == ("done", 5, 5)
        assert len({row[0] for row in report.results}) == len(report.results) == 5

    def test_a_killed_task_goes_on_where_it_stopped(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replays, "CHUNK", 2)
        proposal = make_proposal(cast.account, sessions=5)
        whole = replays._replay_chunk
        chunks: list[int] = []

        def dies_in_the_second(*args: Any) -> list[Result]:
            if chunks:
                raise KeyboardInterrupt
            chunks.append(1)
            return whole(*args)

        monkeypatch.setattr(replays, "_replay_chunk", dies_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        report = ReplayReport.objects.get()
        assert (report.state, report.done) == ("running", 2)
        kept = report.results
        monkeypatch.setattr(replays, "_replay_chunk", whole)
        replay_report_run(report.pk)
        report.refresh_from_db()
        assert (report.state, report.done, report.results[:2]) == ("done", 5, kept)

    def test_two_workers_do_not_work_on_one_report(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account, sessions=1)
        report = ReplayReport.objects.create(account=cast.account, proposal=proposal, revision=1, total=1)
        held = lease_take(key=f"replay:{report.pk}", duration=timedelta(minutes=1))
        assert held is not None
        replay_report_run(report.pk)
        report.refresh_from_db()
        assert (report.state, report.done) == ("running", 0)

    def test_a_failure_is_told_and_can_be_tried_again(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        proposal = make_proposal(cast.account, sessions=1)
        whole = replays._replay_chunk

        def breaks(*args: Any) -> list[Result]:
            raise ZeroDivisionError("by zero")

        monkeypatch.setattr(replays, "_replay_chunk", breaks)
        report = replay_report_start(actor=cast.alice, proposal_id=proposal.pk)
        assert (report.state, "ZeroDivisionError" in report.error) == ("failed", True)
        monkeypatch.setattr(replays, "_replay_chunk", whole)
        assert replay_report_start(actor=cast.alice, proposal_id=proposal.pk).state == "done"

    def test_a_foreign_proposal_is_not_found_and_a_record_has_nothing_to_replay(self, cast: Cast) -> None:
        foreign = make_proposal(cast.other_account)
        with pytest.raises(NotFound):
            replay_report_start(actor=cast.alice, proposal_id=foreign.pk)
        record = make_proposal(
            cast.account, proposal_type="auto_reinforced", status="auto_reinforced", proposed_flow_data={}
        )
        with pytest.raises(InvalidInput):
            replay_report_start(actor=cast.alice, proposal_id=record.pk)


class TestPages:
    def test_each_count_opens_its_list(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account, sessions=0)
        right = of_topic(proposal)
        escalated = of_topic(proposal, status="escalated")
        browser = login(cast.alice)
        address = reverse("admin:proposals_flowproposal_replay", args=[proposal.pk])
        page = browser.post(address, follow=True)
        assert page.redirect_chain[-1][0].endswith("/change/#replay")
        text = page.content.decode()
        for query, session in (("list=proposed&outcome=right", right), ("list=resolved", escalated)):
            assert f"{address}?{query}".replace("&", "&amp;") in text
            rows = browser.get(f"{address}?{query}").context["rows"]
            assert [row.pk for row, _ in rows] == [session.pk]
        assert "Its own evidence taught the proposal" in text

    @pytest.mark.parametrize("query", ["list=nothing", "list=proposed", "list=proposed&outcome=x"])
    def test_a_list_that_there_is_none_of_is_404(self, cast: Cast, login: Any, query: str) -> None:
        proposal = make_proposal(cast.account)
        address = reverse("admin:proposals_flowproposal_replay", args=[proposal.pk])
        browser = login(cast.alice)
        assert browser.get(f"{address}?{query}").status_code == 404
        browser.post(address)
        assert browser.get(f"{address}?{query}").status_code == 404

    def test_progress_is_a_fragment_with_a_link_to_refresh(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        ReplayReport.objects.create(account=cast.account, proposal=proposal, revision=1, total=900, done=250)
        address = reverse("admin:proposals_flowproposal_replay", args=[proposal.pk])
        text = login(cast.carol).get(f"{address}?fragment=1").content.decode()
        assert "250 of 900" in text
        assert "Refresh" in text
        assert "<html" not in text
