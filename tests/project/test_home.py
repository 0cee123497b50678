"""Log-in leads everybody to where their work is."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.conftest import Cast
from tests.factories import PASSWORD


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("person", "place"),
    [
        ("alice", "admin:proposals_flowproposal_changelist"),
        ("olivia", "admin:proposals_flowproposal_changelist"),
        ("carol", "analytics:overview"),
        ("bob", "work:home"),
    ],
)
def test_first_page_is_the_roles_own(cast: Cast, client: Client, person: str, place: str) -> None:
    asked = client.get("/", follow=True)
    assert asked.redirect_chain[-1][0].startswith(reverse("admin:login"))
    for address in (asked.redirect_chain[-1][0], reverse("admin:login")):
        client.logout()
        user = getattr(cast, person)
        page = client.get(address)
        data = {"username": user.email, "password": PASSWORD, "next": page.context["next"]}
        landed = client.post(address, data, follow=True)
        assert landed.redirect_chain[-1][0] == reverse(place)


@pytest.mark.django_db
def test_a_page_that_was_asked_for_comes_after_log_in(cast: Cast, client: Client) -> None:
    wanted = reverse("admin:flows_flow_changelist")
    login_page = client.get(wanted, follow=True)
    data = {"username": cast.bob.email, "password": PASSWORD, "next": login_page.context["next"]}
    landed = client.post(login_page.redirect_chain[-1][0], data, follow=True)
    assert landed.redirect_chain[-1][0] == wanted
