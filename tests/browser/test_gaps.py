"""Knowledge gaps in the browser: from the overview to the sessions, and what a team admin does about one."""

import re

import pytest
from playwright.sync_api import expect

from analytics.gaps.detect import gaps_detect
from analytics.gaps.models import KnowledgeGap
from tests.analytics.gap_rows import flow_definition, make_ended, outcomes
from tests.analytics.test_gap_services import make_gap
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.conftest import Cast
from tests.factories import make_flow

pytestmark = pytest.mark.browser

GAPS = "/admin/analytics/gaps/"


@pytest.fixture
def gap(cast: Cast) -> KnowledgeGap:
    """Found as detection finds it, over three weeks."""
    make_ended(cast.account, outcomes(20, 280), domain="networking")
    for days_ago in (3, 10, 17):
        make_ended(cast.account, outcomes(5, 5), domain="remote access", days_ago=days_ago)
    gaps_detect(account_id=cast.account.pk)
    return KnowledgeGap.objects.get()


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_pages_have_no_barriers(open_page: OpenPage, cast: Cast, gap: KnowledgeGap, theme: str, width: int) -> None:
    page = open_page(GAPS, user=cast.olivia, theme=theme, width=width)
    assert barriers(page) == []
    page.goto(f"{GAPS}{gap.pk}/")
    page.get_by_text("The same as a table").click()
    assert barriers(page) == []
    page.goto(f"{GAPS}?state=closed")
    expect(page.get_by_text("No gap fits these filters")).to_be_visible()
    assert barriers(page) == []


def test_from_the_overview_to_the_sessions_that_are_counted(open_page: OpenPage, cast: Cast, gap: KnowledgeGap) -> None:
    page = open_page("/admin/analytics/", user=cast.carol)
    page.get_by_role("link", name="Knowledge gaps", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Knowledge gaps")
    page.get_by_role("link", name=gap.title).click()
    expect(page.get_by_text(re.compile(r"50\s%.*15 of 30"))).to_be_visible()
    page.get_by_role("link", name="Open the 30 sessions").click()
    expect(page.locator(".paginator")).to_contain_text("30")
    page.go_back()
    page.get_by_role("link", name=re.compile("Only the 15")).click()
    expect(page.locator(".paginator")).to_contain_text("15")
    expect(page.locator("#changelist-filter")).to_contain_text(gap.title)


def test_the_weeks_are_drawn_and_told(open_page: OpenPage, cast: Cast, gap: KnowledgeGap) -> None:
    page = open_page(f"{GAPS}{gap.pk}/", user=cast.carol)
    weeks = len(gap.trend)
    assert weeks >= 3
    expect(page.locator(".fp-trend-bad")).to_have_count(weeks)
    boxes = [box.bounding_box() for box in page.locator(".fp-trend-bad").all()]
    full = page.locator(".fp-trend").bounding_box()
    assert full is not None
    # Half of each week's sessions are escalated: half the height.
    assert all(box and abs(box["height"] / full["height"] - 0.5) < 0.02 for box in boxes)
    page.get_by_text("The same as a table").click()
    cells = page.locator("#trend-table tbody td:nth-child(3)").all_inner_texts()
    assert sum(map(int, cells)) == gap.rate.n


def test_a_team_admin_takes_it_up_and_accepts_it(open_page: OpenPage, cast: Cast, gap: KnowledgeGap) -> None:
    page = open_page(f"{GAPS}{gap.pk}/", user=cast.alice)
    page.get_by_label("State").select_option("Being worked")
    page.get_by_label("Owner").select_option("Carol")
    page.get_by_label("Due").fill("2030-01-02")
    page.get_by_label("Notes").fill("Ask the site for remote tools")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("Saved.")
    expect(page.get_by_text("Alice began to work on it")).to_be_visible()
    page.get_by_label("State").select_option("Accepted")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Say why it is accepted.")).to_be_visible()
    page.get_by_label("Reason").fill("The site has no remote tools")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".fp-facts")).to_contain_text("Accepted")
    gap.refresh_from_db()
    assert (gap.state, gap.owner, gap.reason) == ("accepted", cast.carol, "The site has no remote tools")


def test_a_weak_step_is_edited_from_its_gap(open_page: OpenPage, cast: Cast) -> None:
    version = make_flow(cast.account, title="Screens", definition=flow_definition())
    weak = make_gap(cast, flow=version.flow, node_id="n3")
    page = open_page(f"{GAPS}{weak.pk}/", user=cast.alice)
    page.get_by_role("button", name="Edit this step").click()
    text = page.locator("#ed-node").get_by_label("Text")
    expect(text).to_have_value("Wake it")
    expect(text).to_be_focused()
    text.fill("Wake it with the power button")
    expect(page.locator("#ed-from-base")).to_contain_text("Wake it with the power button")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".messagelist")).to_contain_text("version 2")
    weak.refresh_from_db()
    assert weak.state == "working"


def test_the_list_is_filtered_by_choosing_or_without_javascript(
    open_page: OpenPage, cast: Cast, gap: KnowledgeGap
) -> None:
    page = open_page(GAPS, user=cast.carol)
    with page.expect_navigation():
        page.get_by_label("Kind").select_option("Dead end")
    expect(page.get_by_text("No gap fits these filters")).to_be_visible()
    plain = open_page(GAPS, user=cast.carol, script=False)
    plain.get_by_label("Domain").select_option("remote access")
    plain.get_by_role("button", name="Filter").click()
    expect(plain.get_by_role("link", name=gap.title)).to_be_visible()


def test_an_analyst_reads_and_a_technician_does_not(open_page: OpenPage, cast: Cast, gap: KnowledgeGap) -> None:
    page = open_page(f"{GAPS}{gap.pk}/", user=cast.carol)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert open_page("/admin/", user=cast.bob).request.get(GAPS).status == 403
