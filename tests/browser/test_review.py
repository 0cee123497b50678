"""Reviewing in the browser: from the detail page, in bulk, and in the editor."""

import json

import pytest
from playwright.sync_api import expect

from flowpilot.flows.models import FlowVersion
from proposals.models import FlowProposal
from tests.browser.conftest import OpenPage
from tests.conftest import Cast
from tests.factories import definition

pytestmark = pytest.mark.browser

QUEUE = "/admin/proposals/flowproposal/"


def status(proposal: FlowProposal) -> str:
    proposal.refresh_from_db()
    return proposal.status


def test_approve_publishes(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(f"{QUEUE}{new_flow.pk}/change/", user=cast.alice)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("VPN drops at noon")
    assert "/flows/flow/" in page.url
    assert status(new_flow) == "approved"


def test_a_change_cannot_be_approved(open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
    page = open_page(f"{QUEUE}{change.pk}/change/", user=cast.alice)
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(page.get_by_text("never approved blind")).to_be_visible()


def test_reject_waits_for_a_reason(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(f"{QUEUE}{new_flow.pk}/change/", user=cast.alice)
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    expect(page.get_by_label("Notes for the record")).to_be_focused()
    assert status(new_flow) == "pending"
    page.get_by_label("Notes for the record").fill("The steps are in the wrong order")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".messagelist")).to_contain_text("rejected")
    assert (status(new_flow), new_flow.reviewer_notes) == ("rejected", "The steps are in the wrong order")


def test_an_analyst_reads_and_does_not_decide(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(f"{QUEUE}{new_flow.pk}/change/", user=cast.carol)
    expect(page.get_by_text("A team admin or an owner decides this")).to_be_visible()
    expect(page.locator(".fp-decide form")).to_have_count(0)


def test_bulk_decides_what_it_may_and_says_what_not(
    open_page: OpenPage, cast: Cast, new_flow: FlowProposal, change: FlowProposal
) -> None:
    page = open_page(QUEUE, user=cast.alice)
    for box in page.get_by_role("row").get_by_label("Select this object").all():
        box.check()
    page.get_by_role("button", name="Approve…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 1 proposal?")
    expect(page.get_by_role("row", name="Printing from home")).to_contain_text("changes a published flow")
    page.get_by_role("button", name="Approve 1 proposal").click()
    expect(page.locator(".messagelist")).to_contain_text("Approve: 1 done.")
    assert (status(new_flow), status(change)) == ("approved", "pending")


@pytest.mark.parametrize(
    ("button", "heading"), [("Dismiss…", "Dismiss 1 proposal?"), ("Reject…", "Reject 1 proposal?")]
)
def test_each_bulk_button_does_its_own(
    open_page: OpenPage, cast: Cast, new_flow: FlowProposal, button: str, heading: str
) -> None:
    page = open_page(QUEUE, user=cast.alice)
    page.get_by_role("row", name="VPN drops at noon").get_by_role("checkbox").check()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_the_editor_keeps_what_was_typed(open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
    page = open_page(f"{QUEUE}{change.pk}/decide/", user=cast.alice)
    page.get_by_label("Definition (JSON)").fill('{"nodes": [')
    expect(page.get_by_role("status")).to_contain_text("The graph waits")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was published")
    expect(page.get_by_label("Definition (JSON)")).to_have_value('{"nodes": [')
    edited = definition("Is the printer switched on?")
    page.get_by_label("Definition (JSON)").fill(json.dumps(edited))
    expect(page.locator("#preview .fp-g-node")).to_have_count(4)
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Printing")
    assert status(change) == "modified"
    assert FlowVersion.objects.get(flow=change.target_flow, number=2).definition == edited


def test_evidence_leads_to_its_line(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(f"{QUEUE}{new_flow.pk}/change/", user=cast.alice)
    page.locator(".fp-g-node[data-node=n1]").click()
    page.locator("#chosen-evidence").get_by_role("link").click()
    assert page.url.endswith("#line-0")
    expect(page.locator("#line-0")).to_contain_text("Does the VPN client connect?")


def test_tabs_choose_the_status(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(QUEUE, user=cast.alice)
    expect(page.get_by_role("link", name="VPN drops at noon")).to_be_visible()
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Rejected").click()
    expect(page.get_by_text("No proposal matches")).to_be_visible()


def test_keys_walk_the_queue(open_page: OpenPage, cast: Cast, new_flow: FlowProposal, change: FlowProposal) -> None:
    page = open_page(f"{QUEUE}{new_flow.pk}/change/", user=cast.alice)
    expect(page.locator(".breadcrumbs")).to_contain_text("1 of 2 pending")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", level=1)).to_have_text("Printing from home")
    page.get_by_label("Notes for the record").press("k")
    expect(page.get_by_label("Notes for the record")).to_have_value("k")
    page.locator("h1").click()
    page.keyboard.press("k")
    expect(page.get_by_role("heading", level=1)).to_have_text("VPN drops at noon")
