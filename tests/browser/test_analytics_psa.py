"""The ticketing and scripts pages, and the hand-overs of the overview: seen, read and followed in a browser."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from sessions.models import AISession, Handover, PsaPush
from tests.analytics.rows import make_history
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.conftest import Cast
from tests.factories import make_push, make_session

pytestmark = pytest.mark.browser

PSA, SCRIPTS, OVERVIEW = "/admin/analytics/psa/", "/admin/analytics/scripts/", "/admin/analytics/"


@pytest.fixture
def history(cast: Cast) -> list[AISession]:
    return make_history(cast.account, timezone.now(), count=240)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_full_pages_have_no_barriers(open_page: OpenPage, cast: Cast, theme: str, width: int) -> None:
    page = open_page(PSA, user=cast.carol, theme=theme, width=width)
    found = {}
    for path in (PSA, f"{PSA}?days=90", SCRIPTS, OVERVIEW, "/admin/analytics/rows/handovers/given/"):
        page.goto(path)
        for block in page.locator("details.fp-fold > summary").all():
            block.click()
        if problems := barriers(page):
            found[path] = problems
    assert found == {}


def test_an_eventual_push_counts_once_and_is_found(open_page: OpenPage, cast: Cast) -> None:
    """Ten at the first try, three after tries that failed, one given up, one pending: from card to row to push."""
    session, now = make_session(cast.account), timezone.now()
    done = {"state": "succeeded", "settled_at": now, "next_attempt_at": None}
    for tries in (*[1] * 10, 2, 4, 9):
        make_push(session, attempt_count=tries, **done)
    make_push(session, attempt_count=12, **{**done, "state": "exhausted"}, ticket_id="99999")
    make_push(session)
    page = open_page(PSA, user=cast.alice)
    expect(page.get_by_role("link", name=re.compile("^Pushes 15"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Written at the first try"))).to_contain_text("66.7")
    expect(page.get_by_role("link", name=re.compile("^Written eventually"))).to_contain_text("20.0")
    funnel = page.locator("#funnel")
    expect(funnel.locator("canvas")).to_have_count(1)
    funnel.get_by_text("The same as a table").click()
    texts = [row.inner_text() for row in funnel.locator("tbody tr").all()]
    assert [re.split(r"\t| \n", text)[:2] for text in texts] == [
        ["Created", "15"], ["At the first try", "10"], ["Eventually", "3"], ["Exhausted", "1"], ["Pending", "1"],
        ["Unknown", "0"],
    ]  # fmt: skip
    page.get_by_role("link", name=re.compile("^Written eventually")).click()
    expect(page.locator("[data-count]")).to_have_text("3")
    page.get_by_role("link", name=re.compile("^Note for ticket")).first.click()
    expect(page).to_have_url(re.compile(r"/ai_sessions/psapush/\d+/change/"))
    expect(page.get_by_text("Succeeded").first).to_be_visible()


def test_an_exhausted_push_is_tried_again(open_page: OpenPage, cast: Cast) -> None:
    given_up = {"state": "exhausted", "settled_at": timezone.now(), "next_attempt_at": None, "attempt_count": 12}
    push = make_push(make_session(cast.account), ticket_id="99999", **given_up)
    make_push(make_session(cast.account))
    page = open_page(PSA, user=cast.alice)
    page.get_by_role("link", name="Exhausted pushes, to be tried again").click()
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    rows.locator(".action-select").check()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("1 queued again.")).to_be_visible()
    push.refresh_from_db()
    assert push.state == PsaPush.State.PENDING


@pytest.mark.usefixtures("history")
def test_a_template_opens_its_scripts(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(f"{SCRIPTS}?days=90", user=cast.carol)
    row = page.locator("#templates tbody tr").first
    count = row.locator("td").first.inner_text()
    row.locator("td a").first.click()
    expect(page.locator("[data-count]")).to_have_text(count)
    expect(page.locator("#rows-title")).to_contain_text("that were generated, of this template")


@pytest.mark.usefixtures("history")
def test_a_long_list_is_counted_after_it_is_shown(open_page: OpenPage, cast: Cast) -> None:
    page = open_page("/admin/analytics/rows/pushes/created/?days=90", user=cast.carol)
    expect(page.locator("tbody tr")).to_have_count(50)
    count = PsaPush.objects.filter(account=cast.account).count()
    expect(page.locator("#rows-title")).to_have_text(f"{count} pushes that were to be written")


def test_a_hand_over_that_waits_is_seen_and_opened(open_page: OpenPage, cast: Cast) -> None:
    session = make_session(cast.account, status="escalated", title="No mail since noon")
    Handover.objects.create(account=cast.account, session=session, reason="Needs the mail team")
    page = open_page(OVERVIEW, user=cast.carol)
    block = page.locator("#handovers")
    expect(block).to_contain_text("The oldest that waits has done so for")
    block.get_by_role("row", name=re.compile("Waiting now")).get_by_role("link").click()
    page.get_by_role("link", name="No mail since noon").click()
    expect(page.locator("h1")).to_contain_text("No mail since noon")
