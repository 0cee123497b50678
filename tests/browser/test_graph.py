"""The graph of a flow: drawn, walked by keyboard, tied to the outline, coloured by a change."""

import pytest
from playwright.sync_api import expect

from proposals.models import FlowProposal
from tests.browser.conftest import OpenPage
from tests.conftest import Cast
from tests.factories import make_flow

pytestmark = pytest.mark.browser


def test_keys_walk_and_choose(open_page: OpenPage, cast: Cast) -> None:
    flow = make_flow(cast.account).flow
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.bob)
    expect(page.locator(".fp-g-node")).to_have_count(4)
    page.locator(".fp-g-node[data-node=n1]").focus()
    page.keyboard.press("ArrowDown")
    chosen = page.evaluate("document.activeElement.dataset.node")
    assert chosen in {"n2", "n4"}
    page.keyboard.press("Enter")
    expect(page.locator("#outline .fp-chosen")).to_have_attribute("data-node", chosen)
    expect(page.locator(f".fp-g-node[data-node={chosen}]")).to_have_attribute("aria-pressed", "true")


def test_the_outline_chooses_in_the_graph(open_page: OpenPage, cast: Cast) -> None:
    flow = make_flow(cast.account).flow
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.bob)
    page.evaluate("document.addEventListener('flowpilot:node', (event) => { window.chosen = event.detail.id; })")
    page.locator("#outline").get_by_text("It works again").click()
    assert page.evaluate("window.chosen") == "n3"
    expect(page.locator(".fp-g-node.fp-chosen")).to_have_attribute("data-node", "n3")


def test_zoom(open_page: OpenPage, cast: Cast) -> None:
    flow = make_flow(cast.account).flow
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.bob)
    width = "Number(document.querySelector('.fp-graph svg').getAttribute('width'))"
    before = page.evaluate(width)
    page.get_by_role("button", name="Larger").click()
    assert page.evaluate(width) == pytest.approx(before * 1.25)
    page.get_by_role("button", name="Fit").click()
    assert page.evaluate(width) == pytest.approx(before)


def test_a_change_is_marked_by_sign(open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
    page = open_page(f"/admin/proposals/flowproposal/{change.pk}/change/", user=cast.alice)
    added = page.locator(".fp-g-node.fp-g-added")
    assert sorted(added.evaluate_all("shapes => shapes.map(s => s.dataset.node)")) == ["n5", "n6"]
    assert all(text.strip().startswith("+") for text in added.locator("text").all_text_contents())
    expect(page.locator(".fp-g-edge.fp-g-added .fp-g-label").first).to_contain_text("+ Only")
    expect(page.locator("#outline [data-node=n5] .fp-mark").first).to_have_text("+ added")


def test_what_is_taken_away_is_drawn_too(open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
    from flowpilot.flows.diff import diff_definitions

    base, proposed = change.proposed_flow_data, change.base_version
    assert proposed is not None
    change.proposed_flow_data = proposed.definition
    change.proposed_diff = diff_definitions(base, proposed.definition).to_json()
    change.save()
    page = open_page(f"/admin/proposals/flowproposal/{change.pk}/change/", user=cast.alice)
    removed = page.locator(".fp-g-node.fp-g-removed")
    expect(removed).to_have_count(2)
    assert all(text.strip().startswith("\N{MINUS SIGN}") for text in removed.locator("text").all_text_contents())
    expect(page.locator(".fp-g-edge.fp-g-removed")).to_have_count(2)
