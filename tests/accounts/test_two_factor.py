"""Two-factor log-in: the password alone opens nothing, a code opens once, and guessing at it is closed."""

import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client
from django.utils import timezone

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.loginlocks import login_lock_lift
from flowpilot.accounts.models import Account, RecoveryCode, TotpDevice, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import account_change, membership_create
from flowpilot.accounts.twofactor import (
    STEP_S,
    TooManyTries,
    recovery_codes_renew,
    secrets_reseal,
    totp_secret,
    two_factor_disable,
    two_factor_enable,
    two_factor_reset,
    two_factor_verify,
)
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed
from flowpilot.common.models import AuditEvent
from tests.conftest import Cast
from tests.factories import PASSWORD

NOW = 1_800_000_000
PAGE, CODE_PAGE, LOG_IN = "/admin/two-factor/", "/admin/login/code/", "/admin/login/?next=/admin/flows/flow/"


class Clock:
    """The time that codes are made of."""

    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return float(self.now)

    def later(self, steps: int) -> None:
        self.now += steps * STEP_S


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("flowpilot.accounts.twofactor.time.time", clock.time)
    return clock


@pytest.fixture
def secret() -> str:
    return totp_secret()


def code(secret: str, clock: Clock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock.now + steps * STEP_S)


def enable(user: User, secret: str, clock: Clock) -> list[str]:
    """Switched on a while ago, so that the present code is fresh."""
    codes = two_factor_enable(actor=user, password=PASSWORD, secret=secret, code=code(secret, clock))
    clock.later(10)
    return codes


def password_given(user: User, address: str = "192.0.2.1") -> Client:
    browser = Client(REMOTE_ADDR=address)
    answer = browser.post(LOG_IN, {"username": user.email, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, CODE_PAGE)
    return browser


def is_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def events() -> list[str]:
    return list(
        AuditEvent.objects.filter(action__startswith="two_factor").order_by("pk").values_list("action", flat=True)
    )


class TestLogIn:
    def test_the_password_alone_opens_nothing(self, cast: Cast, secret: str, clock: Clock) -> None:
        enable(cast.alice, secret, clock)
        browser = password_given(cast.alice)
        assert not is_in(browser)
        for path in ("/admin/", "/work/", "/api/v1/sessions/", PAGE):
            assert browser.get(path).status_code in (302, 401), path
        answer = browser.post(CODE_PAGE, {"code": code(secret, clock)})
        assert (answer.status_code, answer["Location"]) == (302, "/admin/flows/flow/")
        assert browser.get("/admin/flows/flow/").status_code == 200

    def test_a_code_opens_once(self, cast: Cast, secret: str, clock: Clock) -> None:
        enable(cast.alice, secret, clock)
        used = code(secret, clock)
        assert password_given(cast.alice).post(CODE_PAGE, {"code": used}).status_code == 302
        again = password_given(cast.alice)
        assert b"was used already" in again.post(CODE_PAGE, {"code": used}).content
        assert b"was used already" in again.post(CODE_PAGE, {"code": code(secret, clock, -1)}).content
        assert not is_in(again)
        # Without what it remembers of the last code it would open again: this is what refuses it, and nothing else.
        TotpDevice.objects.update(last_counter=0)
        assert again.post(CODE_PAGE, {"code": used}).status_code == 302

    def test_the_code_that_switched_it_on_opens_nothing(self, cast: Cast, secret: str, clock: Clock) -> None:
        used = code(secret, clock)
        two_factor_enable(actor=cast.alice, password=PASSWORD, secret=secret, code=used)
        assert not two_factor_verify(actor=cast.alice, code=used)

    @pytest.mark.parametrize(("steps", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
    def test_clocks_may_differ_by_one_step(self, cast: Cast, secret: str, clock: Clock, steps: int, fits: bool) -> None:
        enable(cast.alice, secret, clock)
        assert two_factor_verify(actor=cast.alice, code=code(secret, clock, steps)) is fits

    @pytest.mark.parametrize("typed", ["", "123456", "12345", "\uff11" * 6, "a\0b", "é" * 16, "A" * 500])
    def test_nonsense_opens_nothing(self, cast: Cast, secret: str, clock: Clock, typed: str) -> None:
        enable(cast.alice, secret, clock)
        browser = password_given(cast.alice)
        assert browser.post(CODE_PAGE, {"code": typed}).status_code == 200
        assert not is_in(browser)

    def test_a_recovery_code_opens_once_however_it_is_typed(self, cast: Cast, secret: str, clock: Clock) -> None:
        first, second, *_ = enable(cast.alice, secret, clock)
        assert password_given(cast.alice).post(CODE_PAGE, {"code": first}).status_code == 302
        assert not two_factor_verify(actor=cast.alice, code=first)
        assert two_factor_verify(actor=cast.alice, code=f" {second.lower().replace('-', ' ')} ")
        assert events().count("two_factor.recovery_code_used") == 2

    def test_who_has_none_logs_in_as_before(self, cast: Cast) -> None:
        answer = Client().post("/admin/login/", {"username": cast.bob.email, "password": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (302, "/")

    def test_nobody_comes_to_the_code_without_a_password(self, cast: Cast) -> None:
        assert Client().get(CODE_PAGE)["Location"] == "/admin/login/"
        assert Client().post(CODE_PAGE, {"code": "123456"})["Location"] == "/admin/login/"

    @pytest.mark.parametrize("change", ["password", "off", "inactive", "late"])
    def test_the_step_between_ends(
        self, cast: Cast, secret: str, clock: Clock, change: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enable(cast.alice, secret, clock)
        browser = password_given(cast.alice)
        if change == "password":
            cast.alice.set_password("quite another phrase")
            cast.alice.save()
        elif change == "off":
            two_factor_reset(actor=cast.olivia, user=cast.alice)
        elif change == "inactive":
            User.objects.filter(pk=cast.alice.pk).update(is_active=False)
        else:
            monkeypatch.setattr("flowpilot.accounts.logins.time.time", lambda: timezone.now().timestamp() + 601)
        answer = browser.post(CODE_PAGE, {"code": code(secret, clock)})
        assert answer["Location"] == "/admin/login/"
        assert not is_in(browser)


class TestGuessing:
    def test_wrong_codes_close_it_from_every_address(self, cast: Cast, secret: str, clock: Clock) -> None:
        enable(cast.alice, secret, clock)
        for number in range(settings.AXES_FAILURE_LIMIT):
            answer = password_given(cast.alice, f"192.0.2.{number}").post(CODE_PAGE, {"code": "000000"})
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= settings.AXES_COOLOFF_TIME.total_seconds()
        right = password_given(cast.alice, "198.51.100.1")
        assert right.post(CODE_PAGE, {"code": code(secret, clock)}).status_code == 429
        assert not is_in(right)
        assert "two_factor.locked" in events()
        TotpDevice.objects.update(blocked_until=timezone.now() - timedelta(seconds=1))
        assert right.post(CODE_PAGE, {"code": code(secret, clock)}).status_code == 302

    def test_an_owner_opens_it_earlier(self, cast: Cast, secret: str, clock: Clock) -> None:
        enable(cast.alice, secret, clock)
        TotpDevice.objects.update(blocked_until=timezone.now() + timedelta(hours=1))
        with pytest.raises(TooManyTries):
            two_factor_verify(actor=cast.alice, code=code(secret, clock))
        assert login_lock_lift(actor=cast.olivia, user=cast.alice)
        assert two_factor_verify(actor=cast.alice, code=code(secret, clock))

    def test_the_right_password_alone_forgets_no_wrong_passwords(self, cast: Cast, secret: str, clock: Clock) -> None:
        """Else who knows the password of one could guess on and on."""
        enable(cast.alice, secret, clock)
        wrong = {"username": cast.alice.email, "password": "wrong"}
        Client(REMOTE_ADDR="192.0.2.1").post(LOG_IN, wrong)
        browser = password_given(cast.alice)
        assert AccessAttempt.objects.filter(username=cast.alice.email).exists()
        browser.post(CODE_PAGE, {"code": code(secret, clock)})
        assert not AccessAttempt.objects.filter(username=cast.alice.email).exists()

    def test_a_locked_log_in_asks_for_no_code(self, cast: Cast, secret: str, clock: Clock) -> None:
        enable(cast.alice, secret, clock)
        browser = Client(REMOTE_ADDR="192.0.2.9")
        for _ in range(settings.AXES_FAILURE_LIMIT):
            browser.post(LOG_IN, {"username": cast.alice.email, "password": "wrong"})
        assert browser.post(LOG_IN, {"username": cast.alice.email, "password": PASSWORD}).status_code == 429
        assert browser.get(CODE_PAGE)["Location"] == "/admin/login/"

    def test_a_code_is_checked_with_its_row_locked(
        self, cast: Cast, secret: str, clock: Clock, django_assert_num_queries: Any
    ) -> None:
        """So that of two requests with one code the second one waits, and finds it used."""
        enable(cast.alice, secret, clock)
        with django_assert_num_queries(4) as queries:
            two_factor_verify(actor=cast.alice, code=code(secret, clock))
        assert any("accounts_totpdevice" in q["sql"] and "FOR UPDATE" in q["sql"] for q in queries.captured_queries)


class TestKeeping:
    def test_neither_secret_nor_recovery_codes_are_kept_readable(self, cast: Cast, secret: str, clock: Clock) -> None:
        codes = enable(cast.alice, secret, clock)
        assert len(codes) == len(set(codes)) == RecoveryCode.objects.count() == 10
        kept = f"{bytes(TotpDevice.objects.get().secret)!r} {list(RecoveryCode.objects.values())}"
        assert not any(text in kept for text in (secret, *codes, *(one.replace("-", "") for one in codes)))

    def test_a_secret_opens_for_its_owner_only(self, cast: Cast, secret: str, clock: Clock) -> None:
        enable(cast.alice, secret, clock)
        enable(cast.bob, totp_secret(), clock)
        TotpDevice.objects.filter(user=cast.bob).update(secret=TotpDevice.objects.get(user=cast.alice).secret)
        assert not two_factor_verify(actor=cast.bob, code=code(secret, clock))

    def test_they_are_sealed_anew(self, cast: Cast, secret: str, clock: Clock) -> None:
        enable(cast.alice, secret, clock)
        before = bytes(TotpDevice.objects.get().secret)
        assert secrets_reseal() == (1, [])
        assert bytes(TotpDevice.objects.get().secret) != before
        assert two_factor_verify(actor=cast.alice, code=code(secret, clock))

    def test_on_off_and_over_end_the_other_sessions(self, cast: Cast, secret: str, clock: Clock, login: Any) -> None:
        for act in (
            lambda: enable(cast.alice, secret, clock),
            lambda: two_factor_disable(actor=cast.alice, password=PASSWORD, code=code(secret, clock)),
            lambda: enable(cast.alice, totp_secret(), clock),
            lambda: two_factor_reset(actor=cast.olivia, user=cast.alice),
        ):
            other = login(User.objects.get(pk=cast.alice.pk))
            assert other.get("/admin/").status_code == 200
            act()
            assert other.get("/admin/").status_code == 302
            cast.alice.refresh_from_db()

    def test_what_is_refused(self, cast: Cast, secret: str, clock: Clock) -> None:
        with pytest.raises(InvalidInput, match="password is wrong"):
            two_factor_enable(actor=cast.alice, password="x", secret=secret, code=code(secret, clock))
        with pytest.raises(InvalidInput, match="does not fit"):
            two_factor_enable(actor=cast.alice, password=PASSWORD, secret=secret, code="000000")
        with pytest.raises(Conflict, match="is off"):
            two_factor_disable(actor=cast.alice, password=PASSWORD, code="000000")
        enable(cast.alice, secret, clock)
        with pytest.raises(Conflict, match="on already"):
            two_factor_enable(actor=cast.alice, password=PASSWORD, secret=secret, code=code(secret, clock))
        for password, typed in (("x", code(secret, clock)), (PASSWORD, "000000")):
            with pytest.raises(InvalidInput):
                two_factor_disable(actor=cast.alice, password=password, code=typed)
        assert User.objects.get(pk=cast.alice.pk).two_factor_at is not None

    def test_new_recovery_codes_end_the_former(self, cast: Cast, secret: str, clock: Clock) -> None:
        former = enable(cast.alice, secret, clock)
        new = recovery_codes_renew(actor=cast.alice, password=PASSWORD, code=code(secret, clock))
        assert not two_factor_verify(actor=cast.alice, code=former[0])
        assert two_factor_verify(actor=cast.alice, code=new[0])

    def test_who_sits_down_at_an_open_desk_does_not_guess_the_password(
        self, cast: Cast, secret: str, clock: Clock
    ) -> None:
        for _ in range(settings.AXES_FAILURE_LIMIT):
            with pytest.raises(InvalidInput):
                two_factor_enable(actor=cast.carol, password="guess", secret=secret, code="000000")
        with pytest.raises(TooManyTries):
            two_factor_enable(actor=cast.carol, password=PASSWORD, secret=secret, code=code(secret, clock))


class TestReset:
    def test_an_owner_resets_it_in_the_admin(self, cast: Cast, secret: str, clock: Clock, login: Any) -> None:
        enable(cast.alice, secret, clock)
        form = {"action": "reset_two_factor", "_selected_action": [cast.alice.pk, cast.bob.pk]}
        page = login(cast.olivia).post("/admin/accounts/user/", form, follow=True).content.decode()
        assert "Second factors reset: 1 of 2 selected." in page
        assert not TotpDevice.objects.exists()
        assert not RecoveryCode.objects.exists()
        assert Client().post("/admin/login/", {"username": cast.alice.email, "password": PASSWORD})["Location"] == "/"
        event = AuditEvent.objects.get(action="two_factor.reset")
        assert (event.actor, event.object_label) == (cast.olivia, "Alice: Team admin")

    def test_who_may_not(self, cast: Cast, secret: str, clock: Clock) -> None:
        """An owner can make anybody a member of their own: that must not open other accounts' people to them."""
        enable(cast.mallory, secret, clock)
        User.objects.filter(pk=cast.root.pk).update(two_factor_at=timezone.now())
        for user in (cast.mallory, cast.root):
            membership_create(actor=cast.olivia, account=cast.account, email=user.email, role=Role.ANALYST)
            with pytest.raises(NotAllowed):
                two_factor_reset(actor=cast.olivia, user=user)
            with pytest.raises(NotAllowed):
                login_lock_lift(actor=cast.olivia, user=user)
        with pytest.raises(NotAllowed):
            two_factor_reset(actor=cast.alice, user=cast.bob)
        assert two_factor_reset(actor=cast.root, user=cast.mallory)


class TestWall:
    @pytest.fixture(autouse=True)
    def wanted(self, cast: Cast) -> None:
        wanted: Any = {"name": "Northwind", "time_zone": "UTC", "admins_need_two_factor": True}
        account_change(actor=cast.olivia, account_id=cast.account.pk, **wanted)

    def test_admins_are_led_to_it_and_to_nothing_else(self, cast: Cast, login: Any) -> None:
        for user in (cast.alice, cast.olivia):
            browser = login(user)
            for path in ("/", "/admin/", "/admin/flows/flow/", "/work/", "/admin/analytics/"):
                assert browser.get(path)["Location"] == PAGE, path
            told = browser.get("/api/v1/sessions/")
            assert (told.status_code, told.json()["code"]) == (403, "two_factor_needed")
            assert b"wants its admins to use two-factor" in browser.get(PAGE).content
            assert browser.get("/admin/password_change/").status_code == 200
            assert browser.post("/admin/logout/").status_code == 302

    def test_others_and_keys_are_not(self, cast: Cast, login: Any) -> None:
        for user in (cast.bob, cast.carol, cast.mallory):
            assert login(user).get("/admin/").status_code == 200
        _, text = api_key_create(actor=cast.olivia, account=cast.account, name="K", role=Role.OWNER)
        assert Client().get("/api/v1/sessions/", headers={"authorization": f"Bearer {text}"}).status_code == 200

    def test_once_it_is_on_the_pages_open(self, cast: Cast, secret: str, clock: Clock, login: Any) -> None:
        enable(cast.alice, secret, clock)
        assert login(User.objects.get(pk=cast.alice.pk)).get("/admin/").status_code == 200

    def test_it_is_an_account_setting_with_its_event(self, cast: Cast, login: Any) -> None:
        event = AuditEvent.objects.get(action="account.changed")
        assert event.after["admins_need_two_factor"] is True
        Account.objects.update(admins_need_two_factor=False)
        form = {"name": "Northwind", "time_zone": "UTC", "admins_need_two_factor": "on"}
        login(cast.olivia).post(f"/admin/accounts/account/{cast.account.pk}/change/", form)
        assert Account.objects.get(pk=cast.account.pk).admins_need_two_factor


class TestPage:
    def test_the_whole_way_round(self, cast: Cast, clock: Clock, login: Any) -> None:
        browser, other = login(cast.alice), login(cast.alice)
        page = browser.get(PAGE).content.decode()
        shown = re.search(r'<code class="fp-secret">([A-Z2-7 ]+)</code>', page)
        assert shown is not None
        secret = shown[1].replace(" ", "")
        assert "<svg" in page
        assert "style=" not in page.partition("<svg")[2].partition("</svg>")[0]
        wrong = browser.post(PAGE, {"act": "enable", "password": PASSWORD, "code": "000000"}).content.decode()
        assert "the code does not fit" in wrong
        assert shown[1] in wrong, "a wrong code must not change what the app has taken"
        done = browser.post(PAGE, {"act": "enable", "password": PASSWORD, "code": code(secret, clock)})
        codes = re.findall(r"<li><code>([A-Z2-7-]{19})</code></li>", done.content.decode())
        assert len(codes) == 10
        assert "no-store" in done["Cache-Control"]
        assert codes[0] not in browser.get(PAGE).content.decode()
        assert other.get(PAGE).status_code == 302
        clock.later(10)
        off = {"act": "disable", "password": PASSWORD, "code": codes[0]}
        assert browser.post(PAGE, off).status_code == 302
        assert User.objects.get(pk=cast.alice.pk).two_factor_at is None
        assert browser.get("/admin/").status_code == 200
        assert events() == ["two_factor.enabled", "two_factor.recovery_code_used", "two_factor.disabled"]
