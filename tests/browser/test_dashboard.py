"""The dashboard: its cards open the rows that they count, its chart and its table are one."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.conftest import Cast
from tests.factories import make_flow, make_session

pytestmark = pytest.mark.browser

OVERVIEW = "/admin/analytics/"


@pytest.fixture
def sessions(cast: Cast) -> None:
    """Nine resolved (four of them by a flow) and three escalated; one of another account."""
    flow = make_flow(cast.account, key="vpn").flow
    for number in range(12):
        make_session(
            cast.account,
            status="escalated" if number % 4 == 3 else "resolved",
            flow={"key": flow.key, "version": 1} if number % 3 == 0 else None,
            client="Acme" if number < 5 else "Fabrikam",
            problem_domain="networking" if number < 8 else "identity",
        )
    make_session(cast.other_account)


def follow(page: Page, label: str) -> int:
    """How many rows the list has that the card opens."""
    back = page.url
    page.get_by_role("link", name=re.compile(f"^{label}")).first.click()
    counted = page.locator("[data-count]").inner_text()
    page.goto(back)
    return int(counted)


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize(
    ("scope", "ended", "resolved", "escalated", "by_flow"),
    [("", 12, 9, 3, 4), ("?days=7&domain=networking", 8, 6, 2, 3)],
)
def test_cards_open_the_rows_they_count(
    open_page: OpenPage, cast: Cast, scope: str, ended: int, resolved: int, escalated: int, by_flow: int
) -> None:
    page = open_page(f"{OVERVIEW}{scope}", user=cast.carol)
    assert follow(page, "Sessions ended") == ended
    assert follow(page, "Resolved") == resolved
    assert follow(page, "Escalated") == escalated
    assert follow(page, "Used a flow") == by_flow
    assert follow(page, "Discovery") == ended


@pytest.mark.usefixtures("sessions")
def test_on_a_phone_no_table_is_read_sideways(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(f"{OVERVIEW}coverage/", user=cast.carol, width=390)
    for name in ("coverage/", "", "flows/"):
        page.goto(f"{OVERVIEW}{name}")
        page.wait_for_load_state("networkidle")
        page.evaluate("for (const fold of document.querySelectorAll('.fp-fold')) fold.open = true")
        wide = "[...document.querySelectorAll('.fp-scroll')].filter(box => box.scrollWidth > box.clientWidth).length"
        assert page.locator(".fp-scroll").count()
        assert page.evaluate(wide) == 0, name


@pytest.mark.usefixtures("sessions")
def test_a_change_of_the_scope_keeps_the_place(open_page: OpenPage, cast: Cast) -> None:
    """The figures change, the address too; the scope bar with the focus in it stays, and Back goes back."""
    page = open_page(OVERVIEW, user=cast.carol)
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Client").focus()
    page.get_by_label("Client").select_option("Acme")
    expect(page.get_by_role("link", name=re.compile("^Resolved"))).to_contain_text("not enough data")
    expect(page.get_by_label("Client")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?days=30&client=\d+$"))
    assert follow(page, "Sessions ended") == 5
    expect(page.get_by_label("Client")).to_contain_text("Acme")


@pytest.mark.usefixtures("sessions")
def test_a_view_is_shared_by_its_link(open_page: OpenPage, cast: Cast) -> None:
    """What one person narrowed, another opens as it was."""
    page = open_page(f"{OVERVIEW}coverage/", user=cast.carol)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Domain", exact=True).select_option("networking")
    page.get_by_label("Period").select_option("Last 90 days")
    expect(page).to_have_url(re.compile("days=90&domain=networking"))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    other = open_page(link, user=cast.alice)
    expect(other.get_by_label("Domain", exact=True)).to_have_value("networking")
    expect(other.get_by_label("Period")).to_have_value("90")
    assert other.locator("#coverage tbody").inner_text() == page.locator("#coverage tbody").inner_text()


@pytest.mark.usefixtures("sessions")
def test_where_a_page_may_not_copy_it_says_what_to_do(open_page: OpenPage, cast: Cast) -> None:
    """As over plain HTTP from another machine."""
    page = open_page(OVERVIEW, user=cast.carol)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copy it from the address bar")).to_be_visible()


@pytest.mark.usefixtures("sessions")
def test_dates_of_ones_own(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol)
    page.get_by_label("Period").select_option("Other dates")
    expect(page).to_have_url(re.compile("first=.*&last="))
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_label("From", exact=True).blur()
    expect(page).to_have_url(re.compile("first=2020-01-01"))
    page.get_by_label("To", exact=True).fill("2020-01-31")
    page.get_by_label("To", exact=True).blur()
    expect(page.get_by_text("Nothing in this period")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?first=2020-01-01&last=2020-01-31$"))


@pytest.mark.usefixtures("sessions")
def test_chart_and_table_and_csv(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol)
    block = page.locator("#tiers-by-week")
    expect(block.locator("canvas")).to_have_count(1)
    block.get_by_text("The same as a table").click()
    cells = block.locator("tbody td").all_inner_texts()
    assert sum(map(int, cells)) == 12
    with page.expect_download() as download:
        block.get_by_role("link", name="CSV of Confidence tiers, by week").click()
    assert download.value.suggested_filename == "tiers-by-week.csv"
    # A swap draws the chart anew.
    page.get_by_label("Period").select_option("Last 90 days")
    expect(page).to_have_url(re.compile("days=90"))
    expect(block.locator("canvas")).to_have_count(1)


@pytest.mark.usefixtures("sessions")
def test_a_bar_opens_its_rows(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol)
    box = page.locator("#tiers-by-week canvas").bounding_box()
    assert box is not None
    # Foot of the only bar, in the middle of the chart.
    page.mouse.click(box["x"] + box["width"] / 2 + 10, box["y"] + box["height"] - 45)
    expect(page.locator("[data-count]")).to_have_text("12")


def test_an_empty_dashboard_says_what_fills_it(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol)
    expect(page.get_by_text("Sessions come in as technicians work them")).to_be_visible()


def test_a_wrong_scope_is_said_plainly(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/admin/", user=cast.carol)
    # A refused request is the one thing that the browser itself logs as an error.
    answer = page.request.get(f"{OVERVIEW}?days=5")
    assert answer.status == 400
    assert "This scope is not valid" in answer.text()


@pytest.mark.usefixtures("sessions")
def test_without_javascript_a_button_applies_the_scope(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol, script=False)
    page.get_by_label("Domain").select_option("identity")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Sessions ended")).to_contain_text("4")
