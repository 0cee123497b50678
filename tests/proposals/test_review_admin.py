"""The review queue in the admin: what is listed, and deciding there."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
from proposals.review import proposal_dismiss
from tests.conftest import Cast
from tests.factories import definition, make_change, make_proposal

pytestmark = pytest.mark.django_db
QUEUE = "admin:proposals_flowproposal_changelist"
Status = FlowProposal.Status


def titles(response: Any) -> list[str]:
    return [row.title for row in response.context["cl"].result_list]


def post_decision(browser: Client, proposal: FlowProposal, **data: Any) -> Any:
    page = "edit" if "definition" in data else "decide"
    url = reverse(f"admin:proposals_flowproposal_{page}", args=[proposal.pk])
    return browser.post(url, {"revision": proposal.revision, "notes": "", **data}, follow=True)


def message_texts(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


class TestQueue:
    def test_shows_what_is_pending_with_the_most_evidence_first(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account, 1, title="Seen once")
        make_proposal(cast.account, 3, title="Seen often")
        make_proposal(cast.account, title="Recorded", proposal_type="auto_reinforced", status="auto_reinforced")
        done = make_proposal(cast.account, title="Parked")
        proposal_dismiss(actor=cast.alice, proposal_id=done.pk, revision=1)
        assert titles(login(cast.alice).get(reverse(QUEUE))) == ["Seen often", "Seen once"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"status": "dismissed"}, ["Parked"]),
            ({"status": "all"}, ["Strong", "Plain", "Parked"]),
            ({"tier": "guided"}, ["Strong"]),
            ({"tier": "exploring"}, ["Plain"]),
            ({"problem_domain": "email"}, ["Strong"]),
            ({"age": "2"}, ["Strong"]),
            ({"q": "stron"}, ["Strong"]),
            ({"proposal_type__exact": "enhancement"}, []),
        ],
    )
    def test_filters_and_search(self, cast: Cast, login: Any, query: dict[str, str], expected: list[str]) -> None:
        old = make_proposal(cast.account, 2, title="Strong", confidence_score=0.9, problem_domain="email")
        FlowProposal.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
        make_proposal(cast.account, title="Plain")
        parked = make_proposal(cast.account, title="Parked", impact=0)
        proposal_dismiss(actor=cast.alice, proposal_id=parked.pk, revision=1)
        assert titles(login(cast.alice).get(reverse(QUEUE), query)) == expected

    def test_team_filter(self, cast: Cast, login: Any) -> None:
        other = Team.objects.create(account=cast.account, name="Field")
        make_proposal(cast.account, title="Desk", team=cast.team)
        make_proposal(cast.account, title="Field", team=other)
        assert titles(login(cast.alice).get(reverse(QUEUE), {"team__id__exact": other.pk})) == ["Field"]

    def test_is_not_for_technicians(self, cast: Cast, login: Any) -> None:
        assert login(cast.bob).get(reverse(QUEUE)).status_code == 403


class TestDetailPage:
    def test_approve_publishes_and_leads_to_the_flow(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        response = post_decision(login(cast.alice), proposal, decision="approve")
        flow = Flow.objects.get()
        assert response.redirect_chain[-1][0] == reverse("admin:flows_flow_change", args=[flow.pk])
        assert "approved" in message_texts(response)

    def test_reject_without_a_reason_is_told(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        response = post_decision(login(cast.alice), proposal, decision="reject")
        assert "say why" in message_texts(response)
        proposal.refresh_from_db()
        assert proposal.is_pending

    def test_a_stale_page_is_told_and_decides_nothing(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        FlowProposal.objects.update(revision=2)
        response = post_decision(login(cast.alice), proposal, decision="approve")
        assert "it is at revision 2 now" in message_texts(response)
        assert not Flow.objects.exists()

    def test_a_decided_one_tells_who_decided(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        proposal_dismiss(actor=cast.olivia, proposal_id=proposal.pk, revision=1)
        response = post_decision(login(cast.alice), proposal, decision="approve")
        assert "Olivia has decided this already" in message_texts(response)

    def test_no_approve_button_for_a_change(self, cast: Cast, login: Any) -> None:
        page = login(cast.alice).get(
            reverse("admin:proposals_flowproposal_change", args=[make_change(cast.account).pk])
        )
        assert 'value="approve"' not in page.content.decode()
        assert 'value="reject"' in page.content.decode()

    def test_an_analyst_reads_but_has_no_buttons(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        browser = login(cast.carol)
        page = browser.get(reverse("admin:proposals_flowproposal_change", args=[proposal.pk]))
        assert page.status_code == 200
        assert 'name="decision"' not in page.content.decode()
        assert post_decision(browser, proposal, decision="approve").status_code == 403

    def test_an_unknown_decision_is_404(self, cast: Cast, login: Any) -> None:
        assert post_decision(login(cast.alice), make_proposal(cast.account), decision="burn").status_code == 404


class TestEditAndPublish:
    def publish(self, browser: Client, proposal: FlowProposal, text: str, **data: Any) -> Any:
        return post_decision(browser, proposal, title=proposal.title, definition=text, notes="better words", **data)

    def test_the_form_starts_from_the_proposal(self, cast: Cast, login: Any) -> None:
        proposal = make_change(cast.account)
        page = login(cast.alice).get(reverse("admin:proposals_flowproposal_edit", args=[proposal.pk]))
        assert json.loads(page.context["form"].initial["definition"]) == proposal.proposed_flow_data

    def test_publishes_the_edited_text(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        edited = definition(question="Is the VPN client connected?")
        self.publish(login(cast.alice), proposal, json.dumps(edited))
        proposal.refresh_from_db()
        assert proposal.status == Status.MODIFIED
        version = Flow.objects.get().current_version
        assert version
        assert version.definition == edited

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("{", "Line 1, column 2"),
            ("[]", "object"),
            (json.dumps({**definition(), "root": "nowhere"}), "/root"),
            (json.dumps(definition()).replace('"n3"', '"n1"'), "/nodes/"),
        ],
    )
    def test_a_bad_text_is_told_where_and_nothing_typed_is_lost(
        self, cast: Cast, login: Any, text: str, told: str
    ) -> None:
        proposal = make_proposal(cast.account)
        page = self.publish(login(cast.alice), proposal, text)
        assert told in " ".join(page.context["form"].errors["definition"])
        assert page.context["form"].data["definition"] == text
        assert page.context["form"].data["notes"] == "better words"
        assert not Flow.objects.exists()

    def test_a_stale_edit_keeps_the_text(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        FlowProposal.objects.update(revision=2)
        text = json.dumps(definition(question="Typed for a long time"))
        page = self.publish(login(cast.alice), proposal, text)
        assert "revision 2" in " ".join(page.context["form"].non_field_errors())
        assert page.context["form"].data["definition"] == text


class TestBulk:
    def act(self, browser: Client, action: str, proposals: list[FlowProposal], **data: Any) -> Any:
        chosen = [p.pk for p in proposals]
        return browser.post(reverse(QUEUE), {"action": action, "_selected_action": chosen, **data}, follow=True)

    def test_asks_first_with_ids_and_revisions_and_says_what_is_not_allowed(self, cast: Cast, login: Any) -> None:
        new, change = make_proposal(cast.account, revision=4), make_change(cast.account)
        page = self.act(login(cast.alice), "approve", [new, change])
        assert not FlowProposal.objects.exclude(status=Status.PENDING).exists()
        content = page.content.decode()
        assert f'value="{new.pk}:4"' in content
        assert f'value="{change.pk}:' not in content
        assert "changes a published flow" in content

    def test_decides_exactly_what_was_confirmed(self, cast: Cast, login: Any) -> None:
        first, second, unasked = (make_proposal(cast.account) for _ in range(3))
        page = self.act(
            login(cast.alice),
            "reject",
            [first, second, unasked],
            confirmed="1",
            item=[f"{first.pk}:1", f"{second.pk}:1"],
            notes="too vague",
        )
        assert "2 done" in message_texts(page)
        statuses = {p.pk: p.status for p in FlowProposal.objects.all()}
        assert statuses == {first.pk: Status.REJECTED, second.pk: Status.REJECTED, unasked.pk: Status.PENDING}

    def test_one_that_changed_meanwhile_is_told_and_the_others_are_decided(self, cast: Cast, login: Any) -> None:
        fresh, stale = make_proposal(cast.account), make_proposal(cast.account)
        FlowProposal.objects.filter(pk=stale.pk).update(revision=2)
        page = self.act(
            login(cast.alice), "dismiss", [fresh, stale], confirmed="1", item=[f"{fresh.pk}:1", f"{stale.pk}:1"]
        )
        assert "1 done" in message_texts(page)
        assert f"proposal {stale.pk}: this proposal has changed" in message_texts(page)

    def test_a_foreign_id_slipped_in_is_not_found(self, cast: Cast, login: Any) -> None:
        own, foreign = make_proposal(cast.account), make_proposal(cast.other_account)
        page = self.act(login(cast.alice), "dismiss", [own], confirmed="1", item=[f"{own.pk}:1", f"{foreign.pk}:1"])
        assert "there is no such proposal" in message_texts(page)
        foreign.refresh_from_db()
        assert foreign.is_pending

    def test_edit_and_publish_opens_the_editor_of_one(self, cast: Cast, login: Any) -> None:
        one, other = make_proposal(cast.account), make_proposal(cast.account)
        page = self.act(login(cast.alice), "edit_and_publish", [one])
        assert page.redirect_chain[-1][0] == reverse("admin:proposals_flowproposal_edit", args=[one.pk])
        assert "select exactly one" in message_texts(self.act(login(cast.alice), "edit_and_publish", [one, other]))

    def test_an_analyst_has_no_actions(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        self.act(login(cast.carol), "dismiss", [proposal], confirmed="1", item=[f"{proposal.pk}:1"])
        proposal.refresh_from_db()
        assert proposal.is_pending
