"""Passwords: which are taken, and that a new one ends what was logged in by the former."""

from typing import Any

import pytest
from django.test import Client

from tests.conftest import Cast
from tests.factories import PASSWORD

CHANGE = "/admin/password_change/"


def change(browser: Client, new: str) -> Any:
    return browser.post(CHANGE, {"old_password": PASSWORD, "new_password1": new, "new_password2": new})


def test_a_new_password_ends_the_other_sessions(cast: Cast, login: Any) -> None:
    here, there = login(cast.alice), login(cast.alice)
    assert change(here, "vq8%Lm2!zRt7-new").status_code == 302
    assert here.get("/admin/").status_code == 200
    assert there.get("/admin/").status_code == 302
    assert there.get("/api/v1/sessions/").status_code == 401


def test_the_platform_sets_a_password_and_ends_all_sessions(cast: Cast, login: Any) -> None:
    alice = login(cast.alice)
    form = {"password1": "vq8%Lm2!zRt7-new", "password2": "vq8%Lm2!zRt7-new", "usable_password": "true"}
    answer = login(cast.root).post(f"/admin/accounts/user/{cast.alice.pk}/password/", form)
    assert answer.status_code == 302
    assert alice.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("short", "at least 12"),
        ("q1w2e3r4t5y6", "too common"),
        ("90817263548172635", "entirely numeric"),
        ("alice@northwind.test", "too similar"),
    ],
)
def test_a_weak_one_is_refused(cast: Cast, login: Any, new: str, why: str) -> None:
    answer = change(login(cast.alice), new)
    assert answer.status_code == 200
    assert why in answer.content.decode()
    cast.alice.refresh_from_db()
    assert cast.alice.check_password(PASSWORD)
