"""Reviewing in the browser: read, replay, decide, go on; by mouse, by keyboard, and without scripts."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from proposals.models import FlowProposal
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.conftest import Cast
from tests.factories import make_proposal

pytestmark = pytest.mark.browser

QUEUE = "/admin/proposals/flowproposal/"


def address(proposal: FlowProposal) -> str:
    return f"{QUEUE}{proposal.pk}/change/"


def status(proposal: FlowProposal) -> str:
    proposal.refresh_from_db()
    return proposal.status


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


class TestDeciding:
    def test_approve_publishes_and_opens_the_next(
        self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal, change: FlowProposal
    ) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.get_by_role("button", name="Approve").click()
        heading(page, "Printing from home")
        toast = page.locator(".messagelist")
        expect(toast).to_contain_text("VPN drops at noon: approved, published as version 1.")
        expect(toast.get_by_role("button", name="Undo")).to_be_visible()
        assert status(new_flow) == "approved"
        toast.get_by_role("link", name="Open the flow").click()
        heading(page, "VPN drops at noon")

    def test_a_change_cannot_be_approved(self, open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
        page = open_page(address(change), user=cast.alice)
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        expect(page.get_by_text("never approved blind")).to_be_visible()

    def test_reject_waits_for_a_reason(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_role("alert")).to_contain_text("Say why")
        expect(page.get_by_label("Wrong answer")).to_be_focused()
        assert status(new_flow) == "pending"
        page.get_by_label("Too vague").check()
        page.get_by_label("Notes for the record").fill("Which router?")
        page.get_by_role("button", name="Reject").click()
        expect(page.locator(".messagelist")).to_contain_text("rejected")
        assert (status(new_flow), new_flow.reviewer_notes) == ("rejected", "Too vague. Which router?")

    def test_enter_in_a_field_decides_nothing(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.get_by_text("Dismiss what, and until when").click()
        page.get_by_label("New sessions", exact=True).press("Enter")
        page.wait_for_timeout(300)
        assert page.url.endswith(address(new_flow))
        assert status(new_flow) == "pending"

    def test_a_number_typed_chooses_what_it_is_for(
        self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal
    ) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.get_by_text("Dismiss what, and until when").click()
        page.get_by_label("New sessions", exact=True).fill("8")
        expect(page.get_by_label("After new sessions")).to_be_checked()

    def test_a_stale_decision_keeps_what_was_typed(
        self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal
    ) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.get_by_label("Notes for the record").fill("Typed for a long time")
        FlowProposal.objects.update(revision=2, title="VPN drops at noon and at night")
        page.get_by_role("button", name="Dismiss").click()
        heading(page, "VPN drops at noon and at night")
        expect(page.locator(".messagelist")).to_contain_text("Nothing was decided")
        expect(page.get_by_label("Notes for the record")).to_have_value("Typed for a long time")
        page.get_by_role("button", name="Dismiss").click()
        expect(page.locator(".messagelist")).to_contain_text("dismissed")

    def test_an_analyst_reads_and_does_not_decide(
        self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal
    ) -> None:
        page = open_page(address(new_flow), user=cast.carol)
        expect(page.get_by_text("A team admin or an owner decides this")).to_be_visible()
        expect(page.locator(".fp-decide form")).to_have_count(0)
        page.keyboard.press("a")
        page.keyboard.press("r")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()


class TestEvidence:
    def test_a_click_shows_the_lines_near_by(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.locator(".fp-g-node[data-node=n1]").click()
        panel = page.get_by_role("region", name="Evidence for “Does the VPN client connect?”")
        expect(panel).to_be_in_viewport(ratio=0.9)
        expect(panel.locator("blockquote")).to_have_count(1)
        expect(panel).to_contain_text("answered “Yes”")
        panel.get_by_role("link", name=re.compile("at line 1$")).click()
        assert page.url.endswith("#line-0")
        expect(page.locator("#line-0")).to_contain_text("Does the VPN client connect?")
        expect(page.locator("#line-0 .fp-bubble")).to_have_css("outline-style", "solid")

    def test_by_keyboard_and_back_again(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.locator(".fp-g-node[data-node=n1]").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#chosen-title")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".fp-g-node[data-node=n1]")).to_be_focused()
        expect(page.locator("#chosen-evidence")).to_be_hidden()

    def test_the_outline_leads_there_too(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.get_by_role("tab", name="Outline").click()
        page.get_by_role("link", name="1 of 7 sessions went here").click()
        expect(page.locator("#chosen-evidence blockquote")).to_have_count(1)
        expect(page.locator("#outline .fp-chosen")).to_have_attribute("data-node", "n1")

    def test_show_more_goes_on_with_the_list(self, open_page: OpenPage, cast: Cast) -> None:
        proposal = make_proposal(cast.account, sessions=12)
        page = open_page(address(proposal), user=cast.alice)
        items = page.locator("#evidence .fp-evidence > li")
        expect(items).to_have_count(10)
        page.locator("#evidence").get_by_role("link", name="Show more").click()
        expect(items).to_have_count(12)
        expect(page.get_by_role("link", name="Show more")).to_have_count(0)

    def test_without_scripts_it_is_a_page_of_its_own(
        self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal
    ) -> None:
        page = open_page(address(new_flow), user=cast.alice, script=False)
        page.locator("#outline").get_by_role("link", name="1 of 7 sessions went here").click()
        heading(page, "Does the VPN client connect?")
        expect(page.locator("blockquote")).to_have_count(1)


class TestViews:
    def test_a_change_is_shown_as_graph_outline_and_side_by_side(
        self, open_page: OpenPage, cast: Cast, change: FlowProposal
    ) -> None:
        page = open_page(address(change), user=cast.alice)
        expect(page.locator("#graph svg")).to_be_visible()
        expect(page.locator("#outline")).to_be_hidden()
        page.get_by_role("tab", name="Graph").press("ArrowRight")
        expect(page.get_by_role("tab", name="Outline of changes")).to_be_focused()
        expect(page.locator("#outline [data-node=n5] .fp-mark").first).to_have_text("+ added")
        page.get_by_role("tab", name="Side by side").click()
        sides = page.locator(".fp-sides > div")
        expect(sides.nth(0)).not_to_contain_text("Switch the VPN profile")
        expect(sides.nth(1)).to_contain_text("+ added Only at home → Switch the VPN profile")

    def test_without_scripts_all_of_it_stands_there(
        self, open_page: OpenPage, cast: Cast, change: FlowProposal
    ) -> None:
        page = open_page(address(change), user=cast.alice, script=False)
        expect(page.locator("#outline")).to_be_visible()
        expect(page.locator("#sides")).to_be_visible()

    def test_a_phone_opens_with_the_outline(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice, width=390)
        expect(page.locator("#outline")).to_be_visible()
        page.get_by_role("tab", name="Graph").click()
        expect(page.locator(".fp-g-node")).to_have_count(4)

    def test_a_very_large_flow_opens_at_once_with_its_outline(self, open_page: OpenPage, cast: Cast) -> None:
        ends = [{"id": f"e{n}", "kind": "resolution", "text": f"End {n}"} for n in range(480)]
        questions = [
            {
                "id": f"q{n}",
                "kind": "question",
                "text": f"Question {n}?",
                "options": [{"id": f"o{m}", "label": f"Answer {m}", "next": ends[n * 30 + m]["id"]} for m in range(30)],
            }
            for n in range(16)
        ]
        root = {
            "id": "root",
            "kind": "question",
            "text": "Which?",
            "options": [{"id": q["id"], "label": q["text"], "next": q["id"]} for q in questions],
        }
        flow = {"schema_version": 1, "root": "root", "nodes": [root, *questions, *ends]}
        proposal = make_proposal(cast.account, proposed_flow_data=flow)
        page = open_page(address(proposal), user=cast.alice)
        expect(page.locator("#outline [data-node]")).to_have_count(497)
        loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        assert loaded < 3_000
        expect(page.locator("#graph svg")).to_have_count(0)


class TestReplay:
    def test_counts_open_their_sessions(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.get_by_role("button", name="Replay past sessions").click()
        expect(page.locator("#replay-told")).to_have_text("The replay is done.")
        expect(page.get_by_role("row", name=re.compile("^Right end"))).to_contain_text("7")
        page.get_by_role("link", name="7: Right end as proposed").click()
        heading(page, "Right end as proposed: ended as it did")
        expect(page.locator(".fp-list > li")).to_have_count(7)

    def test_without_scripts(self, open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
        page = open_page(address(change), user=cast.alice, script=False)
        page.get_by_role("button", name="Replay past sessions").click()
        expect(page.get_by_role("columnheader", name="v1 today")).to_be_visible()
        expect(page.get_by_text("Against version 1:")).to_contain_text("2 same")


class TestKeys:
    def test_walk_the_queue_but_not_while_typing(
        self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal, change: FlowProposal
    ) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        for key, title in (("j", "Printing from home"), ("k", "VPN drops at noon"), ("n", "Printing from home")):
            page.keyboard.press(key)
            heading(page, title)
        page.get_by_label("Notes for the record").press("k")
        expect(page.get_by_label("Notes for the record")).to_have_value("k")
        page.locator("h1").click()
        page.keyboard.press("p")
        heading(page, "VPN drops at noon")

    def test_approving_asks_for_a_second_press(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.keyboard.press("a")
        expect(page.get_by_role("alert")).to_contain_text("Press A again")
        expect(page.get_by_role("button", name="Approve")).to_be_focused()
        assert status(new_flow) == "pending"
        page.keyboard.press("a")
        expect(page.locator(".messagelist")).to_contain_text("approved")

    def test_rejecting_by_keys_alone(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.keyboard.press("r")
        expect(page.get_by_label("Wrong answer")).to_be_focused()
        page.keyboard.press("r")
        assert status(new_flow) == "pending"
        page.keyboard.press("Space")
        page.keyboard.press("r")
        expect(page.locator(".messagelist")).to_contain_text("rejected")
        assert (status(new_flow), new_flow.reviewer_notes) == ("rejected", "Wrong answer")

    def test_can_be_switched_off(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        page = open_page(address(new_flow), user=cast.alice)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.get_by_label("Single keys work on this page").uncheck()
        page.get_by_role("button", name="Close").click()
        page.reload()
        page.keyboard.press("d")
        page.keyboard.press("d")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert status(new_flow) == "pending"
        page.get_by_role("button", name="All keys").click()
        expect(page.get_by_label("Single keys work on this page")).not_to_be_checked()


class TestPresence:
    def test_others_are_named_politely(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
        open_page(address(new_flow), user=cast.olivia).wait_for_load_state()
        page = open_page(address(new_flow), user=cast.alice)
        expect(page.locator("#presence")).to_have_text(re.compile("Olivia is reading this too"))
        expect(page.locator("#presence")).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_pages_around_it_have_no_barriers(
    open_page: OpenPage, cast: Cast, new_flow: FlowProposal, change: FlowProposal, theme: str, width: int
) -> None:
    found: dict[str, list[str]] = {}
    page = open_page(address(new_flow), user=cast.alice, theme=theme, width=width)
    page.get_by_role("button", name="Replay past sessions").click()
    expect(page.locator("#replay-told")).to_have_text("The replay is done.")
    page.get_by_role("tab", name="Outline").click()
    page.get_by_role("link", name="1 of 7 sessions went here").click()
    expect(page.locator("#chosen-evidence blockquote")).to_have_count(1)
    page.get_by_text("Dismiss what, and until when").click()
    page.get_by_text("Reject: what is wrong with it").click()
    found["all open"] = barriers(page)
    page.locator("h1").click()
    page.keyboard.press("?")
    found["keys"] = barriers(page)
    for name in ("evidence/?node=n1", "replay/", "replay/?list=proposed&outcome=right", "similar/"):
        page.goto(f"{QUEUE}{new_flow.pk}/{name}")
        found[name] = barriers(page)
    page.goto(address(change))
    for tab in ("Outline of changes", "Side by side"):
        page.get_by_role("tab", name=tab).click()
        found[tab] = barriers(page)
    assert {name: problems for name, problems in found.items() if problems} == {}


class TestWholePath:
    """Rank, open, replay, evidence, edit, publish, undo, next."""

    def open_first(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> Page:
        FlowProposal.objects.filter(pk=new_flow.pk).update(impact=1_000)
        page = open_page(QUEUE, user=cast.alice)
        expect(page.locator("#result_list tbody tr").first).to_contain_text("VPN drops at noon")
        return page

    def published_then_undone(self, page: Page, proposal: FlowProposal) -> None:
        heading(page, "VPN drops at noon")
        expect(page.locator(".messagelist")).to_contain_text("undone")
        assert status(proposal) == "pending"
        assert proposal.published_flow is None

    def test_by_mouse(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal, change: FlowProposal) -> None:
        page = self.open_first(open_page, cast, new_flow)
        page.get_by_role("link", name="VPN drops at noon").first.click()
        page.get_by_role("button", name="Replay past sessions").click()
        expect(page.get_by_role("row", name=re.compile("^Right end"))).to_contain_text("7")
        page.locator(".fp-g-node[data-node=n1]").click()
        expect(page.locator("#chosen-evidence blockquote")).to_have_count(1)
        page.get_by_role("link", name="Edit & publish").click()
        page.get_by_label("Text", exact=True).first.fill("Does the VPN client connect at all?")
        page.get_by_role("button", name="Publish", exact=True).click()
        heading(page, "Printing from home")
        expect(page.locator(".messagelist")).to_contain_text("modified, published as version 1")
        assert status(new_flow) == "modified"
        page.locator(".messagelist").get_by_role("button", name="Undo").click()
        self.published_then_undone(page, new_flow)
        page.get_by_role("link", name="Next").click()
        heading(page, "Printing from home")

    def test_by_keyboard(self, open_page: OpenPage, cast: Cast, new_flow: FlowProposal, change: FlowProposal) -> None:
        page = self.open_first(open_page, cast, new_flow)
        press = page.keyboard.press

        def tab_to(what: Locator) -> None:
            for _ in range(150):
                if what.evaluate("element => element === document.activeElement"):
                    return
                press("Tab")
            raise AssertionError(f"Tab does not lead to {what}")

        tab_to(page.get_by_role("link", name="VPN drops at noon").first)
        press("Enter")
        tab_to(page.locator(".fp-g-node[data-node=n1]"))
        press("g")
        expect(page.locator("#chosen-title")).to_be_focused()
        tab_to(page.get_by_role("button", name="Replay past sessions"))
        press("Enter")
        expect(page.get_by_role("row", name=re.compile("^Right end"))).to_contain_text("7")
        press("e")
        text = page.get_by_label("Text", exact=True).first
        tab_to(text)
        press("End")
        page.keyboard.type(" And stay so?")
        tab_to(page.get_by_role("button", name="Publish", exact=True))
        press("Enter")
        heading(page, "Printing from home")
        assert status(new_flow) == "modified"
        press("u")
        self.published_then_undone(page, new_flow)
        press("j")
        heading(page, "Printing from home")
