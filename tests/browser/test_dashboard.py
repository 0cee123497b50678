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
    page.get_by_role("link", name=re.compile(f"^{label}")).click()
    counted = page.locator(".paginator").inner_text()
    page.goto(back)
    return int(counted.split()[0])


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
def test_scope_by_client_reaches_the_list(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol)
    with page.expect_navigation():
        page.get_by_label("Client").select_option("Acme")
    expect(page.get_by_label("Period")).to_have_value("30")
    expect(page.get_by_role("link", name=re.compile("^Resolved"))).to_contain_text("not enough data")
    assert follow(page, "Sessions ended") == 5


@pytest.mark.usefixtures("sessions")
def test_chart_and_table(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol)
    expect(page.locator("#tiers-chart canvas")).to_have_count(1)
    page.get_by_text("The same as a table").click()
    cells = page.locator("#tiers-table tbody td").all_inner_texts()
    assert sum(map(int, cells)) == 12


def test_an_empty_dashboard_says_what_fills_it(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(OVERVIEW, user=cast.carol)
    expect(page.get_by_text("Figures appear as sessions end")).to_be_visible()


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
