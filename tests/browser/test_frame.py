"""The bar, logging in and out, and the pages without JavaScript."""

import pytest
from playwright.sync_api import expect

from proposals.models import FlowProposal
from tests.browser.conftest import OpenPage
from tests.conftest import Cast
from tests.factories import PASSWORD

pytestmark = pytest.mark.browser


def test_log_in_and_out(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/admin/")
    page.get_by_label("Email").fill(cast.alice.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("Northwind MSP · Alice").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_the_bar_holds_what_the_role_needs(open_page: OpenPage, cast: Cast) -> None:
    seen = {
        user.full_name: open_page("/admin/", user=user).locator(".fp-places a").all_inner_texts()
        for user in (cast.alice, cast.bob, cast.carol)
    }
    assert seen == {
        "Alice": ["Review", "Flows", "Work", "Sessions", "Analytics", "Gaps", "Analysis", "Set-up"],
        "Bob": ["Flows", "Work", "Sessions", "Set-up"],
        "Carol": ["Review", "Flows", "Sessions", "Analytics", "Gaps", "Analysis", "Set-up"],
    }


def test_the_bar_marks_the_current_place(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(f"/admin/proposals/flowproposal/{new_flow.pk}/change/", user=cast.alice)
    expect(page.locator(".fp-places [aria-current]")).to_have_text(["Review"])


def test_a_menu_closes_by_escape(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/admin/", user=cast.alice)
    page.locator(".fp-menu summary").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()


def test_deciding_needs_no_javascript(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(f"/admin/proposals/flowproposal/{new_flow.pk}/change/", user=cast.alice, script=False)
    expect(page.locator("#outline [data-node]")).to_have_count(4)
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".messagelist")).to_contain_text("VPN drops at noon: dismissed.")
    new_flow.refresh_from_db()
    assert new_flow.status == FlowProposal.Status.DISMISSED


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/nowhere", 404, "There is nothing here"), ("/admin/analytics/", 403, "You may not open this page")],
)
def test_a_refusal_is_a_plain_page(open_page: OpenPage, cast: Cast, path: str, status: int, words: str) -> None:
    answer = open_page("/admin/", user=cast.bob).request.get(path)
    assert answer.status == status
    assert words in answer.text()


def test_the_bar_fits_a_phone(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/admin/", user=cast.alice, width=390)
    for place in page.locator(".fp-places a").all():
        expect(place).to_be_in_viewport()
    tops = {place.bounding_box()["y"] for place in page.locator(".fp-places a").all()}  # type: ignore[index]
    assert len(tops) == 1, "the places take more than one row"
