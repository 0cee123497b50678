"""Lists: heads over their columns; on a phone a row is a card that says what is there, and nothing is in the way."""

import pytest
from playwright.sync_api import expect

from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
from tests.browser.conftest import OpenPage
from tests.conftest import Cast
from tests.factories import make_flow

pytestmark = pytest.mark.browser

QUEUE = "/admin/proposals/flowproposal/"


def test_a_card_leaves_out_what_is_not_there(open_page: OpenPage, cast: Cast) -> None:
    make_flow(cast.account, title="Printing")
    Flow.objects.update(owner=None, review_by=None)
    card = open_page("/admin/flows/flow/", user=cast.alice, width=390).locator("#result_list tbody tr")
    expect(card.locator(".field-sessions")).to_have_text("0 sessions")
    expect(card.locator(".field-owner")).to_be_hidden()
    expect(card.locator(".field-review")).to_be_hidden()


def test_the_buttons_come_to_hand_with_the_first_tick(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(QUEUE, user=cast.alice, width=390)
    actions = page.locator("#changelist .actions")
    expect(actions).to_have_css("position", "static")
    page.locator("#result_list .action-select").check()
    expect(actions).to_have_css("position", "sticky")


def test_the_queues_heads_stand_over_their_columns(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = open_page(QUEUE, user=cast.alice)
    gaps = page.evaluate(
        """() => {
            const text = (cell) => {
                const range = document.createRange();
                range.selectNodeContents(cell);
                return range.getBoundingClientRect().left;
            };
            const heads = [...document.querySelectorAll("#result_list thead th")].slice(1);
            const cells = [...document.querySelectorAll("#result_list tbody tr:first-child > *")].slice(1);
            return heads.map((head, place) => Math.abs(text(head) - text(cells[place])));
        }"""
    )
    assert gaps
    assert max(gaps) < 3
