"""What writes accounts and their members."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.audit import audit_erasable, audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed


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
