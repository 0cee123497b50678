"""What writes accounts and their members."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.audit import audit_erasable, audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound


def account_create(*, slug: str, name: str, time_zone: str = "UTC") -> Account:
    """A new, empty account. Raises InvalidInput for a taken or malformed slug."""
    account = Account(slug=slug, name=name, time_zone=time_zone)
    try:
        account.full_clean()
    except ValidationError as error:
        raise InvalidInput("; ".join(error.messages), details=error.message_dict) from error
    account.save()
    return account


@transaction.atomic
def account_change(
    *, actor: User, account_id: int, name: str, time_zone: str, admins_need_two_factor: bool | None = None
) -> Account:
    """Change what the account is called, its time zone, and whether its admins need a second factor (None: as it is).

    Raises NotFound, NotAllowed, InvalidInput.
    """
    rows = Account.objects.for_user(actor).select_for_update(no_key=True)
    account = rows.filter(pk=account_id).first()
    if account is None:
        raise NotFound("there is no such account")
    if not actor.has_perm("accounts.change_account", account):
        raise NotAllowed("only an owner changes the account")
    new: dict[str, Any] = {"name": name.strip(), "time_zone": time_zone}
    if admins_need_two_factor is not None:
        new["admins_need_two_factor"] = admins_need_two_factor
    before = {field: getattr(account, field) for field in new}
    for field, value in new.items():
        setattr(account, field, value)
    try:
        account.clean_fields()
    except ValidationError as error:
        raise InvalidInput("; ".join(error.messages), details=error.message_dict) from error
    if changed := [field for field in new if new[field] != before[field]]:
        account.save(update_fields=changed)
        audit_record(
            actor=actor,
            action="account.changed",
            target=account,
            before={field: before[field] for field in changed},
            after={field: new[field] for field in changed},
        )
    return account


@transaction.atomic
def team_create(*, actor: User, account: Account, name: str) -> Team:
    """Raises NotAllowed, InvalidInput (no name), Conflict (there is one of that name)."""
    team = Team(account=account, name=name.strip())
    if not actor.has_perm("accounts.add_team", team):
        raise NotAllowed("only an owner of this account makes teams")
    _save_team(team)
    audit_record(actor=actor, action="team.created", target=team, after={"name": team.name})
    return team


@transaction.atomic
def team_rename(*, actor: User, team_id: int, name: str) -> Team:
    """Raises NotFound, NotAllowed, InvalidInput (no name), Conflict (there is another of that name)."""
    team = _lock_team(actor, team_id, "change")
    before, team.name = {"name": team.name}, name.strip()
    if team.name != before["name"]:
        _save_team(team)
        audit_record(actor=actor, action="team.renamed", target=team, before=before, after={"name": team.name})
    return team


@transaction.atomic
def team_delete(*, actor: User, team_id: int) -> None:
    """Raises NotFound, NotAllowed, Conflict where somebody is limited to it."""
    team = _lock_team(actor, team_id, "delete")
    if Membership.objects.filter(team=team).exists():
        raise Conflict("members are limited to this team; give them another one first")
    audit_record(actor=actor, action="team.deleted", target=team, before={"name": team.name})
    team.delete()


def _lock_team(actor: User, team_id: int, verb: str) -> Team:
    team: Team | None = Team.objects.for_user(actor).select_for_update(of=("self",)).filter(pk=team_id).first()
    if team is None:
        raise NotFound("there is no such team")
    if not actor.has_perm(f"accounts.{verb}_team", team):
        raise NotAllowed("only an owner of this account changes its teams")
    return team


def _save_team(team: Team) -> None:
    try:
        team.clean_fields()
    except ValidationError as error:
        raise InvalidInput("; ".join(error.messages), details=error.message_dict) from error
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError as error:
        raise Conflict(f"there is a team {team.name} already") from error


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
