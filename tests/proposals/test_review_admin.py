"""The review queue in the admin: what is listed, and deciding there."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
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
