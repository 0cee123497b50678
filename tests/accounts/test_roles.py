"""What each role may do, and that nothing else grants a right."""

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import IntegrityError

from flowpilot.accounts.models import Membership, Team, User
from flowpilot.accounts.roles import PERMISSIONS, Role, role_grants
from tests.conftest import Cast
from tests.factories import make_account, make_member, make_session


@pytest.mark.parametrize(
    ("permission", "roles"),
    [
        ("ai_sessions.view_aisession", set(Role)),
        ("ai_sessions.add_aisession", {Role.OWNER, Role.TEAM_ADMIN, Role.TECHNICIAN, Role.SERVICE}),
        ("flows.view_flow", set(Role)),
        ("proposals.view_flowproposal", {Role.OWNER, Role.TEAM_ADMIN, Role.ANALYST, Role.SERVICE}),
        ("proposals.decide_flowproposal", {Role.OWNER, Role.TEAM_ADMIN}),
        ("proposals.requeue_sessionanalysis", {Role.OWNER, Role.TEAM_ADMIN}),
        ("analytics.view_metrics", {Role.OWNER, Role.TEAM_ADMIN, Role.ANALYST, Role.SERVICE}),
        ("ai_sessions.view_psapush", {Role.OWNER, Role.TEAM_ADMIN, Role.ANALYST, Role.SERVICE}),
        ("ai_sessions.requeue_psapush", {Role.OWNER, Role.TEAM_ADMIN}),
        ("ai_sessions.use_psaconnection", {Role.OWNER, Role.TEAM_ADMIN, Role.TECHNICIAN, Role.SERVICE}),
        ("ai_sessions.view_psaconnection", {Role.OWNER}),
        ("ai_sessions.delete_psaconnection", set()),
        ("accounts.add_membership", {Role.OWNER}),
        ("accounts.add_apikey", {Role.OWNER}),
        ("accounts.delete_account", set()),
    ],
)
def test_who_may_do_what(permission: str, roles: set[Role]) -> None:
    assert {role for role in Role if role_grants(role, permission)} == roles


def test_every_permission_names_a_model_that_exists() -> None:
    """A misspelt permission would quietly grant nothing."""
    for permission in set().union(*PERMISSIONS.values()) - {"analytics.view_metrics"}:
        app, _, codename = permission.partition(".")
        assert apps.get_model(app, codename.partition("_")[2]), permission


def test_an_unknown_role_holds_nothing() -> None:
    assert not role_grants("emperor", "flows.view_flow")


def test_permissions_hold_in_the_rows_own_account(cast: Cast) -> None:
    own, foreign = make_session(cast.account), make_session(cast.other_account)
    assert cast.alice.has_perm("ai_sessions.view_aisession", own)
    assert not cast.alice.has_perm("ai_sessions.view_aisession", foreign)
    assert cast.root.has_perm("ai_sessions.view_aisession", foreign)


def test_a_right_in_one_account_is_none_in_another(cast: Cast) -> None:
    Membership.objects.create(account=cast.other_account, user=cast.olivia, role=Role.TECHNICIAN)
    olivia = User.objects.get(pk=cast.olivia.pk)
    assert olivia.has_perm("accounts.change_team", Team(account=cast.account))
    assert not olivia.has_perm("accounts.change_team", Team(account=cast.other_account))


def test_a_member_of_one_team_holds_rights_there_only(cast: Cast) -> None:
    tess = make_member(cast.account, Role.TECHNICIAN, team=cast.team)
    own, none = make_session(cast.account, team=cast.team.name), make_session(cast.account)
    assert tess.has_perm("ai_sessions.view_aisession", own)
    assert not tess.has_perm("ai_sessions.view_aisession", none)
    step = own.steps.first()
    assert step is not None
    assert tess.has_perm("ai_sessions.view_sessionstep", step)


def test_djangos_own_permissions_grant_nothing(cast: Cast) -> None:
    """Rights come from memberships alone: a row in Django's table must not open a second door."""
    cast.bob.user_permissions.set(Permission.objects.all())
    bob = User.objects.get(pk=cast.bob.pk)
    assert not bob.has_perm("proposals.decide_flowproposal")
    assert bob.get_all_permissions() == set()


def test_inactive_and_anonymous_hold_nothing(cast: Cast) -> None:
    for user in (cast.alice, cast.root):
        user.is_active = False
        assert not user.has_perm("flows.view_flow")
        assert not user.has_module_perms("flows")
    assert not AnonymousUser().has_perm("flows.view_flow")


def test_an_owner_is_never_limited_to_a_team(cast: Cast) -> None:
    """Whoever hands out roles and keys could lift the limit from themselves; the database refuses it too."""
    with pytest.raises(IntegrityError, match="owner_of_whole_account"):
        make_member(cast.account, Role.OWNER, team=cast.team)


def test_one_membership_a_person_and_account(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="one_membership_in_account"):
        Membership.objects.create(account=cast.account, user=cast.bob, role=Role.OWNER)


def test_addresses_are_kept_in_lower_case(db: None) -> None:
    user = User.objects.create_user("Ann@Example.TEST")
    assert user.email == "ann@example.test"
    assert User.objects.get_by_natural_key("ANN@example.test") == user
    with pytest.raises(IntegrityError, match="user_email_in_lower_case"):
        User.objects.filter(pk=user.pk).update(email="Ann@example.test")


def test_same_names_in_two_accounts(db: None) -> None:
    for account in (make_account(), make_account()):
        Team.objects.create(account=account, name="Service Desk")
    with pytest.raises(IntegrityError, match="team_name_in_account"):
        Team.objects.create(account=account, name="Service Desk")
