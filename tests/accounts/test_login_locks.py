"""Too many wrong passwords close an email and an address to each other, for a time that the page names."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from django.utils import timezone

from flowpilot.accounts.loginlocks import client_address, login_lock_lift
from flowpilot.common.errors import NotAllowed
from flowpilot.common.models import AuditEvent
from tests.conftest import Cast
from tests.factories import PASSWORD


def log_in(email: str, password: str, address: str = "192.0.2.1", agent: str = "a") -> Any:
    client = Client(REMOTE_ADDR=address, headers={"user-agent": agent})
    return client.post("/admin/login/?next=/admin/", {"username": email, "password": password})


def lock(email: str, address: str = "192.0.2.1") -> Any:
    """As many wrong passwords as it takes; gives the last answer."""
    tries = [log_in(email, f"wrong {n}", address, agent=f"agent {n}") for n in range(settings.AXES_FAILURE_LIMIT)]
    assert [answer.status_code for answer in tries[:-1]] == [200] * (settings.AXES_FAILURE_LIMIT - 1)
    return tries[-1]


def test_the_page_says_until_when_and_the_right_password_does_not_help(cast: Cast) -> None:
    told = lock("alice@northwind.test")
    until = AccessAttempt.objects.latest("attempt_time").attempt_time + settings.AXES_COOLOFF_TIME
    assert told.status_code == 429
    assert f"{until:%H:%M:%S} UTC" in told.content.decode()
    assert 0 < int(told["Retry-After"]) <= settings.AXES_COOLOFF_TIME.total_seconds()
    assert "unsafe" not in told["Content-Security-Policy"]
    right = log_in("alice@northwind.test", PASSWORD)
    assert right.status_code == 429
    assert f"{until:%H:%M:%S} UTC" in right.content.decode(), "knocking put it off"
    assert "_auth_user_id" not in right.client.session


def test_no_spelling_of_the_email_is_counted_apart(cast: Cast) -> None:
    for number, email in enumerate(["Alice@northwind.test", "ALICE@northwind.test", " alice@northwind.test "] * 2):
        answer = log_in(email, "wrong")
        assert answer.status_code == (200 if number < settings.AXES_FAILURE_LIMIT - 1 else 429), number


def test_the_person_elsewhere_and_others_here_log_in(cast: Cast) -> None:
    lock("alice@northwind.test")
    assert log_in("alice@northwind.test", PASSWORD, address="192.0.2.2").status_code == 302
    assert log_in("bob@northwind.test", PASSWORD).status_code == 302


def test_a_log_in_forgets_the_wrong_tries_before_it(cast: Cast) -> None:
    for _ in range(3):
        for n in range(settings.AXES_FAILURE_LIMIT - 1):
            assert log_in("alice@northwind.test", f"wrong {n}").status_code == 200
        assert log_in("alice@northwind.test", PASSWORD).status_code == 302


def test_the_lock_opens_by_itself(cast: Cast) -> None:
    lock("alice@northwind.test")
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME - timedelta(seconds=1))
    assert log_in("alice@northwind.test", PASSWORD).status_code == 302


def test_an_email_that_nobody_has_is_locked_alike(cast: Cast) -> None:
    """Or the answer would tell who has an account."""
    known, unknown = lock("alice@northwind.test"), lock("nobody@northwind.test")
    assert (unknown.status_code, known.status_code) == (429, 429)


def test_no_password_is_kept(cast: Cast) -> None:
    lock("alice@northwind.test")
    assert "wrong" not in repr(list(AccessAttempt.objects.values()))


def test_an_owner_lifts_it_in_the_admin(cast: Cast, login: Any) -> None:
    lock("alice@northwind.test")
    form = {"action": "lift_login_lock", "_selected_action": [cast.alice.pk, cast.bob.pk]}
    page = login(cast.olivia).post("/admin/accounts/user/", form, follow=True).content.decode()
    assert "Wrong passwords forgotten of 1; there were none of 1." in page
    assert log_in("alice@northwind.test", PASSWORD).status_code == 302
    event = AuditEvent.objects.get(action="login_lock.lifted")
    assert (event.actor, event.object_label, event.account) == (cast.olivia, "Alice: Team admin", cast.account)


def test_who_may_not_lift_it(cast: Cast, login: Any) -> None:
    lock("mallory@contoso.test")
    lock("bob@northwind.test")
    for actor, user in ((cast.olivia, cast.mallory), (cast.alice, cast.bob), (cast.mallory, cast.bob)):
        with pytest.raises(NotAllowed):
            login_lock_lift(actor=actor, user=user)
    form = {"action": "lift_login_lock", "_selected_action": [cast.mallory.pk]}
    login(cast.olivia).post("/admin/accounts/user/", form, follow=True)
    login(cast.alice).post("/admin/accounts/user/", form | {"_selected_action": [cast.bob.pk]}, follow=True)
    assert log_in("mallory@contoso.test", PASSWORD).status_code == 429
    assert log_in("bob@northwind.test", PASSWORD).status_code == 429
    assert login_lock_lift(actor=cast.root, user=cast.bob)
    assert log_in("bob@northwind.test", PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "not an address", "192.0.2.1"),
        (1, "", "192.0.2.1"),
    ],
)
def test_a_caller_cannot_make_an_address_up(
    rf: RequestFactory, settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert client_address(rf.get("/", REMOTE_ADDR="192.0.2.1", headers={"x-forwarded-for": forwarded})) == address


def test_behind_a_unix_socket_there_is_no_address(rf: RequestFactory, cast: Cast) -> None:
    assert client_address(rf.get("/", REMOTE_ADDR="")) is None
    assert lock("alice@northwind.test", address="").status_code == 429


def test_passwords_have_twelve_characters() -> None:
    validate_password("vq8%Lm2!zRt7")
    with pytest.raises(ValidationError, match="at least 12"):
        validate_password("vq8%Lm2!zRt")
