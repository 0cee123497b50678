"""The graph of a flow: drawn, walked by keyboard, tied to the outline, coloured by a change."""

from typing import Any

import pytest
from playwright.sync_api import expect

from proposals.models import FlowProposal
from tests.browser.conftest import OpenPage
from tests.conftest import Cast
from tests.factories import definition, make_flow

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
    """The other way round: the branch is published, and the proposal takes it away."""
    published = make_flow(cast.account, title="With the branch", definition=change.proposed_flow_data)
    change.target_flow, change.base_version = published.flow, published
    change.proposed_flow_data = definition()
    change.save()
    page = open_page(f"/admin/proposals/flowproposal/{change.pk}/change/", user=cast.alice)
    removed = page.locator(".fp-g-node.fp-g-removed")
    expect(removed).to_have_count(2)
    assert all(text.strip().startswith("\N{MINUS SIGN}") for text in removed.locator("text").all_text_contents())
    expect(page.locator(".fp-g-edge.fp-g-removed")).to_have_count(2)


def wide(leaves: int, text: str = "Look at it") -> dict[str, Any]:
    """A question with so many answers that each end."""
    ends = [{"id": f"e{n}", "kind": "resolution", "text": f"{text} {n}"} for n in range(leaves)]
    options = [{"id": f"o{n}", "label": f"Answer {n}", "next": end["id"]} for n, end in enumerate(ends)]
    root = {"id": "n1", "kind": "question", "text": "Which one is it?", "options": options}
    return {"schema_version": 1, "root": "n1", "nodes": [root, *ends]}


def test_a_wide_flow_opens_with_its_whole_width(open_page: OpenPage, cast: Cast) -> None:
    flow = make_flow(cast.account, definition=wide(10)).flow
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.bob)
    view = page.locator(".fp-graph-view")
    assert view.evaluate("view => view.scrollWidth - view.clientWidth") <= 0
    assert float(page.locator(".fp-graph svg").get_attribute("data-scale") or 0) >= 0.6
    page.locator(".fp-g-node[data-node=n1]").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.node").startswith("e")


def test_what_cannot_be_shown_whole_stays_readable(open_page: OpenPage, cast: Cast) -> None:
    flow = make_flow(cast.account, definition=wide(30)).flow
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.bob, width=390)
    assert float(page.locator(".fp-graph svg").get_attribute("data-scale") or 0) >= 0.6


def test_words_stay_whole(open_page: OpenPage, cast: Cast) -> None:
    word = "Reset-OfficeSignInAndCredentialCache.ps1"
    flow = make_flow(cast.account, definition=wide(2, f"Run {word} as administrator and wait")).flow
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.bob)
    parts = page.locator(".fp-g-node[data-node=e0] tspan").all_text_contents()
    assert word in parts


def test_another_definition_is_drawn_and_the_choice_kept(open_page: OpenPage, cast: Cast) -> None:
    flow = make_flow(cast.account).flow
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.bob)
    page.locator(".fp-g-node[data-node=n2]").click()
    page.evaluate("flow => flowpilotGraph.redraw(document.querySelector('.fp-graph'), flow)", definition("Is it on?"))
    expect(page.locator(".fp-g-node[data-node=n1]")).to_contain_text("Is it on?")
    expect(page.locator(".fp-g-node.fp-chosen")).to_have_attribute("data-node", "n2")
    page.evaluate("flowpilotGraph.select(document.querySelector('.fp-graph'), 'n4')")
    expect(page.locator(".fp-g-node.fp-chosen")).to_have_attribute("data-node", "n4")
