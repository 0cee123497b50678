"""Members and teams, through the admin pages and the services behind them."""

from typing import Any

import pytest
from django.urls import reverse

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import account_create, membership_change, membership_create, membership_remove
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed
from flowpilot.common.models import AuditEvent
from tests.conftest import Cast
from tests.factories import PASSWORD, make_member

ADD = "admin:accounts_membership_add"
CHANGE = "admin:accounts_membership_change"


def new_member(cast: Cast, **fields: Any) -> dict[str, Any]:
    return {
        "account": cast.account.pk,
        "email": "Dan@Northwind.test",
        "full_name": "Dan",
        "password": "an entirely new phrase",
        "role": "technician",
        "team": "",
        **fields,
    }


def messages(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_an_owner_adds_somebody_new(cast: Cast, login: Any) -> None:
    response = login(cast.olivia).post(reverse(ADD), new_member(cast, team=cast.team.pk))
    assert response.status_code == 302
    dan = Membership.objects.get(user__email="dan@northwind.test")
    assert (dan.account, dan.team, dan.role) == (cast.account, cast.team, "technician")
    assert dan.user.check_password("an entirely new phrase")
    event = AuditEvent.objects.get(action="membership.created")
    assert (event.actor, event.after) == (cast.olivia, {"email": "Dan@Northwind.test", "role": "technician"})


def test_somebody_with_a_log_in_keeps_it(cast: Cast, login: Any) -> None:
    form = new_member(cast, email="MALLORY@contoso.test", full_name="Renamed")
    assert login(cast.olivia).post(reverse(ADD), form).status_code == 302
    mallory = User.objects.get(pk=cast.mallory.pk)
    assert mallory.memberships.count() == 2
    assert (mallory.full_name, mallory.check_password(PASSWORD)) == ("Mallory", True)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"email": "BOB@northwind.test"}, "email", "a member already"),
        ({"email": "nobody"}, "email", "valid email"),
        ({"password": "short"}, "password", "too short"),
        ({"role": "emperor"}, "role", "not one of the available choices"),
        ({"role": "owner", "team": "own"}, "team", "whole account"),
    ],
)
def test_bad_input_stays_in_the_form(cast: Cast, login: Any, fields: dict[str, Any], field: str, words: str) -> None:
    if fields.get("team") == "own":
        fields = {**fields, "team": cast.team.pk}
    response = login(cast.olivia).post(reverse(ADD), new_member(cast, **fields))
    assert response.status_code == 200
    assert words in str(response.context["adminform"].form.errors[field])
    assert not AuditEvent.objects.exists()


def test_the_only_account_is_chosen_already(cast: Cast, login: Any) -> None:
    form = login(cast.olivia).get(reverse("admin:accounts_team_add")).context["adminform"].form
    assert [str(label) for _, label in form.fields["account"].choices] == ["Northwind MSP"]


def test_only_accounts_where_one_may_add_are_offered(cast: Cast, login: Any) -> None:
    Membership.objects.create(account=cast.other_account, user=cast.olivia, role=Role.TECHNICIAN)
    olivia = login(cast.olivia)
    for page in ("accounts_team_add", "accounts_membership_add", "accounts_apikey_add"):
        form = olivia.get(reverse(f"admin:{page}")).context["adminform"].form
        assert list(form.fields["account"].queryset) == [cast.account], page
    olivia.post(reverse("admin:accounts_team_add"), {"account": cast.other_account.pk, "name": "Trojan"})
    assert not Team.objects.filter(name="Trojan").exists()


def test_a_changed_role_is_recorded(cast: Cast, login: Any) -> None:
    bob = Membership.objects.get(user=cast.bob)
    login(cast.olivia).post(reverse(CHANGE, args=[bob.pk]), {"role": "analyst", "team": cast.team.pk})
    bob.refresh_from_db()
    assert (bob.role, bob.team) == ("analyst", cast.team)
    event = AuditEvent.objects.get(action="membership.changed")
    assert event.before == {"role": "technician", "team": ""}
    assert event.after == {"role": "analyst", "team": "Service Desk"}


def test_the_account_and_the_person_of_a_membership_stay(cast: Cast, login: Any) -> None:
    bob = Membership.objects.get(user=cast.bob)
    form = {"role": "technician", "account": cast.other_account.pk, "user": cast.mallory.pk}
    login(cast.olivia).post(reverse(CHANGE, args=[bob.pk]), form)
    bob.refresh_from_db()
    assert (bob.account, bob.user) == (cast.account, cast.bob)


def test_the_last_owner_stays(cast: Cast, login: Any) -> None:
    own = Membership.objects.get(user=cast.olivia)
    olivia = login(cast.olivia)
    url = reverse(CHANGE, args=[own.pk])
    assert "last owner" in messages(olivia.post(url, {"role": "analyst"}, follow=True))
    assert "last owner" in messages(
        olivia.post(reverse("admin:accounts_membership_delete", args=[own.pk]), {"post": "yes"}, follow=True)
    )
    chosen = {"_selected_action": [own.pk], "action": "delete_selected", "post": "yes"}
    assert "last owner" in messages(olivia.post(reverse("admin:accounts_membership_changelist"), chosen, follow=True))
    own.refresh_from_db()
    assert own.role == Role.OWNER
    make_member(cast.account, Role.OWNER)
    assert olivia.post(url, {"role": "analyst"}).status_code == 302
    own.refresh_from_db()
    assert own.role == Role.ANALYST


def test_a_removed_member_keeps_the_log_in(cast: Cast, login: Any) -> None:
    bob = Membership.objects.get(user=cast.bob)
    login(cast.olivia).post(reverse("admin:accounts_membership_delete", args=[bob.pk]), {"post": "yes"})
    assert not Membership.objects.filter(pk=bob.pk).exists()
    assert User.objects.filter(pk=cast.bob.pk).exists()
    assert AuditEvent.objects.get(action="membership.removed").before["email"] == "bob@northwind.test"
    assert login(cast.bob).get(reverse("admin:index")).status_code == 302, (
        "without a membership there is nothing to enter"
    )


def test_services_refuse_everybody_but_owners(cast: Cast) -> None:
    bob = Membership.objects.get(user=cast.bob)
    for actor in (cast.alice, cast.bob, cast.carol, cast.sam, cast.mallory):
        with pytest.raises(NotAllowed, match="only an owner"):
            membership_create(actor=actor, account=cast.account, email="new@x.test", role="owner")
        with pytest.raises(NotAllowed, match="only an owner"):
            membership_change(actor=actor, membership=bob, role="owner", team=None)
        with pytest.raises(NotAllowed, match="only an owner"):
            membership_remove(actor=actor, membership=bob)
    assert not User.objects.filter(email="new@x.test").exists()


def test_services_refuse_what_does_not_fit(cast: Cast) -> None:
    foreign_team = Team.objects.create(account=cast.other_account, name="Theirs")
    bob = Membership.objects.get(user=cast.bob)
    with pytest.raises(InvalidInput, match="another account"):
        membership_create(actor=cast.olivia, account=cast.account, email="n@x.test", role="analyst", team=foreign_team)
    with pytest.raises(InvalidInput, match="'emperor' is not a valid choice"):
        membership_create(actor=None, account=cast.account, email="n@x.test", role="emperor")
    with pytest.raises(Conflict, match="member of Northwind MSP already"):
        membership_create(actor=None, account=cast.account, email="bob@northwind.test", role="analyst")
    with pytest.raises(InvalidInput, match="another account"):
        membership_change(actor=cast.olivia, membership=bob, role="analyst", team=foreign_team)
    with pytest.raises(InvalidInput, match="with this Slug already exists"):
        account_create(slug="northwind", name="Again")
    assert not User.objects.filter(email="n@x.test").exists(), "a refusal leaves no log-in behind"


def test_a_team_name_that_is_taken_is_said_in_the_form(cast: Cast, login: Any) -> None:
    olivia = login(cast.olivia)
    response = olivia.post(reverse("admin:accounts_team_add"), {"account": cast.account.pk, "name": "Service Desk"})
    assert "already exists" in str(response.context["adminform"].form.errors)
    other = Team.objects.create(account=cast.account, name="Field")
    response = olivia.post(reverse("admin:accounts_team_change", args=[other.pk]), {"name": "Service Desk"})
    assert response.status_code == 200
    assert "already exists" in str(response.context["adminform"].form.errors)


def test_a_team_with_members_is_not_deleted(cast: Cast, login: Any) -> None:
    make_member(cast.account, Role.TECHNICIAN, team=cast.team)
    url = reverse("admin:accounts_team_delete", args=[cast.team.pk])
    response = login(cast.olivia).post(url, {"post": "yes"})
    assert response.status_code == 200
    assert Team.objects.filter(pk=cast.team.pk).exists()


def test_a_persons_page_shows_memberships_of_ones_own_account_only(cast: Cast, login: Any) -> None:
    Membership.objects.create(account=cast.other_account, user=cast.bob, role=Role.OWNER)
    url = reverse("admin:accounts_user_change", args=[cast.bob.pk])
    assert "Contoso" not in login(cast.alice).get(url).content.decode()
    assert "Contoso" in login(cast.root).get(url).content.decode()


def test_an_owner_changes_the_account_but_not_its_slug(cast: Cast, login: Any) -> None:
    url = reverse("admin:accounts_account_change", args=[cast.account.pk])
    olivia = login(cast.olivia)
    form = {"name": "Northwind Ltd", "slug": "stolen", "time_zone": "Europe/Berlin"}
    assert olivia.post(url, form).status_code == 302
    account = Account.objects.get(pk=cast.account.pk)
    assert (account.name, account.slug, account.time_zone) == ("Northwind Ltd", "northwind", "Europe/Berlin")
    response = olivia.post(url, {**form, "time_zone": "Mars/Olympus"})
    assert "not a time zone" in str(response.context["adminform"].form.errors)
