"""The pages of coverage and flows: usable by everyone at both widths, and their drawings open and follow the scope."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from flowpilot.flows.models import Flow
from tests.analytics.rows import make_history
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.conftest import Cast
from tests.factories import make_flow

pytestmark = pytest.mark.browser

ANALYTICS = "/admin/analytics/"


@pytest.fixture
def flow(cast: Cast) -> Flow:
    make_history(cast.account, timezone.now(), count=500)
    make_flow(cast.account, title="Printing", problem_domain="printing")
    return Flow.objects.filter(account=cast.account).earliest("pk")


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_pages_have_no_barriers(open_page: OpenPage, cast: Cast, flow: Flow, theme: str, width: int) -> None:
    page = open_page(f"{ANALYTICS}coverage/?days=90", user=cast.carol, theme=theme, width=width)
    expect(page.locator("td.fp-heat-poor").first).to_be_visible()
    found = {"coverage": barriers(page)}
    page.goto(f"{ANALYTICS}flows/?days=90")
    found["flows"] = barriers(page)
    page.goto(f"{ANALYTICS}flows/{flow.pk}/?days=90")
    expect(page.locator(".fp-graph svg")).to_be_visible()
    expect(page.locator(".fp-sankey")).to_be_visible()
    found["flow"] = barriers(page)
    assert found == {"coverage": [], "flows": [], "flow": []}


def test_a_cell_is_coloured_and_opens_its_rows(open_page: OpenPage, cast: Cast, flow: Flow) -> None:
    page = open_page(f"{ANALYTICS}coverage/?days=90", user=cast.carol)
    cell = page.get_by_role("row", name=re.compile("^networking")).locator("td").nth(2)
    ground = "cell => getComputedStyle(cell).backgroundColor"
    legend = page.locator(".fp-heat-legend li", has_text="Poor").locator("span")
    assert cell.evaluate(ground) == legend.evaluate(ground) != "rgba(0, 0, 0, 0)"
    cell.get_by_role("link").click()
    expect(page.get_by_role("heading", name=re.compile("sessions that were resolved"))).to_be_visible()
    expect(page.get_by_label("Domain")).to_have_value("networking")


def test_a_flow_on_its_graph_and_its_ways(open_page: OpenPage, cast: Cast, flow: Flow) -> None:
    page = open_page(f"{ANALYTICS}flows/?days=90", user=cast.carol)
    page.locator("#quality").get_by_role("link", name="VPN, version 2").click()
    root = page.get_by_role("button", name=re.compile("^question: Does the VPN client connect at all"))
    came = page.locator("#nodes tbody tr").first.locator("td").first.inner_text()
    expect(root).to_have_accessible_name(re.compile(rf"\. {came} came, \d+ went no further"))
    # The thickest line is that of the answer that most gave.
    widths = page.locator(".fp-graph .fp-g-edge path").evaluate_all(
        "all => all.map(p => getComputedStyle(p).strokeWidth)"
    )
    assert "7px" in widths
    assert len(set(widths)) > 1
    # The first column of the diagram and the table tell the same.
    page.get_by_text("The same as a table").click()
    first = page.locator("#ways-table tbody tr", has=page.get_by_role("rowheader", name=re.compile("^1\\. Does")))
    total = sum(int(row.locator("td").last.inner_text()) for row in first.all())
    expect(page.locator(".fp-sankey text").first).to_have_text(re.compile(rf" {total}$"))
    first.first.locator("td").last.get_by_role("link").click()
    expect(page.get_by_text(re.compile("^Version 2 of VPN → Does the VPN client connect at all"))).to_be_visible()


def test_a_change_of_the_scope_draws_the_graph_anew(open_page: OpenPage, cast: Cast, flow: Flow) -> None:
    page = open_page(f"{ANALYTICS}flows/{flow.pk}/v1/?days=90", user=cast.carol)
    root = page.locator(".fp-graph .fp-g-question")
    before = root.get_attribute("aria-label")
    page.get_by_label("Domain").select_option("networking")
    expect(page).to_have_url(re.compile(r"/v1/\?days=90&domain=networking"))
    expect(root).not_to_have_attribute("aria-label", str(before))
    expect(page.locator(".fp-graph svg")).to_have_count(1)
    page.locator("#versions").get_by_role("link", name="Version 2").click()
    expect(page.get_by_text("Version 2 (current)")).to_be_visible()


def test_without_javascript_the_tables_say_it(open_page: OpenPage, cast: Cast, flow: Flow) -> None:
    page = open_page(f"{ANALYTICS}flows/{flow.pk}/?days=90", user=cast.carol, script=False)
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator(".fp-sankey")).to_be_visible()
    expect(page.locator("#nodes tbody tr")).to_have_count(5)
