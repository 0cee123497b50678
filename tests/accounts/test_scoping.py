"""`for_user`: the rows a person may see, from every manager."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError

from flowpilot.accounts.models import Account, ApiKey, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.selectors import account_of_request
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import InvalidInput, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
from sessions.models import AISession, Client, SessionStep
from tests.conftest import Cast
from tests.factories import make_flow, make_member, make_proposal, make_session


@pytest.fixture
def rows(cast: Cast) -> Cast:
    """A session, a flow and a proposal in each account."""
    for account in (cast.account, cast.other_account):
        make_session(account)
        make_flow(account)
        make_proposal(account, sessions=0)
    return cast


@pytest.mark.parametrize("model", [AISession, SessionStep, Client, Flow, FlowProposal])
def test_own_account_only(rows: Cast, model: type) -> None:
    found = model.objects.for_user(rows.alice)  # type: ignore[attr-defined]
    assert {row.account_id for row in found} == {rows.account.pk}


@pytest.mark.parametrize("model", [AISession, Flow, FlowProposal, Account, User])
def test_a_superuser_sees_all_and_nobody_sees_nothing(rows: Cast, model: type) -> None:
    manager = model.objects  # type: ignore[attr-defined]
    assert set(manager.for_user(rows.root)) == set(manager.all())
    if model is not User:
        assert not manager.for_user(AnonymousUser()).exists()


def test_a_right_that_the_role_lacks_sees_nothing(rows: Cast) -> None:
    assert not FlowProposal.objects.for_user(rows.bob).exists()
    assert not ApiKey.objects.for_user(rows.alice).exists()
    assert not FlowProposal.objects.for_user(rows.carol, "decide").exists()
    assert FlowProposal.objects.for_user(rows.alice, "decide").count() == 1


def test_two_memberships_see_both_accounts(rows: Cast) -> None:
    Membership.objects.create(account=rows.other_account, user=rows.alice, role=Role.TECHNICIAN)
    alice = User.objects.get(pk=rows.alice.pk)
    assert AISession.objects.for_user(alice).count() == 2
    # A technician reads no proposals: the role counts in each account by itself.
    assert {p.account_id for p in FlowProposal.objects.for_user(alice)} == {rows.account.pk}


def test_a_team_limits_what_has_a_team(cast: Cast) -> None:
    other = Team.objects.create(account=cast.account, name="Field")
    own = make_session(cast.account, team=cast.team.name)
    make_session(cast.account, team=other.name)
    make_session(cast.account)
    tess = make_member(cast.account, Role.TEAM_ADMIN, team=cast.team)
    assert list(AISession.objects.for_user(tess)) == [own]
    assert {step.session_id for step in SessionStep.objects.for_user(tess)} == {own.pk}
    assert list(Team.objects.for_user(tess)) == [cast.team]


def test_flows_clients_and_colleagues_belong_to_the_whole_account(cast: Cast) -> None:
    version = make_flow(cast.account)
    session = make_session(cast.account)
    tess = make_member(cast.account, Role.TEAM_ADMIN, team=cast.team)
    assert list(Flow.objects.for_user(tess)) == [version.flow]
    assert list(Client.objects.for_user(tess)) == [session.client]
    assert cast.bob in User.objects.for_user(tess)
    assert cast.mallory not in User.objects.for_user(tess)


def test_audit_events_follow_the_team_of_their_object(cast: Cast) -> None:
    other = Team.objects.create(account=cast.account, name="Field")
    own = audit_record(actor=None, action="seen", target=make_proposal(cast.account, sessions=0, team=cast.team))
    audit_record(actor=None, action="seen", target=make_proposal(cast.account, sessions=0, team=other))
    tess = make_member(cast.account, Role.TEAM_ADMIN, team=cast.team)
    assert list(AuditEvent.objects.for_user(tess)) == [own]
    assert AuditEvent.objects.for_user(cast.alice).count() == 2


def test_an_inactive_member_sees_nothing(rows: Cast) -> None:
    rows.alice.is_active = False
    assert not AISession.objects.for_user(rows.alice).exists()


def test_which_account_a_request_means(cast: Cast) -> None:
    assert account_of_request(cast.alice, None) == cast.account
    assert account_of_request(cast.alice, "northwind") == cast.account
    assert account_of_request(cast.root, "contoso") == cast.other_account
    with pytest.raises(NotFound, match="no account 'contoso'"):
        account_of_request(cast.alice, "contoso")
    with pytest.raises(NotFound, match="no account"):
        account_of_request(cast.alice, "north\0wind")
    with pytest.raises(InvalidInput, match=r"\?account=SLUG"):
        account_of_request(cast.root, None)
    Membership.objects.create(account=cast.other_account, user=cast.bob, role=Role.TECHNICIAN)
    with pytest.raises(InvalidInput, match="which account"):
        account_of_request(User.objects.get(pk=cast.bob.pk), "")


def test_time_zones_are_named(cast: Cast) -> None:
    cast.account.time_zone = "Europe/Atlantis"
    with pytest.raises(ValidationError, match="Europe/Atlantis is not a time zone name"):
        cast.account.full_clean()
