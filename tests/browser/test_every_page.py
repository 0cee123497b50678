"""Every page, by day and night, at a desk and on a phone: usable by everyone, and within its width."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.conftest import Cast

pytestmark = pytest.mark.browser

LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


def barriers(page: Page) -> list[str]:
    """What axe finds that keeps people out, and whether the page is wider than the screen."""
    page.wait_for_load_state()  # a page that has just been asked for is empty at first
    # axe would fetch imported style sheets a second time, from addresses relative to the page.
    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
    grave = [rule for rule in found if rule["impact"] in {"serious", "critical"}]
    texts = [f"{rule['id']}: {node['html'][:160]}" for rule in grave for node in rule["nodes"][:3]]
    excess = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [*texts, *([f"{excess} px too wide"] if excess > 0 else [])]


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_pages_have_no_barriers(open_page: OpenPage, cast: Cast, pages: dict[str, str], theme: str, width: int) -> None:
    page = open_page("/admin/", user=cast.olivia, theme=theme, width=width)
    found: dict[str, list[str]] = {}
    for name, path in pages.items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, name
        expect(page.locator("h1")).to_have_count(1)
        if problems := barriers(page):
            found[name] = problems
    assert found == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_log_in_page_has_no_barriers(open_page: OpenPage, cast: Cast, theme: str) -> None:
    assert barriers(open_page("/admin/login/", theme=theme, width=390)) == []


def test_dark_and_light_differ(open_page: OpenPage, cast: Cast) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = open_page("/admin/", user=cast.alice, theme="dark")
    assert page.evaluate(ground) == "rgb(15, 22, 32)"
    page.get_by_role("button", name="Toggle theme").click()
    assert page.evaluate(ground) == "rgb(244, 246, 249)"
