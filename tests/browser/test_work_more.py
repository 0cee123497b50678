"""What a technician meets besides the plain way through a session: files, talks, pauses, colleagues, other tabs."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sessions.models import AISession, Attachment
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import barriers
from tests.browser.working import start_free, start_guided
from tests.conftest import Cast
from tests.factories import make_connection, make_flow
from tests.sessions.psa_servers import FakePsa

pytestmark = pytest.mark.browser
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


def test_feedback_is_thanked_for(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/work/", user=cast.bob)
    start_free(page)
    page.get_by_text("Abandon", exact=True).first.click()
    page.get_by_role("button", name="Abandon").click()
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
