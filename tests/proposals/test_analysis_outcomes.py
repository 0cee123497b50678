"""What a published flow's sessions are taken for, and what a proposal may show and never shows."""

from typing import Any

import pytest

from flowpilot.accounts.models import Account
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.services import flow_version_publish
from flowpilot.flows.validation import validate_definition
from proposals.models import FlowProposal, SessionAnalysis, Topic
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import definition, make_flow, make_session
from tests.proposals.test_analysis import printer_steps, run, step

Type, Status = FlowProposal.Type, FlowProposal.Status
pytestmark = pytest.mark.django_db

CONNECTS = "Does the VPN client connect?"


def action(prompt: str) -> dict[str, Any]:
    return step(prompt, "Done", "action", ("Done",))


def sessions(account: Account, count: int, *steps: dict[str, Any], people: int = 10, **fields: Any) -> list[AISession]:
    """Sessions of so many technicians, all alike."""
    return [
        make_session(account, technician=f"tech{n % people}@northwind.test", steps=list(steps), **fields)
        for n in range(count)
    ]


def updates(account: Account, count: int = 5, **fields: Any) -> list[AISession]:
    return sessions(
        account, count, step(CONNECTS, "It asks for an update"), action("Install the client update"), **fields
    )


def pending() -> FlowProposal:
    return FlowProposal.objects.get(status=Status.PENDING)


def base_of(proposal: FlowProposal) -> FlowVersion:
    assert proposal.base_version is not None
    return proposal.base_version


def shown(proposal: FlowProposal) -> str:
    """All that anybody may come to read of it."""
    parts = (proposal.title, proposal.description, proposal.proposed_flow_data, proposal.proposed_diff)
    return str((*parts, proposal.examples))


class TestKindOfChange:
    def test_one_branch_is_an_addition_of_exactly_that_branch(self, cast: Cast) -> None:
        version = make_flow(cast.account)
        updates(cast.account)
        run(cast.account)
        proposal = pending()
        diff = diff_definitions(version.definition, proposal.proposed_flow_data)
        assert proposal.proposal_type == Type.BRANCH_ADDITION
        assert diff.is_single_branch_addition
        assert diff.to_json() == proposal.proposed_diff
        assert [(added.node_id, added.option.label) for added in diff.added_options] == [
            ("n1", "It asks for an update")
        ]

    def test_two_branches_are_an_enhancement(self, cast: Cast) -> None:
        make_flow(cast.account)
        updates(cast.account)
        sessions(cast.account, 5, step(CONNECTS, "Certificate expired"), action("Issue a new certificate"))
        run(cast.account)
        assert pending().proposal_type == Type.ENHANCEMENT
        assert len(pending().proposed_diff["added_options"]) == 2

    def test_another_order_is_an_enhancement(self, cast: Cast) -> None:
        flow = definition()
        flow["nodes"][1:2] = [
            {**flow["nodes"][1], "options": [{"id": "o1", "label": "Done", "next": "n5"}]},
            {
                "id": "n5", "kind": "question", "text": "Is the password expired?",
                "options": [{"id": "o1", "label": "Yes", "next": "n6"}, {"id": "o2", "label": "No", "next": "n4"}],
            },
            {"id": "n6", "kind": "action", "text": "Set a new password", "options": [
                {"id": "o1", "label": "Done", "next": "n3"}]},
        ]  # fmt: skip
        make_flow(cast.account, definition=flow)
        first, second = step("Is the password expired?", "Yes"), action("Set a new password")
        sessions(cast.account, 8, step(CONNECTS, "Yes"), first, second)
        run(cast.account)
        proposal = pending()
        assert proposal.proposal_type == Type.ENHANCEMENT
        nodes = {node["id"]: node for node in proposal.proposed_flow_data["nodes"]}
        assert nodes[nodes["n1"]["options"][0]["next"]]["text"] == "Is the password expired?"

    @pytest.mark.parametrize("answer", ["It asks for an update", "No"])
    def test_what_is_proposed_is_valid_and_pinned(self, cast: Cast, answer: str) -> None:
        version = make_flow(cast.account)
        sessions(cast.account, 5, step(CONNECTS, answer), action("Install the client update"))
        run(cast.account)
        assert not validate_definition(pending().proposed_flow_data)
        assert (base_of(pending()), pending().target_flow) == (version, version.flow)

    def test_what_one_technician_does_is_a_habit(self, cast: Cast) -> None:
        make_flow(cast.account)
        sessions(cast.account, 3, step(CONNECTS, "Yes"), action("Restart the router"))
        updates(cast.account, 8, people=1)
        run(cast.account)
        assert not FlowProposal.objects.filter(status=Status.PENDING).exists()
        assert SessionAnalysis.objects.filter(outcome=SessionAnalysis.Outcome.LEFT).count() == 8

    def test_one_technicians_new_flow_is_trusted_less_than_that_of_many(self, cast: Cast) -> None:
        for account, people in ((cast.account, 10), (cast.other_account, 1)):
            sessions(account, 10, *printer_steps(), people=people)
            run(account)
        many, one = (FlowProposal.objects.get(account=account) for account in (cast.account, cast.other_account))
        assert (many.replays_succeeded, many.replays_tried) == (one.replays_succeeded, one.replays_tried) == (10, 10)
        assert (many.technician_count, one.technician_count) == (10, 1)
        assert one.confidence_score < many.confidence_score
        assert "1 technician " in one.description


class TestFlowMovesOn:
    def test_a_change_is_mined_again_for_the_next_version(self, cast: Cast) -> None:
        version = make_flow(cast.account)
        updates(cast.account)
        run(cast.account)
        newer = definition(yes="Call the provider")
        flow_version_publish(actor=cast.alice, flow=version.flow, base_number=1, definition=newer)
        run(cast.account)
        proposal = pending()
        assert (base_of(proposal).number, proposal.revision) == (2, 2)
        assert "Call the provider" in str(proposal.proposed_flow_data)
        assert diff_definitions(newer, proposal.proposed_flow_data).is_single_branch_addition

    def test_a_change_that_the_next_version_answers_is_retired(self, cast: Cast) -> None:
        version = make_flow(cast.account)
        updates(cast.account)
        run(cast.account)
        flow_version_publish(
            actor=cast.alice, flow=version.flow, base_number=1, definition=pending().proposed_flow_data
        )
        run(cast.account)
        proposal = FlowProposal.objects.get(target_flow=version.flow, proposal_type=Type.BRANCH_ADDITION)
        assert (proposal.status, proposal.reviewer_notes) == (Status.DISMISSED, "answered by version 2")


class TestNothingPrivate:
    PRIVATE = ("fabrikam", "FAB-SRV-02", "10.20.30.40", "Petra", "alice hartmann", "hunter2")

    def test_in_a_new_flow(self, cast: Cast) -> None:
        self.colleagues(cast)
        steps = printer_steps()
        steps[0]["prompt"] = "Is the printer of Fabrikam Legal switched on?"
        steps[1]["response"] = "No, says Alice Hartmann, the password is hunter2!"
        steps[2]["prompt"] = "Fill the tray, restart FAB-SRV-02 (10.20.30.40) and call Mrs Petra Novak"
        sessions(cast.account, 6, *steps, title="Printer of Fabrikam Legal is silent", client="Contoso Bakery")
        run(cast.account)
        self.check(pending(), "address", "client", "host", "person", "secret")

    def test_in_a_change(self, cast: Cast) -> None:
        self.colleagues(cast)
        make_flow(cast.account)
        left = step(CONNECTS, "It asks for an update as at Fabrikam Legal")
        helped = action("Install the update from FAB-SRV-02, 10.20.30.40; Alice Hartmann knows how")
        sessions(cast.account, 6, left, helped, client="Contoso Bakery")
        run(cast.account)
        self.check(pending(), "address", "client", "host", "person")

    def test_in_the_name_of_a_topic_without_a_proposal(self, cast: Cast) -> None:
        self.colleagues(cast)
        sessions(cast.account, 4, *printer_steps(), status="escalated", title="Printer at Fabrikam Legal is silent")
        run(cast.account)
        assert not FlowProposal.objects.exists()
        assert Topic.objects.get().title == "Printer at [client] is silent"

    def colleagues(self, cast: Cast) -> None:
        """A client and a person of the account that no session of the topic is of."""
        make_session(cast.account, client="Fabrikam Legal", status="abandoned")
        cast.alice.full_name = "Alice Hartmann"
        cast.alice.save()

    def check(self, proposal: FlowProposal, *kinds: str) -> None:
        told = shown(proposal).lower()
        assert [word for word in self.PRIVATE if word.lower() in told] == []
        assert proposal.masked == sorted(kinds)
