"""The review dashboard: its flywheel comes by itself, its figures open their rows, and nobody is kept out."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.analytics.review_rows import make_review
from tests.analytics.rows import make_history
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.conftest import Cast

pytestmark = pytest.mark.browser

REVIEW = "/admin/analytics/review/?days=90"


@pytest.fixture
def history(cast: Cast) -> None:
    sessions = make_history(cast.account, timezone.now(), count=300)
    make_review(cast.account, sessions, timezone.now(), [cast.alice, cast.olivia])


@pytest.mark.usefixtures("history")
def test_figures_and_steps_open_their_rows(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(REVIEW, user=cast.alice)
    block = page.locator("#flywheel")
    expect(block.get_by_role("row", name="Reused since")).to_be_visible()
    for place in (page.get_by_role("link", name="Waiting", exact=False).first, block.get_by_role("link").nth(2)):
        shown = place.inner_text()
        back = page.url
        place.click()
        counted = page.locator("[data-count]").inner_text()
        assert counted in shown
        page.goto(back)


@pytest.mark.usefixtures("history")
def test_a_change_of_the_scope_turns_the_flywheel_anew(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(REVIEW, user=cast.alice)
    first = page.locator("#flywheel td a").first
    expect(first).to_be_visible()
    before = first.inner_text()
    page.get_by_label("Domain").select_option("networking")
    expect(page).to_have_url("/admin/analytics/review/?days=90&domain=networking")
    expect(page.locator("#flywheel td a").first).not_to_have_text(before)


@pytest.mark.usefixtures("history")
def test_without_a_script_the_flywheel_is_a_link_away(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(REVIEW, user=cast.alice, script=False)
    page.get_by_role("link", name="Show it in the page").click()
    expect(page.get_by_role("row", name="Reused since")).to_be_visible()


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_page_has_no_barriers(open_page: OpenPage, cast: Cast, theme: Any, width: int) -> None:
    page = open_page(REVIEW, user=cast.alice, theme=theme, width=width)
    expect(page.locator("#flywheel td a").first).to_be_visible()
    assert barriers(page) == []
    header = page.locator("#header").bounding_box()
    assert header is not None
    assert header["width"] == width, "the dashboards' style sheet leaves the frame alone"
    bar, block = page.locator("#flywheel svg").first.bounding_box(), page.locator("#flywheel").bounding_box()
    assert bar is not None
    assert block is not None
    assert bar["height"] == 12, "a bar is as high as its line"
    assert block["width"] > 300, "blocks stand below each other on a phone"
    page.emulate_media(media="print")
    expect(page.locator("#scope")).to_be_hidden()
    expect(page.locator("#flywheel")).to_be_visible()
    # Paper is narrower than the screen: a chart fits it, however wide it was drawn.
    chart = page.locator("#decisions-by-week canvas")
    chart.evaluate("canvas => { canvas.style.width = canvas.parentElement.style.width = '3000px' }")
    drawn = chart.bounding_box()
    assert drawn is not None
    assert drawn["width"] < width
