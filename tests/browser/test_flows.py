"""A published flow in the browser: gone back, archived and restored, taken out as a file and in again; by mouse."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from flowpilot.flows.models import Flow
from flowpilot.flows.portable import read_portable
from flowpilot.flows.services import flow_version_publish
from proposals.health import versions_watch
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import barriers
from tests.conftest import Cast
from tests.factories import definition, make_flow
from tests.proposals.test_version_health import guided

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("width", [390, 1280])]

SLOW = "Wait for two minutes"


@pytest.fixture
def flow(cast: Cast) -> Flow:
    """Three versions: the second asks to wait, the third asks something else first."""
    flow = make_flow(cast.account, title="VPN", description="When the tunnel is down").flow
    for number, tree in ((1, definition(yes=SLOW)), (2, definition("Is the client open?", yes=SLOW))):
        flow_version_publish(actor=cast.alice, flow=flow, base_number=number, definition=tree, note=f"Idea {number}")
    return flow


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def toast(page: Page) -> Locator:
    return page.locator(".messagelist")


def open_flow(open_page: OpenPage, cast: Cast, width: int) -> Page:
    """From the list, by its name."""
    page = open_page("/admin/flows/flow/", user=cast.alice, width=width)
    page.get_by_role("link", name="VPN").first.click()
    heading(page, "VPN")
    return page


def test_two_versions_are_compared_and_the_former_is_gone_back_to(
    open_page: OpenPage, cast: Cast, flow: Flow, width: int
) -> None:
    page = open_flow(open_page, cast, width)
    page.get_by_role("link", name="Compare version 1 with the current one").click()
    heading(page, "VPN: version 1 → 3")
    told = page.locator(".fp-told")
    expect(told).to_contain_text(f"“Restart the router” reads “{SLOW}” now.")
    expect(told).to_contain_text("“Does the VPN client connect?” reads “Is the client open?” now.")
    # A phone opens the outline first.
    page.get_by_role("tab", name="Graph").click()
    expect(page.locator("#graph svg")).to_be_visible()
    page.get_by_role("tab", name="Side by side").click()
    expect(page.locator("#sides")).to_contain_text("Restart the router")
    expect(page.locator("#sides")).to_contain_text(SLOW)
    page.get_by_label("From").select_option("2")
    page.get_by_role("button", name="Compare").click()
    heading(page, "VPN: version 2 → 3")
    expect(told).not_to_contain_text(SLOW)
    page.get_by_label("From").select_option("1")
    page.get_by_role("button", name="Compare").click()

    page.get_by_role("link", name="Roll back to version 1").click()
    heading(page, "Go back to version 1 of VPN?")
    expect(told).to_contain_text(f"“{SLOW}” reads “Restart the router” now.")
    expect(page.locator("#outline" if width < 640 else "#graph svg")).to_be_visible()
    assert barriers(page) == []
    page.get_by_label("Reason").fill("Nobody waits")
    page.get_by_role("button", name="Go back to version 1").click()
    heading(page, "VPN")
    expect(toast(page)).to_contain_text("Version 4 says what version 1 said.")
    newest = page.locator("#versions li").first
    expect(newest).to_contain_text("Version 4")
    expect(newest).to_contain_text("Back to version 1: Nobody waits")
    expect(page.locator("#outline")).to_contain_text("Restart the router")
    expect(page.locator("#outline")).not_to_contain_text(SLOW)


def test_a_reason_is_asked_for_before_anything_happens(open_page: OpenPage, cast: Cast, flow: Flow, width: int) -> None:
    page = open_flow(open_page, cast, width)
    page.get_by_role("link", name="Roll back to version 2").click()
    page.get_by_role("button", name="Go back to version 2").click()
    heading(page, "Go back to version 2 of VPN?")
    expect(page.get_by_label("Reason")).to_be_focused()
    assert flow.versions.count() == 3
    page.get_by_role("link", name="Cancel").click()
    heading(page, "VPN")


def test_archived_it_leaves_the_list_and_restored_it_comes_back(
    open_page: OpenPage, cast: Cast, flow: Flow, width: int
) -> None:
    page = open_flow(open_page, cast, width)
    page.get_by_role("link", name="Archive…").click()
    heading(page, "Archive VPN?")
    assert barriers(page) == []
    page.get_by_label("Reason").fill("The old client is gone")
    page.get_by_role("button", name="Archive").click()
    expect(toast(page)).to_contain_text("Archived. It guides nobody any more.")
    expect(page.get_by_text("This flow is archived")).to_be_visible()
    expect(page.get_by_role("link", name="Roll back to version 1")).to_have_count(0)

    page.goto("/admin/flows/flow/")
    expect(page.locator("#result_list")).to_have_count(0)
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Archived").click()
    page.locator("#result_list").get_by_role("link", name="VPN").click()
    heading(page, "VPN")
    page.get_by_role("link", name="Restore…").click()
    page.get_by_label("Reason").fill("It came back")
    page.get_by_role("button", name="Restore").click()
    expect(toast(page)).to_contain_text("Restored. It guides sessions again.")
    history = page.get_by_role("region", name="What else happened")
    expect(history).to_contain_text("Alice archived it")
    expect(history).to_contain_text("It came back")
    page.goto("/admin/flows/flow/")
    expect(page.locator("#result_list").get_by_role("link", name="VPN")).to_be_visible()


def test_taken_out_as_a_file_and_in_again(
    open_page: OpenPage, cast: Cast, flow: Flow, width: int, tmp_path: Path
) -> None:
    page = open_flow(open_page, cast, width)
    page.locator("#versions").get_by_role("link", name="Version 1", exact=True).click()
    with page.expect_download() as coming:
        page.get_by_role("link", name="Export as JSON").click()
    assert coming.value.suggested_filename == "vpn-v1.json"
    file = tmp_path / "vpn-v1.json"
    coming.value.save_as(file)
    portable, faults = read_portable(file.read_bytes())
    assert faults == []
    assert portable is not None
    assert (portable.version, portable.definition) == (1, definition())
    with page.expect_download() as coming:
        page.get_by_role("link", name="Export as Mermaid").click()
    assert coming.value.suggested_filename == "vpn-v1.mmd"

    page.goto("/admin/flows/flow/")
    page.get_by_role("link", name="Import a flow").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    heading(page, "Import “VPN”?")
    expect(page.locator(".fp-told")).to_contain_text(f"“{SLOW}” reads “Restart the router” now.")
    assert barriers(page) == []
    page.get_by_label("As the next version of VPN.").check()
    page.get_by_role("button", name="Publish").click()
    heading(page, "VPN")
    expect(toast(page)).to_contain_text("Published as version 4 of VPN.")
    expect(page.locator("#versions li").first).to_contain_text("Imported (version 1 of vpn)")
    flow.refresh_from_db()
    assert flow.current_version is not None
    assert (flow.current_version.number, flow.current_version.definition) == (4, definition())


def test_a_bad_file_is_told_place_by_place_and_mended_there(
    open_page: OpenPage, cast: Cast, flow: Flow, width: int
) -> None:
    page = open_page("/admin/flows/flow/import/", user=cast.alice, width=width)
    tree = '{"schema_version": 1, "root": "n1", "nodes": [{"id": "n1", "kind": "resolution", "text": " "}]}'
    head = '"format": "flowpilot-flow", "format_version": 1, "titel": "Mail", "title": "Mail"'
    text = f'{{{head}, "definition": {tree}}}'
    page.get_by_label("Or its text").fill(text)
    page.get_by_role("button", name="Look at it").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The file has 2 faults:")
    expect(alert.locator("code")).to_have_text(["/titel", "/definition/nodes/0/text"])
    assert barriers(page) == []
    expect(page.get_by_label("Or its text")).to_have_value(re.compile("titel"))
    page.get_by_label("Or its text").fill(text.replace('"titel": "Mail", ', "").replace('" "', '"Restart it"'))
    page.get_by_role("button", name="Look at it").click()
    heading(page, "Import “Mail”?")
    page.get_by_role("button", name="Publish").click()
    heading(page, "Mail")
    assert Flow.objects.get(title="Mail").key == "mail"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_worse_version_warns_and_leads_back(
    open_page: OpenPage, cast: Cast, flow: Flow, width: int, theme: str
) -> None:
    guided(flow, 1, resolved=20)
    guided(flow, 3, escalated=20)
    versions_watch(cast.account.pk)
    page = open_page(f"/admin/flows/flow/{flow.pk}/change/", user=cast.alice, width=width, theme=theme)
    warning = page.get_by_role("region", name="Version 3 does worse than version 1")
    expect(warning).to_contain_text("0 % of 20 sessions were resolved, 100 % of 20 before")
    assert barriers(page) == []
    warning.get_by_role("link", name="Go back to version 1 of VPN").click()
    heading(page, "Go back to version 1 of VPN")
    page.go_back()
    warning.get_by_role("link", name="Roll back…").click()
    heading(page, "Go back to version 1 of VPN?")
