"""Scripts beside a session that is worked: suggested, filled in, read, generated, taken away, and reported on."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from flowpilot.accounts.models import User
from sessions.models import GeneratedScript
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import LOOKS, barriers
from tests.browser.working import start_guided
from tests.conftest import Cast
from tests.factories import make_flow, make_template

pytestmark = pytest.mark.browser
PROBLEM = "VPN does not connect on PC-0042"
HOSTILE = """it's "here"; $(touch broken) `touch broken` & echo \\ > broken # {{ computer }}"""


@pytest.fixture
def guided(open_page: OpenPage, cast: Cast) -> Any:
    """`guided(bob)` is at the first step of a flow, with a script that fits beside it."""
    make_flow(cast.account, title="VPN does not connect")
    make_template(cast.account, keywords="vpn connect", problem_domain="networking")

    def begin(user: User, **how: Any) -> Page:
        page = open_page("/work/", user=user, **how)
        start_guided(page, PROBLEM)
        return page

    return begin


def panel(page: Page) -> Locator:
    return page.locator("#scripts")


def preview(page: Page) -> Locator:
    return page.get_by_label("Preview of the script")


def script(page: Page) -> Locator:
    # The preview's name holds these words, too.
    return page.get_by_label("The script", exact=True)


def test_a_script_that_fits_is_filled_in_read_and_taken_away(guided: Any, cast: Cast) -> None:
    page = guided(cast.bob)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(panel(page)).to_contain_text("has connect, vpn")
    page.get_by_role("link", name="Ping a computer").click()
    computer = page.get_by_label("Computer", exact=True)
    expect(computer).to_have_value("PC-0042")
    expect(panel(page)).to_contain_text("From the session: check it.")
    expect(preview(page).locator("mark")).to_have_text("'PC-0042'")
    # It follows each change, and the form stays.
    computer.fill("PC-7")
    expect(preview(page).locator("mark")).to_have_text("'PC-7'")
    computer.fill("no host")
    expect(panel(page)).to_contain_text("Not complete yet")
    expect(computer).to_have_value("no host")
    computer.fill("PC-8")
    expect(preview(page)).to_have_text("ping -c 3 'PC-8'")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(script(page)).to_have_text("ping -c 3 'PC-8'")
    kept = GeneratedScript.objects.get()
    assert (kept.created_by, kept.node_id, kept.parameters) == (cast.bob, "n1", {"computer": "PC-8"})
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "ping -c 3 'PC-8'\n"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "ping-a-computer.sh"
    assert Path(download.value.path()).read_text() == "ping -c 3 'PC-8'\n"


def test_what_came_of_it_is_reported_and_can_be_corrected(guided: Any, cast: Cast) -> None:
    page = guided(cast.bob)
    page.get_by_role("link", name="Ping a computer").click()
    page.get_by_role("button", name="Generate", exact=True).click()
    page.get_by_role("button", name="No change").click()
    expect(page.get_by_role("group", name="What came of it: No change")).to_be_visible()
    page.get_by_role("button", name="It worked").click()
    expect(page.get_by_role("group", name="What came of it: It worked")).to_be_visible()
    page.get_by_role("link", name="All scripts of this session").click()
    expect(panel(page).get_by_role("listitem").filter(has_text="Bob")).to_contain_text("It worked")
    assert GeneratedScript.objects.get().outcome == "worked"
    # The session stands where it stood, and goes on.
    page.get_by_role("button", name="1 Yes").click()
    expect(page.get_by_role("heading", name="Restart the router")).to_be_visible()
    expect(panel(page)).to_contain_text("It worked")
    expect(page.get_by_role("navigation", name="The way so far")).to_contain_text("Ping a computer It worked")


def test_the_preview_button_and_the_download_leave_the_form(guided: Any, cast: Cast) -> None:
    page = guided(cast.bob)
    page.get_by_role("link", name="Ping a computer").click()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Preview").click()
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    expect(preview(page)).to_have_text("ping -c 3 'PC-0042'")
    with page.expect_download() as download:
        page.get_by_role("button", name="Generate and download").click()
    assert Path(download.value.path()).read_text() == "ping -c 3 'PC-0042'\n"
    expect(page.get_by_label("Computer", exact=True)).to_have_value("PC-0042")
    assert GeneratedScript.objects.count() == 1


def test_a_destructive_one_asks_first_and_a_role(guided: Any, cast: Cast) -> None:
    make_template(
        cast.account,
        title="Wipe the VPN profile",
        keywords="vpn connect",
        risk="destructive",
        minimum_role="team_admin",
        body="rm -r {{ computer }}",
    )
    bob = guided(cast.bob)
    offer = panel(bob).get_by_role("listitem").filter(has_text="Wipe the VPN profile")
    expect(offer).to_contain_text("Destructive")
    expect(offer).to_contain_text("needs the role team admin")
    expect(offer.get_by_role("link")).to_have_count(0)
    alice = guided(cast.alice)
    alice.get_by_role("link", name="Wipe the VPN profile").click()
    alice.get_by_role("button", name="Generate", exact=True).click()
    expect(panel(alice).get_by_role("alert")).to_contain_text("Confirm that you have read")
    assert not GeneratedScript.objects.exists()
    alice.get_by_label("I have read what it destroys").check()
    alice.get_by_role("button", name="Generate", exact=True).click()
    expect(script(alice)).to_have_text("rm -r 'PC-0042'")
    assert GeneratedScript.objects.get().created_by == cast.alice


def test_a_hostile_value_is_one_literal(guided: Any, cast: Cast, tmp_path: Path) -> None:
    make_template(
        cast.account,
        title="Tell the VPN's user",
        keywords="vpn connect",
        body="printf '%s' {{ message }}",
        parameters=[{"name": "message", "label": "Message", "kind": "string"}],
    )
    page = guided(cast.bob)
    page.get_by_role("link", name="Tell the VPN's user").click()
    page.get_by_label("Message", exact=True).fill(HOSTILE)
    mark = preview(page).locator("mark")
    expect(mark).to_have_count(1)
    expect(mark).to_contain_text("$(touch broken)")
    page.get_by_role("button", name="Generate", exact=True).click()
    text = script(page).text_content() or ""
    # What the page shows, as somebody copies it, run by bash.
    told = subprocess.run(["bash", "-c", text], capture_output=True, check=True, cwd=tmp_path, text=True)
    assert (told.stdout, told.stderr) == (HOSTILE, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_scripts_beside_a_session_have_no_barriers(guided: Any, cast: Cast, theme: str, width: int) -> None:
    page = guided(cast.bob, theme=theme, width=width)
    page.get_by_role("link", name="Ping a computer").click()
    page.get_by_label("Computer", exact=True).fill("PC-0042-with-a-name-that-is-long.northwind.example")
    expect(preview(page)).to_contain_text("northwind.example")
    found = {"form": barriers(page)}
    page.get_by_role("button", name="Generate", exact=True).click()
    page.get_by_role("button", name="It worked").click()
    expect(page.get_by_role("group", name="What came of it: It worked")).to_be_visible()
    found["script"] = barriers(page)
    page.get_by_role("link", name="All scripts of this session").click()
    expect(page.get_by_label("Find a script")).to_be_visible()
    found["panel"] = barriers(page)
    assert {name: problems for name, problems in found.items() if problems} == {}
