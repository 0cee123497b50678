"""What writes accounts: members and API keys."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from flowpilot.accounts.models import Account, ApiKey, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.audit import audit_erasable, audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed

KEY_MARK = "fp"
KEY_TEXT = re.compile(rf"{KEY_MARK}_([0-9]{{1,18}})_([0-9a-f]{{8}})_([0-9a-f]{{64}})")


def account_create(*, slug: str, name: str, time_zone: str = "UTC") -> Account:
    """A new, empty account. Raises InvalidInput for a taken or malformed slug."""
    account = Account(slug=slug, name=name, time_zone=time_zone)
    try:
        account.full_clean()
    except ValidationError as error:
        raise InvalidInput("; ".join(error.messages), details=error.message_dict) from error
    account.save()
    return account


def account_erase(*, account: Account) -> None:
    """Delete the account and every row of it, its audit events too. Raises ProtectedError as Django's `delete` does."""
    with audit_erasable(account.pk):
        account.delete()


@transaction.atomic
def membership_create(
    *,
    actor: User | None,
    account: Account,
    email: str,
    role: str,
    full_name: str = "",
    team: Team | None = None,
    password: str | None = None,
) -> Membership:
    """Make `email` a member; somebody who has a log-in already keeps their name and password.

    `actor` None is the platform itself (commands). Raises NotAllowed, InvalidInput (a team of another account, an
    unknown role), Conflict (a member already).
    """
    if actor is not None and not actor.has_perm("accounts.add_membership", Membership(account=account, team=team)):
        raise NotAllowed("only an owner of this account may add members")
    user = User.objects.filter(email=email.lower()).first()
    if user is None:
        user = User.objects.create_user(email, password, full_name=full_name)
    membership = Membership(account=account, user=user, role=role, team=team)
    try:
        membership.clean_fields()
        membership.clean()
    except ValidationError as error:
        raise InvalidInput("; ".join(error.messages)) from error
    try:
        with transaction.atomic():
            membership.save()
    except IntegrityError as error:
        raise Conflict(f"{email} is a member of {account} already") from error
    audit_record(actor=actor, action="membership.created", target=membership, after={"email": email, "role": role})
    return membership


@transaction.atomic
def membership_change(*, actor: User, membership: Membership, role: str, team: Team | None) -> Membership:
    """Give a member another role or team. Raises NotAllowed, InvalidInput, Conflict (the account's last owner)."""
    locked = _lock_membership(actor, membership, "change")
    before = {"role": locked.role, "team": str(locked.team or "")}
    if role != Role.OWNER:
        require_other_owner(locked)
    locked.role, locked.team = role, team
    try:
        locked.clean_fields()
        locked.clean()
    except ValidationError as error:
        raise InvalidInput("; ".join(error.messages)) from error
    locked.save()
    after = {"role": role, "team": str(team or "")}
    audit_record(actor=actor, action="membership.changed", target=locked, before=before, after=after)
    return locked


@transaction.atomic
def membership_remove(*, actor: User, membership: Membership) -> None:
    """End a membership; the log-in stays. Raises NotAllowed, Conflict (the account's last owner)."""
    locked = _lock_membership(actor, membership, "delete")
    require_other_owner(locked)
    before = {"email": locked.user.email, "role": locked.role}
    audit_record(actor=actor, action="membership.removed", target=locked, before=before)
    locked.delete()


def _lock_membership(actor: User, membership: Membership, action: str) -> Membership:
    # The account's row, not the membership's: two owners who demote each other at once must wait for one another.
    Account.objects.select_for_update().get(pk=membership.account_id)
    locked = Membership.objects.filter(pk=membership.pk).select_related("user", "team", "account").first()
    if locked is None or not actor.has_perm(f"accounts.{action}_membership", locked):
        raise NotAllowed("only an owner of this account may change its members")
    return locked


def require_other_owner(membership: Membership) -> None:
    """Raises Conflict for the account's last owner."""
    owners = Membership.objects.filter(account=membership.account, role=Role.OWNER, user__is_active=True, api_key=None)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise Conflict("this is the account's last owner; make somebody else an owner first")


@transaction.atomic
def api_key_create(
    *, actor: User, account: Account, name: str, role: str = Role.SERVICE, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A key and its one-time text, `fp_<account>_<prefix>_<secret>`.

    The secret has 256 bits, so a plain SHA-256 is enough to keep: there is nothing to guess.
    Raises NotAllowed where `actor` is no owner of the account.
    """
    prefix, secret = secrets.token_hex(4), secrets.token_hex(32)
    key = ApiKey(account=account, name=name, prefix=prefix, created_by=actor, expires_at=expires_at)
    if not actor.has_perm("accounts.add_apikey", key):
        raise NotAllowed("only an owner of this account may make API keys")
    # Each key acts as a user of its own, so that scope, permissions and audit hold as they do for people.
    user = User.objects.create_user(f"key-{prefix}@{account.slug}.invalid", None, full_name=f"API key {name}")
    key.membership = Membership.objects.create(account=account, user=user, role=role)
    key.secret_hash = _hash(secret)
    key.save()
    audit_record(actor=actor, action="api_key.created", target=key, after={"prefix": prefix, "role": role})
    return key, f"{KEY_MARK}_{account.pk}_{prefix}_{secret}"


@transaction.atomic
def api_key_revoke(*, actor: User, key: ApiKey) -> None:
    """End a key at once; revoking twice changes nothing. Raises NotAllowed."""
    if not actor.has_perm("accounts.change_apikey", key):
        raise NotAllowed("only an owner of this account may revoke API keys")
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit_record(actor=actor, action="api_key.revoked", target=key, before={"prefix": key.prefix})


def api_key_authenticate(text: str) -> ApiKey | None:
    """The usable key that `text` names, or None. Notes its use, at most once a minute."""
    match = KEY_TEXT.fullmatch(text)
    if match is None:
        return None
    account_id, prefix, secret = match.groups()
    keys: Any = ApiKey.objects.usable().select_related("membership__user", "account")
    key: ApiKey | None = keys.filter(account=int(account_id), prefix=prefix).first()
    if key is None or not secrets.compare_digest(key.secret_hash, _hash(secret)):
        return None
    now = timezone.now()
    if key.last_used_at is None or (now - key.last_used_at).total_seconds() > 60:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
