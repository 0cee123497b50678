"""Two-factor log-in: after the password a code from an app (TOTP, RFC 6238), or one of the recovery codes.

`User.two_factor_at` says since when somebody needs a code. It is part of what a session is signed with, so switching
the second factor on, off or over ends every other session of that person.
"""

import base64
import hashlib
import logging
import re
import secrets
import time
from datetime import datetime, timedelta

import pyotp
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.loginlocks import log_in_memberships
from flowpilot.accounts.models import Membership, RecoveryCode, TotpDevice, User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, ServiceError
from flowpilot.common.throttling import Window
from flowpilot.common.vault import SealBroken, rows_reseal, seal, unseal

logger = logging.getLogger(__name__)

ISSUER = "FlowPilot"
STEP_S = 30
# Codes of the step before and after are good, too: clocks differ, and people type.
STEPS_AROUND = 1
RECOVERY_CODES = 10
_DIGITS = re.compile(r"[0-9]{6}")


class TooManyTries(ServiceError):
    """Wrong codes, or wrong passwords beside them, have closed this for a while; `until` says for how long."""

    code = "too_many_tries"
    status = 429

    def __init__(self, until: datetime) -> None:
        super().__init__(f"too many wrong tries; go on at {until:%H:%M:%S} UTC")
        self.until = until

    @property
    def seconds(self) -> int:
        return max(1, round((self.until - timezone.now()).total_seconds()))


def totp_secret() -> str:
    """A new secret of 160 bits, in base 32 as apps take it."""
    return pyotp.random_base32(length=32)


def totp_uri(user: User, secret: str) -> str:
    """What the QR code says: `otpauth://totp/…`."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)


def enrolment_sealed(user: User, secret: str) -> str:
    """A secret that no app has proved to hold yet, for the user's session to keep."""
    return _sealed(user, secret).decode()


def enrolment_opened(user: User, sealed: str) -> str:
    return _opened(user.pk, sealed.encode())


@transaction.atomic
def two_factor_enable(*, actor: User, password: str, secret: str, code: str) -> list[str]:
    """From now on the actor's log-in needs a code; gives the recovery codes, which are shown once.

    `code` proves that the app has taken `secret`. Raises InvalidInput (password, code), Conflict where it is on
    already, TooManyTries.
    """
    _require_password(actor, password)
    if User.objects.select_for_update().get(pk=actor.pk).two_factor_at is not None:
        raise Conflict("two-factor log-in is on already")
    counter = _counter_of(secret, code, after=0)
    if counter is None:
        raise InvalidInput(
            "the code does not fit: is the clock of your device right?", details={"code": "This is not the code."}
        )
    TotpDevice.objects.create(user=actor, secret=_sealed(actor, secret), last_counter=counter)
    codes = _new_recovery_codes(actor)
    _switch(actor, timezone.now())
    _audit(actor, actor, "two_factor.enabled")
    return codes


def two_factor_disable(*, actor: User, password: str, code: str) -> None:
    """Log in by password alone again. Raises InvalidInput (password, code), Conflict where it is off, TooManyTries."""
    _require_both(actor, password, code)
    with transaction.atomic():
        _remove(actor)
        _audit(actor, actor, "two_factor.disabled")


def recovery_codes_renew(*, actor: User, password: str, code: str) -> list[str]:
    """New recovery codes, which are shown once; the former ones open nothing. Raises as two_factor_disable does."""
    _require_both(actor, password, code)
    with transaction.atomic():
        codes = _new_recovery_codes(actor)
        _audit(actor, actor, "two_factor.codes_renewed")
    return codes


@transaction.atomic
def two_factor_reset(*, actor: User, user: User) -> bool:
    """Take somebody's second factor away, who has lost it; whether there was one. Raises NotAllowed."""
    memberships = log_in_memberships(actor, user)
    if User.objects.select_for_update().get(pk=user.pk).two_factor_at is None:
        return False
    _remove(user)
    for membership in memberships:
        audit_record(actor=actor, action="two_factor.reset", target=membership)
    return True


def two_factor_verify(*, actor: User, code: str) -> bool:
    """Whether `code` is right: the app's, or a recovery code. Each is good once, and no older one after it.

    So many wrong ones in a row as wrong passwords close a log-in close this, whichever address they come from. Raises
    TooManyTries, Conflict where there is no second factor.
    """
    with transaction.atomic():
        # Two requests with one code wait for each other: the second one finds it used.
        device = TotpDevice.objects.select_for_update().filter(user=actor).first()
        if device is None:
            raise Conflict("two-factor log-in is off")
        now = timezone.now()
        if device.blocked_until is None or device.blocked_until <= now:
            is_right = _accept(device, code)
            device.failures = 0 if is_right else device.failures + 1
            device.blocked_until = None
            if device.failures >= settings.AXES_FAILURE_LIMIT:
                device.failures, device.blocked_until = 0, now + settings.AXES_COOLOFF_TIME
                _audit(None, actor, "two_factor.locked")
            device.save(update_fields=["last_counter", "failures", "blocked_until"])
            if device.blocked_until is None:
                return is_right
    raise TooManyTries(device.blocked_until)


def recovery_codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def secrets_reseal() -> tuple[int, list[int]]:
    """Seal all secrets with the first key of SEAL_KEY; gives how many, and the ids of those that do not open."""
    return rows_reseal(TotpDevice.objects.all(), "secret")


def _accept(device: TotpDevice, code: str) -> bool:
    """Whether the code is right and was not used; it is, then."""
    code = "".join(code.split()).replace("-", "").upper()
    if _DIGITS.fullmatch(code):
        try:
            secret = _opened(device.user_id, device.secret)
        except SealBroken as error:
            logger.error("the second factor of user %s cannot be read: %s", device.user_id, error)
            return False
        counter = _counter_of(secret, code, after=device.last_counter)
        if counter is not None:
            device.last_counter = counter
        return counter is not None
    unused = RecoveryCode.objects.filter(user=device.user_id, code_hash=_hash(code), used_at=None)
    if not unused.update(used_at=timezone.now()):
        return False
    _audit(device.user, device.user, "two_factor.recovery_code_used")
    return True


def _counter_of(secret: str, code: str, *, after: int) -> int | None:
    """The step whose code this is, of those near now that come later than `after`."""
    totp, now = pyotp.TOTP(secret), int(time.time()) // STEP_S
    code = "".join(code.split())
    for counter in range(now - STEPS_AROUND, now + STEPS_AROUND + 1):
        if counter > after and secrets.compare_digest(totp.generate_otp(counter).encode(), code.encode()):
            return counter
    return None


def _require_password(actor: User, password: str) -> None:
    """Who found a desk unlocked must not settle in, nor guess: so many tries a minute as it takes to close a log-in."""
    tries = Window(f"own-password:{actor.pk}")
    if tries.count() >= settings.AXES_FAILURE_LIMIT:
        raise TooManyTries(timezone.now() + timedelta(seconds=tries.seconds_left))
    if not actor.check_password(password):
        tries.add()
        raise InvalidInput("the password is wrong", details={"password": "This is not your password."})


def _require_both(actor: User, password: str, code: str) -> None:
    """Not inside a transaction: a wrong try is counted, whatever its request comes to."""
    _require_password(actor, password)
    if not two_factor_verify(actor=actor, code=code):
        raise InvalidInput("the code is wrong, or was used already", details={"code": "This is not a fresh code."})


def _new_recovery_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    # 80 bits each: a plain SHA-256 is enough to keep, there is nothing to guess.
    plain = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, code_hash=_hash(code)) for code in plain)
    return ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in plain]


def _remove(user: User) -> None:
    TotpDevice.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    _switch(user, None)


def _switch(user: User, at: datetime | None) -> None:
    user.two_factor_at = at
    user.save(update_fields=["two_factor_at"])


def _audit(actor: User | None, user: User, action: str) -> None:
    for membership in Membership.objects.filter(user=user).select_related("account", "user", "team"):
        audit_record(actor=actor, action=action, target=membership)


def _sealed(user: User, secret: str) -> bytes:
    return seal(account_id=0, credentials={"secret": secret, "user": str(user.pk)})


def _opened(user_id: int, sealed: bytes | memoryview) -> str:
    opened = unseal(account_id=0, sealed=sealed)
    if opened["user"] != str(user_id):
        raise SealBroken("this secret belongs to somebody else")
    return opened["secret"]


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
