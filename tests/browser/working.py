"""What the browser tests of a technician's work share."""

import re

from playwright.sync_api import Page, expect

PROBLEM = "The office printer prints nothing"


def start(page: Page, problem: str = PROBLEM) -> None:
    """On the page Work: tell a problem, and see which flows may fit."""
    page.get_by_label("What is wrong?").fill(problem)
    page.get_by_label("Client").fill("Acme")
    page.get_by_role("button", name="Find a flow").click()


def start_free(page: Page, problem: str = PROBLEM) -> None:
    start(page, problem)
    page.get_by_role("button", name="Work free-form").click()
    expect(page.get_by_role("heading", name="What do you do?")).to_be_visible()


def start_guided(page: Page, problem: str = "VPN does not connect") -> None:
    """Begin with the one flow that fits, of `tests.factories.definition`."""
    start(page, problem)
    page.get_by_role("button", name=re.compile("shares")).click()
    expect(page.get_by_role("heading", name="Does the VPN client connect?")).to_be_visible()


def record(page: Page, kind: str, prompt: str, outcome: str) -> None:
    page.get_by_label("Kind", exact=True).select_option(kind)
    page.get_by_label("What you asked or did").fill(prompt)
    page.get_by_label("What came of it").fill(outcome)
    page.get_by_role("button", name="Record the step").click()
    expect(page.get_by_role("navigation", name="The way so far")).to_contain_text(outcome[:10])
