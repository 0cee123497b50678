"""Edit & publish in the browser: by mouse, by keyboard alone, and without a script."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flowpilot.flows.models import FlowVersion
from proposals.models import FlowProposal, ReviewDraft
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.conftest import Cast
from tests.factories import definition, make_proposal

pytestmark = pytest.mark.browser

QUEUE = "/admin/proposals/flowproposal/"


@pytest.fixture
def open_page(open_page: OpenPage) -> Iterator[OpenPage]:
    """The pages are closed when their last draft is kept: the database is emptied while no request runs."""
    pages: list[Page] = []

    def opened(*args: Any, **how: Any) -> Page:
        pages.append(open_page(*args, **how))
        return pages[-1]

    yield opened
    for page in pages:
        expect(page.locator("#flow-editor[data-unsaved]")).to_have_count(0)
        page.goto("about:blank")


def editor(open_page: OpenPage, cast: Cast, proposal: FlowProposal, **how: Any) -> Page:
    page = open_page(f"{QUEUE}{proposal.pk}/edit/", user=cast.alice, **how)
    if how.get("script", True):
        expect(page.locator("#flow-editor")).to_be_visible()
    return page


def line(page: Page, text: str) -> Any:
    """A node's own line of the outline."""
    return page.locator("#ed-outline [role=treeitem]", has_text=text).first


def published(proposal: FlowProposal) -> dict[str, Any]:
    """The nodes of what was published, by id."""
    version = FlowVersion.objects.filter(flow=proposal.published_flow).latest("number")
    return {node["id"]: node for node in version.definition["nodes"]}


def publish(page: Page, proposal: FlowProposal) -> str:
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text(proposal.title)
    proposal.refresh_from_db()
    return proposal.status


def test_edit_a_text_and_publish(open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
    page = editor(open_page, cast, change)
    line(page, "Switch the VPN profile").click()
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    page.get_by_label("Text", exact=True).fill("Choose the profile “Home”")
    expect(page.locator("#ed-from-proposal")).to_contain_text("reads “Choose the profile “Home”” now")
    expect(page.locator("#ed-from-base")).to_contain_text("New action “Choose the profile “Home””")
    expect(page.locator("#ed-graph [data-node=n5]")).to_contain_text("Choose the profile")
    assert publish(page, change) == "modified"
    assert published(change)["n5"]["text"] == "Choose the profile “Home”"


def test_untouched_a_new_flow_is_approved(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    expect(page.locator("#ed-from-proposal")).to_have_text("Nothing.")
    assert publish(page, new_flow) == "approved"


def test_add_move_and_delete_branches(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    page.get_by_role("button", name="Add an answer").click()
    expect(page.get_by_label("Answer 3", exact=True)).to_be_focused()
    page.keyboard.type("Sometimes")
    page.get_by_role("button", name="Open what answer 3 leads to").click()
    page.get_by_label("Text", exact=True).fill("Watch it for an hour")
    page.get_by_role("button", name="Add an answer").click()
    page.keyboard.type("It dropped")
    page.get_by_label("leads to", exact=True).select_option(label="Hand over to the network team (escalation)")
    # The new node of this answer, in which nothing was written, went away again.
    expect(page.locator("#ed-outline [role=treeitem]")).to_have_count(6)
    # The branch "Yes" goes under the new step.
    line(page, "Does the VPN client connect?").click()
    page.get_by_role("button", name="Move answer 1 and its branch to another node").click()
    page.get_by_label("It becomes an answer of").select_option(label="Watch it for an hour (action)")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    # Deleting a branch says what goes with it.
    page.get_by_role("button", name="Delete answer 2").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 nodes that nothing else leads to will go too")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="No problems")).to_be_visible()
    assert publish(page, new_flow) == "modified"
    nodes = published(new_flow)
    assert [(o["label"], o["next"]) for o in nodes["n1"]["options"]] == [("No", "n4"), ("Sometimes", "n5")]
    assert [(o["label"], o["next"]) for o in nodes["n5"]["options"]] == [("It dropped", "n4"), ("Yes", "n2")]


def test_a_circle_is_refused_with_its_reason(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    line(page, "Restart the router").click()
    page.get_by_label("leads to", exact=True).select_option(label="Does the VPN client connect? (question)")
    expect(page.get_by_role("alert").filter(has_text="circle")).to_contain_text(
        "“Does the VPN client connect?” → “Restart the router” → “Does the VPN client connect?”"
    )
    assert page.get_by_label("leads to", exact=True).input_value() == "n3"
    line(page, "Does the VPN client connect?").click()
    page.get_by_role("button", name="Move answer 1 and its branch to another node").click()
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("cannot lead back to its own node")


def test_undo_and_redo(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    text = page.get_by_label("Text", exact=True)
    text.fill("First")
    page.get_by_role("button", name="Delete answer 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(line(page, "Hand over")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(line(page, "Hand over")).to_be_visible()
    expect(page.locator("#ed-said")).to_contain_text("Undone: The answer “No” is deleted")
    text.press("Control+z")
    expect(text).to_have_value("Does the VPN client connect?")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    text.press("Control+Shift+z")
    expect(text).to_have_value("First")
    page.get_by_role("button", name="Redo").click()
    expect(line(page, "Hand over")).to_have_count(0)


def test_a_problem_shows_at_its_field_in_outline_and_graph(
    open_page: OpenPage, cast: Cast, new_flow: FlowProposal
) -> None:
    page = editor(open_page, cast, new_flow)
    line(page, "Restart the router").click()
    page.get_by_label("Text", exact=True).fill("")
    expect(page.locator("#ed-f-text-problem")).to_have_text("The text is empty.")
    expect(page.get_by_label("Text", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#ed-outline [data-node=n2]")).to_contain_text("problem")
    expect(page.locator("#ed-graph .fp-g-problem")).to_have_attribute("data-node", "n2")
    line(page, "Does the VPN").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#ed-problems")).to_be_focused()
    page.locator("#ed-problems").get_by_role("button").click()
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    expect(page.get_by_role("heading", name="This action")).to_be_visible()
    new_flow.refresh_from_db()
    assert new_flow.is_pending


def test_a_lost_branch_is_one_problem(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    page.get_by_label("leads to", exact=True).first.select_option(label="Hand over to the network team (escalation)")
    expect(page.locator("#ed-problem-list > li")).to_have_count(1)
    expect(page.locator("#ed-problem-list")).to_contain_text("nor to the 1 node behind it")


def test_the_draft_survives_a_reload(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    page.get_by_label("Text", exact=True).fill("Half a sen")
    page.get_by_label("Notes for the record").fill("and my notes")
    expect(page.locator("#ed-saved")).to_contain_text("Saved ")
    page.reload()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Half a sen")
    expect(page.get_by_label("Notes for the record")).to_have_value("and my notes")
    page.get_by_role("button", name="Discard my draft").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Does the VPN client connect?")
    assert not ReviewDraft.objects.exists()


@pytest.mark.parametrize(
    ("button", "kept"), [("Keep mine", "From the second tab"), ("Take the other", "From the first")]
)
def test_two_tabs_lose_nothing(open_page: OpenPage, cast: Cast, new_flow: FlowProposal, button: str, kept: str) -> None:
    first, second = editor(open_page, cast, new_flow), editor(open_page, cast, new_flow)
    first.get_by_label("Text", exact=True).fill("From the first")
    expect(first.locator("#ed-saved")).to_contain_text("Saved ")
    second.get_by_label("Text", exact=True).fill("From the second tab")
    expect(second.get_by_role("heading", name="Two drafts")).to_be_visible()
    second.get_by_role("button", name=button).click()
    expect(second.locator("#ed-saved")).to_contain_text("Saved ")
    expect(second.get_by_label("Text", exact=True)).to_have_value(kept)
    assert ReviewDraft.objects.get().definition["nodes"][0]["text"] == kept


def test_preview_walks_as_a_technician(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    page.get_by_role("button", name="Preview", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Yes").click()
    expect(dialog.get_by_role("heading", level=3)).to_have_text("Restart the router")
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_contain_text("✓ Solved")
    dialog.get_by_role("button", name="Back").click()
    dialog.get_by_role("button", name="Edit this step").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Restart the router")
    assert barriers(page) == []


def test_a_failed_publishing_gives_back_what_was_typed(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    page.get_by_label("Text", exact=True).fill("Mine?")
    page.get_by_label("Notes for the record").fill("typed")
    FlowProposal.objects.update(revision=2, proposed_flow_data=definition("Mined again?"))
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("Nothing was published")
    expect(page.get_by_label("Text", exact=True)).to_have_value("Mine?")
    expect(page.get_by_label("Notes for the record")).to_have_value("typed")
    page.get_by_text("Show revision 2 beside mine").click()
    expect(page.get_by_text("Mined again?").first).to_be_visible()
    page.get_by_role("button", name="go on with mine").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Mine?")
    assert publish(page, new_flow) == "modified"
    assert published(new_flow)["n1"]["text"] == "Mine?"


def test_by_keyboard_alone(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    press = page.keyboard.press

    def tab_to(name: str, most: int = 40) -> None:
        for _ in range(most):
            focused = page.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
            )
            if (focused or "").strip() == name:
                return
            press("Tab")
        raise AssertionError(f"Tab does not come to {name}")

    page.get_by_role("button", name="Preview", exact=True).focus()
    for _ in range(10):
        press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "treeitem":
            break
    expect(page.locator(":focus")).to_contain_text("Does the VPN client connect?")
    press("ArrowDown")
    expect(page.locator(":focus")).to_contain_text("Restart the router")
    press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("Restart the modem")
    tab_to("Add an answer")
    press("Enter")
    page.keyboard.type("It has none")
    press("Tab")
    page.keyboard.type("Hand")
    press("Tab")
    # The choice is made once the focus has left the list; the count of problems comes later still, from the server.
    expect(page.get_by_role("treeitem", name="It has none → Hand over")).to_be_visible()
    expect(page.get_by_role("button", name="No problems")).to_be_visible()
    press("Control+z")
    expect(page.get_by_role("button", name="2 problems")).to_be_visible()
    press("Control+Shift+z")
    expect(page.get_by_role("button", name="No problems")).to_be_visible()
    tab_to("Publish", 80)
    press("Enter")
    expect(page.locator(".messagelist")).to_contain_text(new_flow.title)
    new_flow.refresh_from_db()
    assert published(new_flow)["n2"]["text"] == "Restart the modem"
    assert published(new_flow)["n2"]["options"][1] == {"id": "o2", "label": "It has none", "next": "n4"}


def test_without_a_script(open_page: OpenPage, cast: Cast, change: FlowProposal) -> None:
    page = editor(open_page, cast, change, script=False)
    node = page.get_by_role("group", name="5. Switch the VPN profile")
    node.get_by_label("Text", exact=True).fill("")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was published")
    node = page.get_by_role("group", name="5. (no text yet)")
    expect(node).to_contain_text("The text is empty.")
    node.get_by_label("Text", exact=True).fill("Choose the home profile")
    node.get_by_label("New answer", exact=True).fill("There is none")
    node.get_by_label("Text of the new node").fill("Make one")
    page.get_by_role("button", name="Check, and keep as my draft").click()
    made = page.get_by_role("group", name="7. Make one")
    expect(made).to_contain_text("has no answers")
    made.get_by_label("Kind").select_option("resolution")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text(change.title)
    change.refresh_from_db()
    assert published(change)["n7"] == {"id": "n7", "kind": "resolution", "text": "Make one"}


def test_the_text_for_experts(open_page: OpenPage, cast: Cast, new_flow: FlowProposal) -> None:
    page = editor(open_page, cast, new_flow)
    page.get_by_text("For experts").click()
    text = page.get_by_label("Definition (JSON)")
    assert json.loads(text.input_value()) == definition()
    text.fill('{"nodes": [')
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#ed-text-problem")).to_contain_text("have not used it")
    text.fill(json.dumps(definition("By text?")))
    page.get_by_role("button", name="Use this text").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("By text?")
    assert publish(page, new_flow) == "modified"


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_no_barriers(open_page: OpenPage, cast: Cast, change: FlowProposal, theme: str, width: int) -> None:
    page = editor(open_page, cast, change, theme=theme, width=width)
    page.get_by_label("Text", exact=True).fill("")
    page.get_by_role("button", name="Add help").click()
    expect(page.locator("#ed-problem-list > li")).to_have_count(2)
    assert barriers(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_barriers_without_a_script(open_page: OpenPage, cast: Cast, change: FlowProposal, width: int) -> None:
    page = editor(open_page, cast, change, script=False, width=width)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_a_big_flow_is_edited_in_parts_without_a_script(open_page: OpenPage, cast: Cast) -> None:
    def answers(n: int) -> list[dict[str, str]]:
        targets = [f"q{m}" if (m := 4 * n + i) < 100 else "end" for i in range(1, 5)]
        return [{"id": f"o{i}", "label": f"Answer {i}", "next": target} for i, target in enumerate(targets)]

    questions = [
        {"id": f"q{n}", "kind": "question", "text": f"Question {n}?", "options": answers(n)} for n in range(100)
    ]
    big = {"schema_version": 1, "root": "q0", "nodes": [*questions, {"id": "end", "kind": "resolution", "text": "End"}]}
    proposal = make_proposal(cast.account, sessions=0, proposed_flow_data=big)
    page = editor(open_page, cast, proposal, script=False)
    page.get_by_role("group", name="1. Question 0?").get_by_label("Text", exact=True).fill("First part?")
    page.get_by_role("button", name="96–101").or_(page.locator("button[value=part-3]")).first.click()
    page.get_by_role("group", name="101. End").get_by_label("Text", exact=True).fill("Last part")
    assert publish(page, proposal) == "modified"
    nodes = published(proposal)
    assert (nodes["q0"]["text"], nodes["end"]["text"], len(nodes)) == ("First part?", "Last part", 101)
