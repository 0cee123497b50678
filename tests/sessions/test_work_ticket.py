"""Looking a ticket up in the start form: filled where nothing was typed, told where it fails, nothing lost."""

from typing import Any

import pytest
from django.urls import reverse

from flowpilot.accounts.models import Membership
from flowpilot.accounts.roles import Role
from sessions.models import AISession, Client
from tests.conftest import Cast
from tests.factories import make_connection
from tests.sessions.psa_servers import FakePsa

pytestmark = pytest.mark.django_db


def look_up(browser: Any, cast: Cast, **data: Any) -> Any:
    form = {"account": cast.account.pk, "look_up": "1", **data}
    return browser.post(reverse("work:ticket"), form)


def values(response: Any) -> dict[str, Any]:
    form = response.context["form"]
    return {name: form[name].value() for name in ("problem", "title", "client")}


@pytest.mark.parametrize("kind", ["connectwise", "halopsa", "autotask"])
def test_fills_what_is_empty(cast: Cast, login: Any, psa: FakePsa, kind: str) -> None:
    connection = make_connection(cast.account, kind, base_url=psa.url)
    response = look_up(login(cast.bob), cast, psa_system=connection.pk, psa_ticket_id=" #48213 ")
    title = "Ticket 48213"
    assert values(response) == {"problem": title, "title": title, "client": "Acme Ltd"}
    assert response.context["form"].errors == {}
    assert psa.writes() == []


def test_what_was_typed_stays_and_the_ticket_is_shown_beside_it(cast: Cast, login: Any, psa: FakePsa) -> None:
    browser, connection = login(cast.bob), make_connection(cast.account, base_url=psa.url)
    typed = {"problem": "It hums", "client": "Acme", "title": "Hum"}
    response = look_up(browser, cast, psa_system=connection.pk, psa_ticket_id="7", **typed)
    assert values(response) == typed
    assert [(other.name, other.said) for other in response.context["differs"]] == [
        ("title", "Ticket 7"),
        ("client", "Acme Ltd"),
    ]
    asked = len(psa.requests)
    form = {"psa_system": connection.pk, "psa_ticket_id": "7", **typed, "use": "client", "said_client": "Acme Ltd"}
    assert values(look_up(browser, cast, **form)) == {**typed, "client": "Acme Ltd"}
    assert len(psa.requests) == asked


def test_a_second_ticket_replaces_only_what_the_first_had_filled(cast: Cast, login: Any, psa: FakePsa) -> None:
    browser, connection = login(cast.bob), make_connection(cast.account, base_url=psa.url)
    first = look_up(browser, cast, psa_system=connection.pk, psa_ticket_id="7")
    form = {**values(first), **dict(first.context["filled"]), "problem": "Ticket 7, and it hums"}
    second = look_up(browser, cast, psa_system=connection.pk, psa_ticket_id="8", **form)
    assert values(second) == {"problem": "Ticket 7, and it hums", "title": "Ticket 8", "client": "Acme Ltd"}


@pytest.mark.parametrize(
    ("ticket", "fault", "told"),
    [
        ("999999", "", "has no ticket 999999"),
        ("48a", "", "digits only"),
        ("", "", "Which ticket?"),
        ("7", "timeout-after", "no answer in time"),
        ("7", "401", "answered 401"),
        ("7", "wrong-json", "something other than JSON"),
    ],
)
def test_a_failure_is_told_and_loses_nothing(
    cast: Cast, login: Any, psa: FakePsa, ticket: str, fault: str, told: str
) -> None:
    psa.plan, psa.stall_s = (lambda request: fault), 2.0
    connection = make_connection(cast.account, base_url=psa.url)
    typed = {"problem": "It <hums>", "client": "Acme", "title": ""}
    response = look_up(login(cast.bob), cast, psa_system=connection.pk, psa_ticket_id=ticket, **typed)
    assert response.status_code == 200
    assert told in " ".join(response.context["form"].errors["psa_ticket_id"])
    assert values(response) == typed
    assert list(response.context["form"].errors) == ["psa_ticket_id"], "the rest is not sent yet"


def test_a_foreign_or_retired_connection_is_refused(cast: Cast, login: Any, psa: FakePsa) -> None:
    foreign = make_connection(cast.other_account, base_url=psa.url)
    retired = make_connection(cast.account, base_url=psa.url, is_active=False)
    make_connection(cast.account, "halopsa", base_url=psa.url)
    for connection in (foreign, retired):
        response = look_up(login(cast.bob), cast, psa_system=connection.pk, psa_ticket_id="7")
        assert "psa_system" in response.context["form"].errors
        assert connection.name not in response.content.decode() or connection is retired
    assert psa.requests == []


def test_who_works_for_two_accounts_looks_in_the_chosen_ones_system(cast: Cast, login: Any, psa: FakePsa) -> None:
    Membership.objects.create(account=cast.other_account, user=cast.bob, role=Role.TECHNICIAN)
    other = make_connection(cast.other_account, base_url=psa.url)
    browser = login(cast.bob)
    response = look_up(browser, cast, psa_system=other.pk, psa_ticket_id="7")
    assert "not one of Northwind" in " ".join(response.context["form"].errors["psa_system"])
    assert psa.requests == []
    chosen = {"account": cast.other_account.pk, "psa_system": other.pk, "psa_ticket_id": "7"}
    assert values(look_up(browser, cast, **chosen))["client"] == "Acme Ltd"


def test_the_session_keeps_ticket_system_and_title(cast: Cast, login: Any) -> None:
    connection = make_connection(cast.account, "autotask")
    form = {"account": cast.account.pk, "problem": "It hums", "title": "A hum", "flow": ""}
    browser = login(cast.bob)
    browser.post(reverse("work:start"), {**form, "psa_system": connection.pk, "psa_ticket_id": "7"})
    session = AISession.objects.get()
    assert (session.title, session.psa_system, session.psa_ticket_id) == ("A hum", "autotask", "7")
    browser.post(reverse("work:start"), {**form, "psa_system": connection.pk})
    assert AISession.objects.latest("pk").psa_system == "", "no ticket, no system"


def test_without_a_connection_there_is_only_the_number(cast: Cast, login: Any) -> None:
    page = login(cast.bob).get(reverse("work:home")).content.decode()
    assert "psa_ticket_id" in page
    assert "Look up" not in page


def test_known_clients_are_own_and_bounded(cast: Cast, login: Any) -> None:
    Client.objects.bulk_create(Client(account=cast.account, name=f"Own {n:03}") for n in range(205))
    Client.objects.create(account=cast.other_account, name="Foreign")
    browser, url = login(cast.bob), reverse("work:clients")
    assert browser.get(reverse("work:home")).content.decode().count("<option value") == 200
    found = browser.get(url, {"account": cast.account.pk, "client": "own 204"}).context["clients"]
    assert found == ["Own 204"]
    assert browser.get(url, {"account": cast.other_account.pk}).context["clients"] == []
    assert browser.get(url, {"account": "x"}).context["clients"] == []
