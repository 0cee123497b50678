"""From ended sessions to proposals."""

from typing import Any

import pytest

from flowpilot.accounts.models import Account
from proposals.analysis.run import analyze_account
from proposals.models import AnalysisRun, FlowProposal, SessionAnalysis, Topic
from proposals.review import proposal_approve, proposal_dismiss, proposal_publish, proposal_reject
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import definition, make_flow, make_session

Type, Status = FlowProposal.Type, FlowProposal.Status
pytestmark = pytest.mark.django_db


def step(prompt: str, answer: str, kind: str = "question", options: tuple[str, ...] = ("Yes", "No")) -> dict[str, Any]:
    return {"kind": kind, "prompt": prompt, "options": list(options), "selected_option": answer}


def printer_steps() -> list[dict[str, Any]]:
    return [
        step("Is the printer switched on?", "Yes"),
        step("Is there paper in the tray?", "No"),
        step("Fill the paper tray and print a test page", "Done", "action", ("Done",)),
    ]


def add_printer_sessions(account: Account, count: int = 4, **fields: Any) -> list[AISession]:
    return [
        make_session(
            account,
            title="Printer does not print",
            problem_summary="The office printer prints nothing",
            problem_domain="printing",
            technician=f"tech{n}@northwind.test",
            client=f"Client {n}",
            steps=printer_steps(),
            **fields,
        )
        for n in range(count)
    ]


def run(account: Account) -> AnalysisRun:
    result = analyze_account(account.pk)
    assert result is not None
    assert result.status == AnalysisRun.Status.DONE, result.error
    assert not result.error
    return result


class TestNewFlow:
    def test_similar_sessions_become_one_proposal(self, cast: Cast) -> None:
        sessions = add_printer_sessions(cast.account)
        result = run(cast.account)

        proposal = FlowProposal.objects.get()
        assert (proposal.proposal_type, proposal.status, proposal.revision) == (Type.NEW_FLOW, Status.PENDING, 1)
        assert set(proposal.supporting_sessions.all()) == set(sessions)
        assert (proposal.supporting_session_count, proposal.client_count, proposal.technician_count) == (4, 4, 4)
        texts = " ".join(node["text"] for node in proposal.proposed_flow_data["nodes"])
        assert "paper" in texts
        assert (result.sessions_done, result.proposals_created) == (4, 1)

    def test_evidence_names_the_very_steps(self, cast: Cast) -> None:
        add_printer_sessions(cast.account)
        run(cast.account)
        proposal = FlowProposal.objects.get()
        root = proposal.proposed_flow_data["root"]
        places = proposal.node_evidence[root]
        assert {AISession.objects.get(pk=pk).steps.get(position=at).prompt for pk, at in places} == {
            "Is the printer switched on?"
        }

    def test_more_sessions_are_evidence_for_the_open_proposal(self, cast: Cast) -> None:
        add_printer_sessions(cast.account)
        run(cast.account)
        add_printer_sessions(cast.account, 3)
        run(cast.account)
        proposal = FlowProposal.objects.get()
        assert (proposal.supporting_session_count, proposal.revision) == (7, 2)

    def test_nothing_new_changes_nothing(self, cast: Cast) -> None:
        add_printer_sessions(cast.account)
        run(cast.account)
        before = FlowProposal.objects.values().get()
        run(cast.account)
        assert FlowProposal.objects.values().get() == before

    def test_other_problems_are_other_topics_with_or_without_a_domain(self, cast: Cast) -> None:
        add_printer_sessions(cast.account)
        for n in range(4):
            make_session(
                cast.account,
                title="Cannot hear anybody in Teams calls",
                problem_summary="No sound in my headset during meetings",
                problem_domain=None,
                technician=f"tech{n}@northwind.test",
                steps=[
                    step("Which headset does the user wear?", "USB", options=("USB", "Bluetooth")),
                    step("Choose the headset under Devices in the Teams settings", "Done", "action", ("Done",)),
                ],
            )
        run(cast.account)
        assert sorted(FlowProposal.objects.values_list("supporting_session_count", flat=True)) == [4, 4]

    def test_sessions_that_only_escalated_propose_nothing_yet(self, cast: Cast) -> None:
        add_printer_sessions(cast.account, status="escalated")
        run(cast.account)
        assert not FlowProposal.objects.exists()
        assert SessionAnalysis.objects.filter(topic__isnull=False).count() == 4

    def test_abandoned_and_open_sessions_are_not_analysed(self, cast: Cast) -> None:
        add_printer_sessions(cast.account, 2, status="abandoned")
        make_session(cast.account, status="active", ended_at=None)
        run(cast.account)
        assert not SessionAnalysis.objects.exists()

    def test_a_single_statement_is_no_flow(self, cast: Cast) -> None:
        make_session(cast.account, steps=[{"kind": "action", "prompt": "Restarted it"}])
        run(cast.account)
        assert not FlowProposal.objects.exists()

    def test_a_topic_is_called_as_its_masked_proposal(self, cast: Cast) -> None:
        add_printer_sessions(cast.account)
        run(cast.account)
        assert Topic.objects.get().title == FlowProposal.objects.get().title

    def test_people_who_are_not_named_are_not_counted(self, cast: Cast) -> None:
        for _ in range(3):
            make_session(cast.account, technician=None, client=None, steps=printer_steps())
        run(cast.account)
        proposal = FlowProposal.objects.get()
        assert (proposal.client_count, proposal.technician_count) == (0, 0)

    def test_a_session_without_steps_is_told_apart(self, cast: Cast) -> None:
        make_session(cast.account, steps=[])
        run(cast.account)
        assert SessionAnalysis.objects.get().outcome == SessionAnalysis.Outcome.NOTHING_TO_LEARN

    def test_transcripts_are_read_too(self, cast: Cast) -> None:
        turns = [
            {"role": "user", "text": "Our office printer prints nothing at all."},
            {"role": "agent", "text": "Is the printer switched on?"},
            {"role": "user", "text": "Yes, it is on."},
            {"role": "agent", "text": "Is there paper in the tray?"},
            {"role": "user", "text": "No, it is empty."},
            {"role": "agent", "text": "Please fill the paper tray and print a test page."},
            {"role": "user", "text": "That worked, thank you!"},
        ]
        for _ in range(4):
            make_session(cast.account, steps=None, transcript=turns, title="")
        run(cast.account)
        proposal = FlowProposal.objects.get()
        assert proposal.supporting_session_count == 4
        places = [tuple(place) for places in proposal.node_evidence.values() for place in places]
        assert {at for _, at in places} <= {1, 3, 5}  # the agent's turns


class TestPublishedFlow:
    def vpn_sessions(self, account: Account, count: int = 4) -> None:
        for n in range(count):
            make_session(account, technician=f"tech{n}@northwind.test")

    def leaving_sessions(self, account: Account, count: int = 5) -> None:
        for n in range(count):
            make_session(
                account,
                technician=f"tech{n}@northwind.test",
                steps=[
                    step("Does the VPN client connect?", "It asks for an update", options=("Yes", "No")),
                    step("Install the client update from the portal", "Done", "action", ("Done",)),
                ],
            )

    def test_sessions_that_follow_it_reinforce_it_in_one_record(self, cast: Cast) -> None:
        version = make_flow(cast.account)
        self.vpn_sessions(cast.account)
        run(cast.account)
        self.vpn_sessions(cast.account, 2)
        run(cast.account)
        record = FlowProposal.objects.get()
        assert (record.proposal_type, record.status) == (Type.AUTO_REINFORCED, Status.AUTO_REINFORCED)
        assert (record.base_version, record.supporting_session_count) == (version, 6)

    def test_followed_sessions_are_guided(self, cast: Cast) -> None:
        make_flow(cast.account)
        self.vpn_sessions(cast.account, 1)
        run(cast.account)
        assert AISession.objects.get().tier == "guided"

    def test_sessions_that_leave_at_one_point_propose_a_branch(self, cast: Cast) -> None:
        version = make_flow(cast.account)
        self.leaving_sessions(cast.account)
        run(cast.account)
        proposal = FlowProposal.objects.get(status=Status.PENDING)
        assert proposal.proposal_type == Type.BRANCH_ADDITION
        assert (proposal.target_flow, proposal.base_version) == (version.flow, version)
        labels = [o["label"] for o in proposal.proposed_flow_data["nodes"][0]["options"]]
        assert labels == ["Yes", "No", "It asks for an update"]
        assert proposal.proposed_diff

    def test_published_change_answers_the_sessions_that_left(self, cast: Cast) -> None:
        make_flow(cast.account)
        self.leaving_sessions(cast.account)
        run(cast.account)
        proposal = FlowProposal.objects.get(status=Status.PENDING)
        proposal_publish(actor=cast.alice, proposal_id=proposal.pk, revision=1, definition=proposal.proposed_flow_data)
        self.leaving_sessions(cast.account, 3)
        run(cast.account)
        assert not FlowProposal.objects.filter(status=Status.PENDING).exists()
        record = FlowProposal.objects.get(status=Status.AUTO_REINFORCED)
        assert record.base_version is not None
        assert record.base_version.number == 2

    def test_one_session_that_leaves_proposes_nothing(self, cast: Cast) -> None:
        make_flow(cast.account)
        self.leaving_sessions(cast.account, 1)
        run(cast.account)
        assert not FlowProposal.objects.exists()
        assert SessionAnalysis.objects.get().outcome == SessionAnalysis.Outcome.LEFT

    def test_a_dead_end_that_sessions_answered_is_an_enhancement(self, cast: Cast) -> None:
        make_flow(cast.account)
        for n in range(5):
            make_session(
                cast.account,
                technician=f"tech{n}@northwind.test",
                steps=[
                    step("Does the VPN client connect?", "No"),
                    step("Renew the user's certificate in the portal", "Done", "action", ("Done",)),
                ],
            )
        run(cast.account)
        proposal = FlowProposal.objects.get(status=Status.PENDING)
        assert proposal.proposal_type == Type.ENHANCEMENT
        assert "certificate" in " ".join(n["text"] for n in proposal.proposed_flow_data["nodes"])


class TestFlywheel:
    def test_a_published_proposal_guides_the_next_sessions(self, cast: Cast) -> None:
        add_printer_sessions(cast.account)
        run(cast.account)
        proposal = FlowProposal.objects.get()
        proposal_approve(actor=cast.alice, proposal_id=proposal.pk, revision=1)
        add_printer_sessions(cast.account, 3)
        run(cast.account)
        record = FlowProposal.objects.get(status=Status.AUTO_REINFORCED)
        assert record.supporting_session_count == 3
        assert record.topic == proposal.topic

    @pytest.mark.parametrize("decide", [proposal_dismiss, proposal_reject])
    def test_a_decided_topic_comes_back_only_with_new_evidence(self, cast: Cast, decide: Any) -> None:
        add_printer_sessions(cast.account)
        run(cast.account)
        decide(actor=cast.alice, proposal_id=FlowProposal.objects.get().pk, revision=1, notes="not now")
        Topic.objects.update(mining_due=True)
        run(cast.account)
        assert not FlowProposal.objects.filter(status=Status.PENDING).exists()
        add_printer_sessions(cast.account, 5)
        run(cast.account)
        assert FlowProposal.objects.filter(status=Status.PENDING).count() == 1

    def test_accounts_do_not_learn_from_each_other(self, cast: Cast) -> None:
        make_flow(cast.other_account, definition=definition(question="Is the printer switched on?"))
        add_printer_sessions(cast.account)
        add_printer_sessions(cast.other_account)
        run(cast.account)
        assert set(FlowProposal.objects.values_list("account", flat=True)) == {cast.account.pk}
        assert not SessionAnalysis.objects.filter(account=cast.other_account).exists()
