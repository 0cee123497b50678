"""The second step of a log-in, in a real browser."""

import re
import time

import pyotp
import pytest
from playwright.sync_api import expect

from flowpilot.accounts.twofactor import STEP_S, totp_secret, two_factor_enable
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import barriers
from tests.conftest import Cast
from tests.factories import PASSWORD

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_password_then_code(open_page: OpenPage, cast: Cast, theme: str, width: int) -> None:
    secret = totp_secret()
    # Taken by the app a step ago, so that the code that it shows now is fresh.
    shown_before = pyotp.TOTP(secret).at(int(time.time()) - STEP_S)
    first, *_ = two_factor_enable(actor=cast.alice, password=PASSWORD, secret=secret, code=shown_before)
    page = open_page("/admin/login/?next=/admin/flows/flow/", theme=theme, width=width)
    page.get_by_label("Email").fill(cast.alice.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Your code")).to_be_visible()
    assert barriers(page) == []
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("was used already")
    page.get_by_label("Code").fill(first if width == 390 else pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/admin/flows/flow/$"))
