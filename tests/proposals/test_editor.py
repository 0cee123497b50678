"""The editor's addresses: drafts, checks, the plain form, and what a failed publishing gives back."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_version_publish
from proposals.models import FlowProposal, ReviewDraft
from proposals.review import proposal_dismiss
from proposals.review.drafts import draft_of
from tests.conftest import Cast
from tests.factories import definition, make_change, make_proposal

pytestmark = pytest.mark.django_db


def address(proposal: FlowProposal, page: str = "edit") -> str:
    return reverse(f"admin:proposals_flowproposal_{page}", args=[proposal.pk])


def send(browser: Client, url: str, body: Any) -> Any:
    return browser.post(url, body if isinstance(body, str) else json.dumps(body), content_type="application/json")


def draft(seen: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"revision": 1, "title": "VPN", "definition": definition(), "seen": seen, **fields}


def fields_of(page: Any) -> dict[str, str]:
    """What a browser without a script would send of the page's form, as it stands."""
    context = page.context
    sent = {name: str(context["form"][name].value() or "") for name in ("revision", "title", "notes", "seen")}
    sent |= {"definition": context["editing"].text, "whole": context["whole"], "part": str(context["part"])}
    sent["root"] = context["editing"].value["root"]
    for node in context["nodes"]:
        sent |= {f"{node.name}-text": node.text, f"{node.name}-kind": node.kind}
        sent |= {f"{node.name}-help-{number}": line for number, line in enumerate(node.help)}
        for option in node.options:
            sent |= {f"{option.name}-label": option.label, f"{option.name}-next": option.next}
            sent |= {f"{option.name}-place": str(option.number)}
    return sent


class TestDraft:
    def test_is_kept_and_opens_again(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        unfinished = {**definition(), "root": "nowhere"}
        saved = send(browser, address(proposal, "draft"), draft(definition=unfinished, title="Half a ti"))
        assert saved.status_code == 200
        page = browser.get(address(proposal))
        assert page.context["editor_data"]["definition"] == unfinished
        assert page.context["editor_data"]["seen"] == saved.json()["saved_at"]
        assert page.context["form"]["title"].value() == "Half a ti"

    def test_is_its_reviewer_s_own(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        send(login(cast.alice), address(proposal, "draft"), draft(title="Alice's"))
        page = login(cast.olivia).get(address(proposal))
        assert page.context["form"]["title"].value() == proposal.title

    def test_of_two_tabs_the_older_is_refused_and_nothing_is_lost(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        url = address(proposal, "draft")
        first = send(browser, url, draft(title="First")).json()["saved_at"]
        second = send(browser, url, draft(first, title="Second")).json()["saved_at"]
        for seen in (first, None):
            refused = send(browser, url, draft(seen, title="Older tab")).json()["conflict"]
            assert (refused["title"], refused["saved_at"]) == ("Second", second)
        assert send(browser, url, draft(second, title="Keep mine")).status_code == 200
        kept = draft_of(actor=cast.alice, proposal_id=proposal.pk)
        assert kept
        assert kept.title == "Keep mine"

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("{", "not JSON"),
            ([], "not a JSON object"),
            (draft(revision="1"), "“revision”"),
            (draft(title=None), "“title”"),
            (draft(definition=[]), "JSON object"),
            (draft(definition={"root": "a\x00b"}), "U+0000"),
            (draft(definition={"a": ["\ud800"]}), "U+D800"),
            ('{"revision": 1, "title": "", "definition": {"a": 1e999}}', "cannot be kept"),
        ],
    )
    def test_what_cannot_be_kept_is_told(self, cast: Cast, login: Any, body: Any, told: str) -> None:
        answer = send(login(cast.alice), address(make_proposal(cast.account), "draft"), body)
        assert answer.status_code == 400
        assert told in answer.json()["message"]
        assert not ReviewDraft.objects.exists()

    def test_a_decided_proposal_takes_none(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        proposal_dismiss(actor=cast.olivia, proposal_id=proposal.pk, revision=1)
        answer = send(login(cast.alice), address(proposal, "draft"), draft())
        assert answer.status_code == 409
        assert "Olivia" in answer.json()["message"]

    def test_discarding_opens_the_proposal(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        send(browser, address(proposal, "draft"), draft(title="Mine"))
        page = browser.post(address(proposal, "discard"), follow=True)
        assert page.context["form"]["title"].value() == proposal.title
        assert not ReviewDraft.objects.exists()


@pytest.mark.parametrize("page", ["draft", "check", "discard"])
class TestWhoMay:
    def test_a_foreign_row_is_not_there(self, cast: Cast, login: Any, page: str) -> None:
        proposal = make_proposal(cast.account)
        assert send(login(cast.mallory), address(proposal, page), draft()).status_code == 404
        assert not ReviewDraft.objects.exists()

    def test_an_analyst_may_not(self, cast: Cast, login: Any, page: str) -> None:
        proposal = make_proposal(cast.account)
        assert send(login(cast.carol), address(proposal, page), draft()).status_code == 403
        assert not ReviewDraft.objects.exists()

    def test_only_by_post(self, cast: Cast, login: Any, page: str) -> None:
        assert login(cast.alice).get(address(make_proposal(cast.account), page)).status_code == 405


class TestCheck:
    def test_tells_problems_with_their_place(self, cast: Cast, login: Any) -> None:
        broken = definition()
        broken["nodes"][1]["text"] = " "
        answer = send(login(cast.alice), address(make_proposal(cast.account), "check"), {"definition": broken}).json()
        (problem,) = answer["problems"]
        assert (problem["pointer"], problem["node_id"]) == ("/nodes/1/text", "n2")
        assert problem["place"] == "The node behind “Yes”, which has no text yet, its text"
        assert answer["from_proposal"] is None

    def test_tells_what_differs_from_the_proposal_and_the_base(self, cast: Cast, login: Any) -> None:
        proposal = make_change(cast.account)
        edited = definition(question="Does it connect?", yes="Restart the router and wait for two minutes")
        answer = send(login(cast.alice), address(proposal, "check"), {"definition": edited}).json()
        reworded = "The question “Does the VPN client connect?” reads “Does it connect?” now."
        assert answer["from_proposal"] == [reworded]
        assert len(answer["from_base"]) == 2
        assert answer["marks"]["changedNodes"] == ["n1", "n2"]

    @pytest.mark.parametrize("body", ["null", "[", '{"definition": 3}', "{}"])
    def test_takes_anything(self, cast: Cast, login: Any, body: str) -> None:
        answer = send(login(cast.alice), address(make_proposal(cast.account), "check"), body)
        assert answer.status_code in {200, 400}
        assert answer.json().get("problems") or answer.json()["message"]


class TestPlainForm:
    """Everything without a script."""

    def test_untouched_it_is_the_proposal_and_publishes_it_as_approved(self, cast: Cast, login: Any) -> None:
        flow = definition()
        flow["nodes"][1]["help"] = ["Two\nlines", "One"]
        proposal, browser = make_proposal(cast.account, proposed_flow_data=flow), login(cast.alice)
        sent = {name: value.replace("\n", "\r\n") for name, value in fields_of(browser.get(address(proposal))).items()}
        browser.post(address(proposal), sent)
        proposal.refresh_from_db()
        assert proposal.status == FlowProposal.Status.APPROVED
        version = Flow.objects.get().current_version
        assert version
        assert version.definition == flow

    def test_edits_and_adds_a_branch(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_change(cast.account), login(cast.alice)
        sent = fields_of(browser.get(address(proposal)))
        sent |= {"node-0-text": "Is it on?", "node-0-option-new-label": "Maybe", "node-0-option-new-text": "Wait"}
        sent |= {"node-0-option-new-next": "new:resolution", "node-2-help-0": "Say thanks"}
        browser.post(address(proposal), {**sent, "do": "publish"})
        proposal.refresh_from_db()
        assert proposal.status == FlowProposal.Status.MODIFIED
        assert proposal.published_flow
        assert proposal.published_flow.current_version
        nodes = {node["id"]: node for node in proposal.published_flow.current_version.definition["nodes"]}
        assert nodes["n1"]["text"] == "Is it on?"
        assert nodes["n1"]["options"][2] == {"id": "o3", "label": "Maybe", "next": "n5"}
        assert nodes["n5"] == {"id": "n5", "kind": "resolution", "text": "Wait"}
        assert nodes["n3"]["help"] == ["Say thanks"]

    def test_keeping_shows_problems_and_publishes_nothing(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        sent = fields_of(browser.get(address(proposal)))
        page = browser.post(address(proposal), {**sent, "node-1-text": "", "notes": "my notes", "do": "keep"})
        assert [problem.pointer for problem in page.context["comparison"].problems] == ["/nodes/1/text"]
        assert "The text is empty" in page.content.decode()
        assert "my notes" in page.content.decode()
        kept = draft_of(actor=cast.alice, proposal_id=proposal.pk)
        assert kept
        assert kept.definition["nodes"][1]["text"] == ""
        assert not Flow.objects.exists()

    def test_fields_and_text_changed_at_once_is_asked_about(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        sent = fields_of(browser.get(address(proposal)))
        text = json.dumps(definition(question="By text"))
        sent |= {"definition": text, "node-0-text": "By field"}
        page = browser.post(address(proposal), sent)
        assert "You changed the fields and the text" in page.content.decode()
        assert page.context["editing"].text == text
        assert page.context["nodes"][0].text == "By field"
        assert not Flow.objects.exists()
        browser.post(address(proposal), {**sent, "use_text": "on"})
        version = Flow.objects.get().current_version
        assert version
        assert version.definition["nodes"][0]["text"] == "By text"

    def test_two_tabs(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        sent = fields_of(browser.get(address(proposal)))
        browser.post(address(proposal), {**sent, "node-0-text": "The other tab", "do": "keep"})
        mine = {**sent, "node-0-text": "This tab"}
        page = browser.post(address(proposal), {**mine, "do": "keep"})
        assert "Two drafts" in page.content.decode()
        other = page.context["editing"].other.saved_at.isoformat()
        taken = browser.post(address(proposal), {**mine, "other": other, "do": "take"})
        assert taken.context["nodes"][0].text == "The other tab"
        browser.post(address(proposal), {**mine, "other": other, "do": "mine"})
        kept = draft_of(actor=cast.alice, proposal_id=proposal.pk)
        assert kept
        assert kept.definition["nodes"][0]["text"] == "This tab"


class TestMovedOn:
    def test_a_draft_of_an_older_revision_is_kept_beside_the_new_one(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        send(browser, address(proposal, "draft"), draft(definition=definition(question="Mine?")))
        new = definition(question="Mined again?")
        FlowProposal.objects.update(revision=2, proposed_flow_data=new)
        page = browser.get(address(proposal))
        content = page.content.decode()
        assert "The proposal is at revision 2 now" in content
        assert "Mined again?" in content
        assert page.context["nodes"][0].text == "Mine?"
        sent = fields_of(page)
        refused = browser.post(address(proposal), sent)
        assert "Nothing was published" in refused.content.decode()
        assert refused.context["nodes"][0].text == "Mine?"
        page = browser.post(address(proposal), {**sent, "do": "go-on"})
        assert not page.context["editing"].is_stale
        browser.post(address(proposal), fields_of(page))
        proposal.refresh_from_db()
        assert proposal.status == FlowProposal.Status.MODIFIED

    def test_a_flow_that_moved_on_is_merged_into_the_edit(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_change(cast.account), login(cast.alice)
        page = browser.get(address(proposal))
        sent = {**fields_of(page), "notes": "typed before"}
        assert proposal.target_flow
        flow_version_publish(
            actor=cast.olivia,
            flow=proposal.target_flow,
            base_number=1,
            definition=definition(question="Reworded there?"),
        )
        refused = browser.post(address(proposal), sent)
        assert "The flow has moved on" in refused.content.decode()
        assert "typed before" in refused.content.decode()
        merged = browser.post(address(proposal), {**sent, "do": "merge"})
        texts = [node.text for node in merged.context["nodes"]]
        assert texts[:2] == ["Reworded there?", "Restart the router and wait for two minutes"]
        assert merged.context["form"]["base_version"].value() == 2


class TestAfterPublishing:
    def test_an_edit_stays_as_draft_for_an_undo(self, cast: Cast, login: Any) -> None:
        proposal, browser = make_proposal(cast.account), login(cast.alice)
        sent = fields_of(browser.get(address(proposal)))
        browser.post(address(proposal), {**sent, "node-0-text": "Edited?"})
        assert ReviewDraft.objects.get().definition["nodes"][0]["text"] == "Edited?"

    def test_a_decided_proposal_leads_back_to_its_page(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        proposal_dismiss(actor=cast.alice, proposal_id=proposal.pk, revision=1)
        page = login(cast.alice).get(address(proposal))
        assert page.status_code == 302
