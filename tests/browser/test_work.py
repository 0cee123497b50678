"""A session going round: free-form, resolved, proposed, published, and the next one guided by it."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from proposals.analysis.run import analyze_account
from proposals.models import FlowProposal
from sessions.models import AISession
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.browser.working import PROBLEM, record, start
from tests.conftest import Cast
from tests.factories import make_connection, make_flow
from tests.proposals.test_analysis import add_printer_sessions
from tests.sessions.psa_servers import FakePsa

pytestmark = pytest.mark.browser


def test_a_session_goes_round(open_page: OpenPage, cast: Cast) -> None:
    bob = open_page("/work/", user=cast.bob)
    start(bob)
    expect(bob.get_by_text("No published flow is like this")).to_be_visible()
    bob.get_by_role("button", name="Work free-form").click()
    record(bob, "question", "Is the printer switched on?", "Yes")
    record(bob, "question", "Is there paper in the tray?", "No")
    record(bob, "action", "Fill the paper tray and print a test page", "Done")
    bob.get_by_text("Resolved", exact=True).click()
    expect(bob.get_by_label("What solved it")).to_have_value(re.compile("Fill the paper tray"))
    bob.get_by_role("button", name="Resolve").click()
    expect(bob.get_by_role("heading", name="Resolved")).to_be_visible()

    # Colleagues have worked the same problem.
    add_printer_sessions(cast.account, 5)
    analyze_account(cast.account.pk)
    proposal = FlowProposal.objects.get()
    assert AISession.objects.get(is_worked_here=True) in proposal.supporting_sessions.all()

    alice = open_page(f"/admin/proposals/flowproposal/{proposal.pk}/change/", user=cast.alice)
    alice.get_by_role("button", name=re.compile("^Approve")).click()
    expect(alice.locator(".messagelist").first).to_contain_text("published as version 1")

    bob.goto("/work/")
    start(bob, "The office printer on floor 2 prints nothing")
    bob.get_by_role("button", name=re.compile("shares")).click()
    expect(bob.get_by_role("heading", name="Is the printer switched on?")).to_be_visible()
    bob.keyboard.press("1")
    expect(bob.get_by_role("navigation", name="The way so far")).to_contain_text("Is the printer switched on?")
    # After the swap the graph shows the way, too.
    bob.get_by_text("The whole flow").click()
    bob.get_by_text("On the graph").click()
    expect(bob.locator(".fp-g-passed")).to_contain_text("Is the printer")
    expect(bob.locator(".fp-g-here")).to_have_count(1)
    session = AISession.objects.filter(is_worked_here=True).latest("pk")
    assert session.flow == FlowProposal.objects.get().published_flow
    assert session.steps.count() == 1


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_pages_of_work_have_no_barriers(open_page: OpenPage, cast: Cast, theme: str, width: int) -> None:
    make_flow(cast.account, title="VPN does not connect")
    page = open_page("/work/", user=cast.bob, theme=theme, width=width)
    found: dict[str, Any] = {"home": barriers(page)}
    start(page, "VPN does not connect since noon")
    offered = page.get_by_role("button", name=re.compile("shares"))
    expect(offered).to_be_visible()
    found["start"] = barriers(page)
    offered.click()
    expect(page.get_by_role("heading", name="Does the VPN client connect?")).to_be_visible()
    found["node"] = barriers(page)
    page.get_by_label("Or type what came out").fill("it connects, then drops")
    page.get_by_role("button", name="Read it").click()
    expect(page.get_by_text("You typed")).to_be_visible()
    found["read"] = barriers(page)
    page.get_by_role("button", name=re.compile("None of these")).click()
    expect(page.get_by_text("The session has left the flow")).to_be_visible()
    found["free"] = barriers(page)
    page.get_by_role("link", name="Paste a chat or a call instead").click()
    expect(page.get_by_label(re.compile("^The chat or call"))).to_be_visible()
    found["talk"] = barriers(page)
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_an_escalation_is_taken_up_by_a_colleague(open_page: OpenPage, cast: Cast) -> None:
    bob = open_page("/work/", user=cast.bob, width=390)
    start(bob)
    bob.get_by_role("button", name="Work free-form").click()
    bob.get_by_text("Escalate", exact=True).click()
    bob.get_by_label("Hand it to").select_option(label="Alice")
    bob.get_by_label("Why, and what should come next").fill("Needs a part")
    bob.get_by_role("button", name="Hand it over").click()
    expect(bob.get_by_role("heading", name="Escalated")).to_be_visible()
    alice = open_page("/work/", user=cast.alice)
    alice.get_by_role("link", name=PROBLEM).click()
    alice.get_by_role("button", name="Take it up").click()
    expect(alice.get_by_role("heading", name="What do you do?")).to_be_visible()


def test_a_flow_is_taken_up_under_way(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/work/", user=cast.bob, width=390)
    start(page, "VPN does not connect")
    page.get_by_role("button", name="Work free-form").click()
    record(page, "action", "Restarted the client", "Nothing changed")
    make_flow(cast.account, title="VPN does not connect")
    page.get_by_role("link", name="Find a flow for this").click()
    offered = page.get_by_role("button", name=re.compile("shares"))
    expect(offered).to_be_visible()
    assert barriers(page) == []
    offered.click()
    expect(page.get_by_role("heading", name="Does the VPN client connect?")).to_be_visible()
    # What was fetched acts on the page's own place, and the swap shows the whole page anew.
    page.get_by_text("The whole flow").click()
    page.get_by_role("button", name="Hand over to the network team").last.click()
    expect(page.get_by_role("heading", name=re.compile("Hand over to the network team"))).to_be_visible()
    expect(page.locator("#work")).to_have_count(1)
    expect(page.get_by_role("navigation", name="The way so far")).to_contain_text("Restarted the client")


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_a_ticket_fills_the_form(open_page: OpenPage, cast: Cast, psa: FakePsa, theme: str, width: int) -> None:
    make_connection(cast.account, base_url=psa.url)
    page = open_page("/work/", user=cast.bob, theme=theme, width=width)
    page.get_by_label("Client").fill("Acme")
    page.get_by_label(re.compile("^Ticket .optional")).fill("999999")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("has no ticket 999999")).to_be_visible()
    expect(page.get_by_label("Client")).to_have_value("Acme")
    assert barriers(page) == []
    page.get_by_label(re.compile("^Ticket .optional")).fill("48213")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Title")).to_have_value("Ticket 48213")
    expect(page.get_by_label("What is wrong?")).to_have_value("Ticket 48213")
    expect(page.get_by_label("Client")).to_have_value("Acme")
    assert barriers(page) == []
    page.get_by_role("button", name=re.compile("^Use the ticket.s client")).click()
    expect(page.get_by_label("Client")).to_have_value("Acme Ltd")
    page.get_by_label("Title").press("Enter")
    expect(page.get_by_text("No published flow is like this")).to_be_visible()
    page.get_by_role("button", name="Work free-form").click()
    expect(page.get_by_text("Ticket 48213").first).to_be_visible()
    session = AISession.objects.get()
    assert (session.psa_system, session.psa_ticket_id, str(session.client)) == ("connectwise", "48213", "Acme Ltd")


def test_a_ticket_is_looked_up_without_a_script(open_page: OpenPage, cast: Cast, psa: FakePsa) -> None:
    make_connection(cast.account, base_url=psa.url)
    page = open_page("/work/", user=cast.bob, script=False)
    page.get_by_label(re.compile("^Ticket .optional")).fill("7")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_label("Title")).to_have_value("Ticket 7")
    page.get_by_role("button", name="Find a flow").click()
    expect(page.get_by_role("button", name="Work free-form")).to_be_visible()
