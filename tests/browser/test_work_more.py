"""What a technician meets besides the plain way through a session: files, talks, pauses, colleagues, other tabs."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from flowpilot.accounts.roles import Role
from sessions.models import AISession, Attachment
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.browser.working import PROBLEM, record, start_free, start_guided
from tests.conftest import Cast
from tests.factories import definition, make_connection, make_flow, make_member
from tests.sessions.psa_servers import FakePsa

pytestmark = pytest.mark.browser
TALK = """User: The printer prints nothing
Agent: Is the printer switched on?
User: Yes
Agent: Which floor are you on?
User: The second
Agent: Is there paper in the tray?
User: It prints again, thanks
"""
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def attach(page: Page, name: str, kind: str, data: bytes) -> None:
    page.get_by_label("Screenshots or logs").set_input_files({"name": name, "mimeType": kind, "buffer": data})
    page.get_by_role("button", name="Attach").click()


class TestFiles:
    def test_a_refused_file_is_told_once_where_it_is_seen(self, open_page: OpenPage, cast: Cast) -> None:
        page = open_page("/work/", user=cast.bob, width=390)
        start_free(page)
        page.evaluate("window.sameDocument = true")
        attach(page, "tool.exe", "application/x-msdownload", b"MZ\x00\x01")
        told = page.locator("#work").get_by_role("alert")
        expect(told).to_have_text(
            "Tool.exe was not attached: only pictures (PNG, JPEG, GIF, WebP) and plain text in UTF-8 are taken."
        )
        expect(told).to_be_in_viewport()
        expect(page.get_by_text("was not attached")).to_have_count(1)
        attach(page, "big.log", "text/plain", b"x" * (5 * 1024 * 1024 + 1))
        expect(told).to_contain_text("at most 5 MB")
        expect(told).to_have_count(1)
        assert barriers(page) == []
        # It came by a swap, and the next one has nothing to say.
        assert page.evaluate("window.sameDocument")
        attach(page, "screen.png", "image/png", PNG)
        expect(page.get_by_role("link", name="screen.png")).to_be_visible()
        expect(told).to_have_count(0)
        assert Attachment.objects.get().name == "screen.png"

    def test_a_picture_and_a_pasted_log_stay_with_the_session(self, open_page: OpenPage, cast: Cast) -> None:
        page = open_page("/work/", user=cast.bob)
        start_free(page)
        record(page, "action", "Restarted the spooler", "It stopped again")
        page.get_by_label("or a log, pasted").fill("spooler: out of paper\n<b>tray 2</b>")
        attach(page, "screen.png", "image/png", PNG)
        expect(page.get_by_role("link", name="screen.png")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="pasted.log").click()
        assert Path(download.value.path()).read_text() == "spooler: out of paper\n<b>tray 2</b>"
        assert {(file.name, file.step and file.step.prompt) for file in Attachment.objects.all()} == {
            ("screen.png", "Restarted the spooler"),
            ("pasted.log", "Restarted the spooler"),
        }


@pytest.mark.parametrize("width", [1280, 390])
def test_a_pasted_talk_is_corrected_and_becomes_the_session(open_page: OpenPage, cast: Cast, width: int) -> None:
    page = open_page("/work/", user=cast.bob, width=width)
    start_free(page)
    page.get_by_role("link", name="Paste a chat or a call instead").click()
    page.get_by_label("The chat or call").fill(TALK)
    page.get_by_role("button", name="Read its steps").click()
    expect(page.get_by_role("heading", name="3 steps")).to_be_visible()
    assert barriers(page) == []
    expect(page.get_by_label("Step 1", exact=True).and_(page.locator("textarea"))).to_have_value(
        "Is the printer switched on?"
    )
    page.get_by_label("Answer 1").fill("Yes, the light is green")
    page.get_by_role("checkbox", name="Step 2").uncheck()
    page.get_by_label("Kind of step 3").select_option("action")
    page.get_by_label("Step 3", exact=True).and_(page.locator("textarea")).fill("Fill the paper tray")
    page.get_by_role("button", name="Add these steps").click()
    way = page.get_by_role("navigation", name="The way so far").get_by_role("listitem")
    expect(way).to_have_count(2)
    page.get_by_text("Resolved", exact=True).click()
    expect(page.get_by_label("What solved it")).to_have_value(re.compile("Fill the paper tray"))
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("heading", name="Resolved")).to_be_visible()
    session = AISession.objects.get()
    assert session.status == "resolved"
    assert list(session.steps.order_by("position").values_list("kind", "prompt", "response")) == [
        ("question", "Is the printer switched on?", "Yes, the light is green"),
        ("action", "Fill the paper tray", "It prints again, thanks"),
    ]


def test_keys_answer_and_only_where_nobody_types(open_page: OpenPage, cast: Cast) -> None:
    tree = definition()
    tree["nodes"][0]["options"].append({"id": "o3", "label": "It connects, then drops", "next": "n2"})
    make_flow(cast.account, title="VPN does not connect", definition=tree)
    page = open_page("/work/", user=cast.bob)
    start_guided(page)
    page.get_by_label("Or type what came out").press_sequentially("3 of 9")
    page.get_by_label("Note", exact=True).press_sequentially("1")
    question = page.get_by_role("heading", name="Does the VPN client connect?")
    question.focus()
    page.keyboard.press("9")
    page.keyboard.press("Control+3")
    page.wait_for_timeout(300)
    expect(question).to_be_visible()
    page.keyboard.press("3")
    expect(page.get_by_role("heading", name="Restart the router")).to_be_focused()
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="It works again")).to_be_visible()
    answers = AISession.objects.get().steps.order_by("position").values_list("selected_option", flat=True)
    assert list(answers) == ["It connects, then drops", "Done"]


def test_a_session_waits_and_goes_on_at_another_device(open_page: OpenPage, cast: Cast) -> None:
    make_flow(cast.account, title="VPN does not connect")
    desk = open_page("/work/", user=cast.bob)
    start_guided(desk)
    desk.keyboard.press("1")
    expect(desk.get_by_role("heading", name="Restart the router")).to_be_focused()
    desk.get_by_role("button", name="Pause").click()
    expect(desk.get_by_role("heading", name="Paused")).to_be_visible()
    phone = open_page("/work/", user=cast.bob, width=390)
    mine = phone.get_by_role("region", name="Open, yours").get_by_role("listitem")
    expect(mine).to_contain_text("Paused")
    mine.get_by_role("link").click()
    phone.get_by_role("button", name="Resume").click()
    expect(phone.get_by_role("heading", name="Restart the router")).to_be_visible()
    phone.get_by_role("button", name="1 Done").click()
    expect(phone.get_by_role("heading", name="It works again")).to_be_visible()
    # The desk goes where the phone is.
    desk.reload()
    expect(desk.get_by_role("heading", name="It works again")).to_be_visible()


def test_of_two_tabs_the_one_that_fell_behind_is_told_and_keeps_what_was_typed(open_page: OpenPage, cast: Cast) -> None:
    first = open_page("/work/", user=cast.bob)
    start_free(first)
    second = open_page(urlsplit(first.url).path, user=cast.bob, refused=409)
    record(first, "question", "Is the printer switched on?", "Yes")
    second.get_by_label("What you asked or did").fill("Looked at the tray")
    second.get_by_label("What came of it").fill("It is empty")
    second.get_by_role("button", name="Record the step").click()
    expect(second.get_by_role("alert")).to_contain_text("has gone on in another tab")
    expect(second.get_by_role("alert")).to_be_in_viewport()
    expect(second.get_by_role("navigation", name="The way so far")).to_contain_text("Is the printer switched on?")
    expect(second.get_by_label("What you asked or did")).to_have_value("Looked at the tray")
    second.get_by_role("button", name="Record the step").click()
    expect(second.get_by_role("navigation", name="The way so far")).to_contain_text("It is empty")
    expect(second.get_by_role("alert")).to_have_count(0)
    assert AISession.objects.get().steps.count() == 2


def test_a_double_click_records_once(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/work/", user=cast.bob)
    start_free(page)
    page.get_by_label("What you asked or did").fill("Looked at the tray")
    page.get_by_role("button", name="Record the step").dblclick()
    expect(page.get_by_role("navigation", name="The way so far").get_by_role("listitem")).to_have_count(1)
    page.get_by_label("What you asked or did").fill("Filled it")
    page.get_by_role("button", name="Record the step").click()
    expect(page.get_by_role("navigation", name="The way so far").get_by_role("listitem")).to_have_count(2)
    assert AISession.objects.get().steps.count() == 2


def test_a_flow_is_taken_up_by_night(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/work/", user=cast.bob, theme="dark")
    start_free(page, "VPN does not connect")
    record(page, "action", "Restarted the client", "Nothing changed")
    make_flow(cast.account, title="VPN does not connect")
    page.get_by_role("link", name="Find a flow for this").click()
    offered = page.locator("#matches").get_by_role("button", name=re.compile("shares"))
    expect(offered).to_be_visible()
    assert barriers(page) == []
    offered.press("Enter")
    expect(page.get_by_role("heading", name="Does the VPN client connect?")).to_be_focused()
    session = AISession.objects.get()
    assert session.flow is not None
    assert [step.prompt for step in session.steps.all()] == ["Restarted the client"]


def test_feedback_is_thanked_for(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/work/", user=cast.bob, width=390)
    start_free(page)
    page.get_by_text("Abandon", exact=True).first.click()
    page.get_by_role("button", name="Abandon").click()
    expect(page.get_by_role("radio")).to_have_count(5)
    tops = page.get_by_role("radio").evaluate_all("found => found.map(one => one.getBoundingClientRect().top)")
    assert len(set(tops)) == 1, "the rating takes one line, on a phone, too"
    page.get_by_label("4").check()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#work").get_by_role("status")).to_contain_text("Thank you")
    expect(page.get_by_text("Thank you")).to_have_count(1)


def test_the_tickets_fields_stand_in_line_with_an_error_at_one(open_page: OpenPage, cast: Cast, psa: FakePsa) -> None:
    make_connection(cast.account, base_url=psa.url)
    page = open_page("/work/", user=cast.bob)
    page.get_by_label("Ticket (optional)").fill("999999")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("has no ticket 999999")).to_be_visible()
    tops = "found => found.map(one => Math.round(one.getBoundingClientRect().top))"
    for part in ("label", ".fp-ticket :is(input, select, .fp-button)"):
        found = page.locator(f".fp-ticket {part}" if part == "label" else part).evaluate_all(tops)
        assert len(found) > 1
        assert len(set(found)) == 1, part


class TestOutline:
    @pytest.mark.parametrize(("theme", "width"), LOOKS)
    def test_has_no_barriers(self, open_page: OpenPage, cast: Cast, theme: str, width: int) -> None:
        make_flow(cast.account, title="VPN does not connect")
        page = open_page("/work/", user=cast.bob, theme=theme, width=width)
        start_guided(page)
        page.get_by_text("The whole flow").click()
        page.get_by_text("On the graph").click()
        expect(page.locator(".fp-g-here")).to_have_count(1)
        assert barriers(page) == []

    def test_is_a_page_of_its_own_without_a_script(self, open_page: OpenPage, cast: Cast) -> None:
        make_flow(cast.account, title="VPN does not connect")
        page = open_page("/work/", user=cast.bob, script=False)
        start_guided(page)
        page.get_by_text("The whole flow").click()
        page.get_by_role("link", name="Open it on a page of its own").click()
        page.get_by_role("button", name="Restart the router").click()
        expect(page.get_by_role("heading", name="Restart the router")).to_be_visible()

    def test_the_whole_flow_stays_open_from_step_to_step(self, open_page: OpenPage, cast: Cast) -> None:
        make_flow(cast.account, title="VPN does not connect")
        page = open_page("/work/", user=cast.bob)
        start_guided(page)
        page.get_by_text("The whole flow").click()
        steps = page.locator("#outline li")
        expect(steps).to_have_count(4)
        page.keyboard.press("1")
        expect(page.get_by_role("heading", name="Restart the router")).to_be_focused()
        expect(steps.and_(page.locator("[aria-current=step]"))).to_contain_text("Restart the router")
        page.get_by_text("The whole flow").click()
        page.keyboard.press("1")
        expect(page.get_by_role("heading", name="It works again")).to_be_visible()
        expect(steps).to_have_count(0)


def test_who_takes_a_session_up_goes_on_in_it(open_page: OpenPage, cast: Cast) -> None:
    other = make_member(cast.account, Role.TECHNICIAN, name="Dora")
    bob = open_page("/work/", user=cast.bob)
    start_free(bob)
    record(bob, "action", "Restarted the spooler", "It stopped again")
    bob.get_by_text("Escalate", exact=True).click()
    bob.get_by_label("Hand it to").select_option(label="Alice")
    bob.get_by_label("Why, and what should come next").fill("Needs a new fuser")
    bob.get_by_role("button", name="Hand it over").click()
    expect(bob.get_by_text("Handed to Alice")).to_be_visible()
    expect(bob.get_by_role("button", name="Take it up")).to_have_count(0)
    waiting = open_page("/work/", user=other).get_by_role("region", name="Handed over, waiting")
    expect(waiting).to_contain_text("Nobody waits")
    alice = open_page("/work/", user=cast.alice, width=390)
    alice.get_by_role("region", name="Handed over, waiting").get_by_role("link", name=PROBLEM).click()
    packet = alice.locator("details", has_text="Hand-over from Bob")
    for told in ("Needs a new fuser", "Restarted the spooler", "It stopped again"):
        expect(packet).to_contain_text(told)
    alice.get_by_role("button", name="Take it up").click()
    record(alice, "action", "Changed the fuser", "It prints")
    assert barriers(alice) == []
    alice.get_by_text("Resolved", exact=True).click()
    alice.get_by_role("button", name="Resolve").click()
    expect(alice.get_by_role("heading", name="Resolved")).to_be_visible()
    session = AISession.objects.get()
    assert (session.technician, session.status) == (cast.alice, "resolved")
    assert [step.prompt for step in session.steps.order_by("position")] == [
        "Restarted the spooler",
        "Changed the fuser",
    ]
    bob.reload()
    expect(bob.get_by_role("navigation", name="The way so far")).to_contain_text("Changed the fuser")


class TestRefusals:
    def test_a_log_in_that_ran_out_leaves_the_page_with_what_was_typed(self, open_page: OpenPage, cast: Cast) -> None:
        page = open_page("/work/", user=cast.bob)
        start_free(page)
        page.get_by_label("What you asked or did").fill("Restarted the spooler")
        page.context.clear_cookies(name="sessionid")
        page.get_by_role("button", name="Record the step").click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was changed: you are logged out.")
        expect(page.get_by_role("alert")).to_be_in_viewport()
        expect(page.get_by_label("What you asked or did")).to_have_value("Restarted the spooler")
        page.get_by_role("link", name="Load the page again").click()
        page.wait_for_url("**/login/?next=/work/*/")

    def test_an_error_leaves_it_too(self, open_page: OpenPage, cast: Cast) -> None:
        page = open_page("/work/", user=cast.bob, refused=404)
        start_free(page)
        page.get_by_placeholder("For you and whoever").fill("Asked the neighbour")
        AISession.objects.all().delete()
        page.get_by_role("button", name="Add the note").click()
        expect(page.get_by_role("alert")).to_contain_text("the answer was an error (404)")
        expect(page.get_by_placeholder("For you and whoever")).to_have_value("Asked the neighbour")
