"""What makes, changes, ends and recognises API keys."""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import Account, ApiKey, Membership, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.scopes import scopes_fault
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound, ServiceError

KEY_MARK = "fp"
KEY_TEXT = re.compile(rf"{KEY_MARK}_([0-9]{{1,18}})_([0-9a-f]{{8}})_([0-9a-f]{{64}})")
# How long the former secret may go on beside a new one: time to bring the new one to where it is used.
LONGEST_GRACE = timedelta(days=7)
# `last_used_at` is as exact as this: a busy key does not write its row with each request.
NOTED_EVERY = timedelta(minutes=1)
_NO_HASH = "0" * 64


class KeyEnded(ServiceError):
    """The right secret of a key that works no more; only who has the secret is told."""

    code = "key_ended"
    status = 401


@transaction.atomic
def api_key_create(
    *,
    actor: User,
    account: Account,
    name: str,
    role: str = Role.SERVICE,
    scopes: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A key and its one-time text, `fp_<account>_<prefix>_<secret>`. Without `scopes` it may do all that `role` may.

    The secret has 256 bits, so a plain SHA-256 is enough to keep: there is nothing to guess.
    Raises NotAllowed where `actor` is no owner of the account; InvalidInput for an unknown role or scope, one that the
    role would not allow, or a time that has passed.
    """
    prefix, secret = secrets.token_hex(4), secrets.token_hex(32)
    key = ApiKey(account=account, name=name, prefix=prefix, created_by=actor, expires_at=expires_at)
    if not actor.has_perm("accounts.add_apikey", key):
        raise NotAllowed("only an owner of this account may make API keys")
    if role not in Role.values:
        raise InvalidInput("there is no such role", details={"role": "Choose one of the roles."})
    if scopes is not None and (fault := scopes_fault(role, scopes)):
        raise InvalidInput(fault, details={"scopes": fault})
    if expires_at is not None and expires_at <= timezone.now():
        fault = "This time has passed: the key would never work."
        raise InvalidInput(fault, details={"expires_at": fault})
    # Each key acts as a user of its own, so that scope, permissions and audit hold as they do for people.
    user = User.objects.create_user(f"key-{prefix}@{account.slug}.invalid", None, full_name=f"API key {name}")
    key.membership = Membership.objects.create(account=account, user=user, role=role)
    key.scopes = None if scopes is None else sorted(set(scopes))
    key.secret_hash = _hash(secret)
    try:
        key.clean_fields()
    except ValidationError as error:
        raise InvalidInput("; ".join(error.messages), details=error.message_dict) from error
    key.save()
    after = {"prefix": prefix, "role": role, "scopes": key.scopes}
    audit_record(actor=actor, action="api_key.created", target=key, after=after)
    return key, _text(key, secret)


@transaction.atomic
def api_key_rotate(*, actor: User, key_id: int, grace: timedelta = timedelta()) -> tuple[ApiKey, str]:
    """A new secret, shown now and never again; the former one works for `grace`, at most LONGEST_GRACE. One that was
    former before ends at once.

    Raises NotFound, NotAllowed, InvalidInput (the grace), Conflict for a key that is revoked or expired.
    """
    if not timedelta() <= grace <= LONGEST_GRACE:
        fault = f"From none up to {LONGEST_GRACE.days} days."
        raise InvalidInput(fault, details={"grace": fault})
    key = _lock(actor, key_id)
    if why := _ended(key):
        raise Conflict(f"{why}: make a new one instead")
    secret, now = secrets.token_hex(32), timezone.now()
    key.previous_hash, key.secret_hash = key.secret_hash, _hash(secret)
    key.previous_until = now + grace
    key.rotated_at = now
    key.save(update_fields=["previous_hash", "previous_until", "secret_hash", "rotated_at"])
    after = {"prefix": key.prefix, "former_works_until": key.previous_until.isoformat()}
    audit_record(actor=actor, action="api_key.rotated", target=key, after=after)
    return key, _text(key, secret)


@transaction.atomic
def api_key_revoke(*, actor: User, key: ApiKey) -> None:
    """End a key at once; revoking twice changes nothing. Raises NotFound, NotAllowed."""
    locked = _lock(actor, key.pk)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
        audit_record(actor=actor, action="api_key.revoked", target=locked, before={"prefix": locked.prefix})


def api_key_authenticate(text: str) -> ApiKey | None:
    """The key that `text` names, if its secret is right; else None, whatever is wrong. Notes its use now and then.

    Raises KeyEnded for the right secret of a key that is revoked, expired, replaced or switched off.
    """
    match = KEY_TEXT.fullmatch(text)
    if match is None:
        return None
    account_id, prefix, secret = match.groups()
    keys: Any = ApiKey.objects.select_related("membership__user", "account")
    key: ApiKey | None = keys.filter(account=int(account_id), prefix=prefix).first()
    given = _hash(secret)
    # Both are always compared, in constant time: how long it takes tells neither what is near nor what is there.
    is_current = secrets.compare_digest(key.secret_hash if key else _NO_HASH, given)
    is_former = secrets.compare_digest(key.previous_hash or _NO_HASH if key else _NO_HASH, given)
    if key is None or not (is_current or is_former):
        return None
    if why := _ended(key):
        raise KeyEnded(why)
    now = timezone.now()
    if not is_current and (key.previous_until is None or key.previous_until <= now):
        raise KeyEnded(f"This API key has a new secret since {key.rotated_at:%d %b %Y %H:%M} UTC")
    if key.last_used_at is None or now - key.last_used_at > NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _ended(key: ApiKey) -> str:
    """Why the key works no more; "" where it works."""
    if key.revoked_at is not None:
        return f"This API key was revoked on {key.revoked_at:%d %b %Y %H:%M} UTC"
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return f"This API key expired on {key.expires_at:%d %b %Y %H:%M} UTC"
    return "" if key.membership.user.is_active else "This API key is switched off"


def _lock(actor: User, key_id: int) -> ApiKey:
    rows: Any = ApiKey.objects.for_user(actor).select_related("membership__user", "account")
    key: ApiKey | None = rows.select_for_update(of=("self",)).filter(pk=key_id).first()
    if key is None:
        raise NotFound("there is no such API key")
    if not actor.has_perm("accounts.change_apikey", key):
        raise NotAllowed("only an owner of this account may change API keys")
    return key


def _text(key: ApiKey, secret: str) -> str:
    return f"{KEY_MARK}_{key.account_id}_{key.prefix}_{secret}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
