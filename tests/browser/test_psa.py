"""A ticketing system from end to end: connected, tested, told of a session's end, and tried again by hand.

The other side is a server on this machine that speaks the API and misbehaves on purpose.
"""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from flowpilot.common.models import AuditEvent
from sessions.models import AISession, PsaConnection, PsaPush
from sessions.psa.delivery import push_deliver
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import barriers
from tests.browser.working import record
from tests.conftest import Cast
from tests.factories import make_connection
from tests.sessions.psa_servers import FakePsa, Request

pytestmark = pytest.mark.browser
CONNECTIONS, PUSHES = "/admin/ai_sessions/psaconnection/", "/admin/ai_sessions/psapush/"
ENTERED = {
    "Company": "company-of-connectwise",
    "Public key": "public_key-of-connectwise",
    "Private key": "private_key-of-connectwise",
    "Client ID of the integration": "client_id-of-connectwise",
}
TICKET = 48213


def enter(page: Page, credentials: dict[str, str]) -> None:
    fields = page.get_by_role("group", name="Credentials of ConnectWise Manage")
    for label, value in credentials.items():
        fields.get_by_label(label).fill(value)


def resolve_for_ticket(page: Page) -> AISession:
    """Bob's page Work: a session of the ticket, from its look-up to its end."""
    page.get_by_label(re.compile("^Ticket .optional")).fill(str(TICKET))
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_label("Client")).to_have_value("Acme Ltd")
    page.get_by_role("button", name="Find a flow").click()
    page.get_by_role("button", name="Work free-form").click()
    record(page, "action", "Restarted the router", "It connects again")
    page.get_by_text("Resolved", exact=True).click()
    page.get_by_label("What solved it").fill("The router was restarted")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("heading", name="Resolved")).to_be_visible()
    return AISession.objects.get()


def test_an_owner_connects_a_system_and_its_credentials_never_come_back(
    open_page: OpenPage, cast: Cast, psa: FakePsa
) -> None:
    page = open_page(f"{CONNECTIONS}add/", user=cast.olivia)
    page.get_by_label("System").select_option("connectwise")
    page.get_by_label("Name:", exact=True).fill("Our ConnectWise")
    page.get_by_label("Address").fill(psa.url)
    enter(page, ENTERED | {"Private key": "wrong"})
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Test this connection").click()
    expect(page.locator(".messagelist")).to_contain_text("401")
    # All of them again: none was kept in the page.
    expect(page.locator("input[type=password]").first).to_have_value("")
    enter(page, ENTERED)
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Test this connection").click()
    expect(page.locator(".messagelist")).to_contain_text("It answers, and the log-in is good.")
    connection = PsaConnection.objects.get()
    assert connection.last_test_ok
    change = f"{CONNECTIONS}{connection.pk}/change/"
    for path in (change, f"{CONNECTIONS}{connection.pk}/history/", CONNECTIONS):
        page.goto(path)
        assert not [secret for secret in ENTERED.values() if secret in page.content()], path
    page.goto(change)
    assert [field.input_value() for field in page.locator("input[type=password]").all()] == [""] * len(ENTERED)
    said = [f"{event.before} {event.after}" for event in AuditEvent.objects.all()]
    assert said
    assert not [text for text in said if any(secret in text for secret in ENTERED.values())]


def test_a_sessions_end_is_told_once_though_the_answer_was_lost(
    open_page: OpenPage, cast: Cast, psa: FakePsa, queued: list[int]
) -> None:
    make_connection(cast.account, base_url=psa.url, resolved_status="Closed")
    session = resolve_for_ticket(open_page("/work/", user=cast.bob))
    note, status = session.pushes.order_by("pk")
    assert queued == [note.pk, status.pk]
    lost: list[Request] = []

    def plan(request: Request) -> str:
        """The first write is done, and its answer never comes."""
        if not request.is_write or lost:
            return ""
        lost.append(request)
        return "drop-after"

    psa.plan = plan
    assert push_deliver(push_id=note.pk) == PsaPush.State.UNKNOWN
    page = open_page(f"{PUSHES}{note.pk}/change/", user=cast.olivia)
    expect(page.locator(".field-badge")).to_contain_text("Unknown")
    later = timezone.now() + timedelta(hours=1)
    assert push_deliver(push_id=note.pk, now=later) == PsaPush.State.SUCCEEDED
    assert push_deliver(push_id=status.pk, now=later) == PsaPush.State.SUCCEEDED
    page.reload()
    expect(page.locator(".field-badge")).to_contain_text("Succeeded")
    expect(page.get_by_role("region", name="Attempts").get_by_role("listitem")).to_have_count(2)
    ticket = psa.tickets[TICKET]
    assert len(ticket.notes) == 1
    assert "The router was restarted" in ticket.notes[0]["text"]
    assert ticket.statuses_set == ["Closed"]
    assert barriers(page) == []


def test_a_push_that_was_given_up_is_tried_again_from_the_list(
    open_page: OpenPage, cast: Cast, psa: FakePsa, queued: list[int]
) -> None:
    make_connection(cast.account, base_url=psa.url)
    push = resolve_for_ticket(open_page("/work/", user=cast.bob)).pushes.get()
    psa.plan = lambda request: "400" if request.is_write else ""
    assert push_deliver(push_id=push.pk) == PsaPush.State.EXHAUSTED
    page = open_page(f"{PUSHES}?state__exact=exhausted", user=cast.alice, width=390)
    row = page.locator("#result_list tbody tr")
    expect(row).to_contain_text("answered 400")
    row.locator(".action-select").check()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".messagelist")).to_contain_text("1 queued again.")
    assert queued == [push.pk, push.pk]
    psa.plan = lambda request: ""
    assert push_deliver(push_id=queued[-1]) == PsaPush.State.SUCCEEDED
    page.goto(PUSHES)
    expect(row).to_contain_text("Succeeded")
    assert len(psa.tickets[TICKET].notes) == 1
    assert AuditEvent.objects.get(action="psa_push.requeued").actor == cast.alice
