"""Connections: credentials go in and never come out, tests and lookups tell clearly how it went."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from flowpilot.accounts.models import Membership
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.common.vault import SealBroken, seal, unseal
from sessions.models import PsaConnection
from sessions.psa.clients import CREDENTIALS
from sessions.psa.connections import (
    PsaUnavailable,
    connection_change,
    connection_create,
    connection_test,
    ticket_lookup,
)
from sessions.psa.selectors import connections_for
from tests.conftest import Cast
from tests.factories import make_connection
from tests.sessions.psa_servers import FakePsa

SECRETS = {"company": "acme", "public_key": "pub-x1", "private_key": "priv-x2", "client_id": "cid-x3"}


def create(cast: Cast, **fields: Any) -> PsaConnection:
    given = {"kind": "connectwise", "name": "Ours", "base_url": "https://cw.example/", "credentials": SECRETS, **fields}
    return connection_create(actor=given.pop("actor", cast.olivia), account=cast.account, **given)


def opened(connection: PsaConnection) -> dict[str, str]:
    return unseal(account_id=connection.account_id, sealed=PsaConnection.objects.get(pk=connection.pk).credentials)


def test_credentials_are_sealed_at_rest(cast: Cast) -> None:
    connection = create(cast)
    assert connection.base_url == "https://cw.example"
    assert opened(connection) == SECRETS
    kept = bytes(PsaConnection.objects.get(pk=connection.pk).credentials)
    events = json.dumps(list(AuditEvent.objects.values("before", "after", "reason", "object_label", "action")))
    for secret in SECRETS.values():
        assert secret.encode() not in kept
        assert secret not in events
    assert AuditEvent.objects.get().action == "psa_connection.created"


@pytest.mark.parametrize(
    ("fields", "faulty"),
    [
        ({"base_url": "http://cw.example"}, "base_url"),
        ({"base_url": "ftp://cw.example"}, "base_url"),
        ({"base_url": "https://me:secret@cw.example"}, "base_url"),
        ({"base_url": "https://cw.example/?x=1"}, "base_url"),
        ({"base_url": "https://10.0.0.8"}, "base_url"),
        ({"base_url": "https://[::1]/x"}, "base_url"),
        ({"base_url": ""}, "base_url"),
        ({"name": ""}, "name"),
        ({"kind": "remedy"}, "kind"),
        ({"credentials": {**SECRETS, "private_key": ""}}, "private_key"),
        ({"credentials": {**SECRETS, "private_key": "a\r\nHost: b"}}, "private_key"),
        ({"credentials": {**SECRETS, "private_key": "schl\xfcssel"}}, "private_key"),
        ({"credentials": {**SECRETS, "pin": "1"}}, "pin"),
        ({"kind": "autotask", "time_resource": "7", "credentials": {}}, "time_role"),
        ({"kind": "halopsa", "resolved_status": "Closed", "credentials": {}}, "resolved_status"),
    ],
)
def test_what_is_wrong_is_said_where_it_is_wrong(cast: Cast, fields: dict[str, Any], faulty: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        create(cast, **fields)
    assert isinstance(caught.value.details, dict)
    assert faulty in caught.value.details
    assert "Host: b" not in str(caught.value)
    assert not PsaConnection.objects.exists()


def test_only_owners_make_change_and_test_connections(cast: Cast) -> None:
    connection = create(cast)
    for actor in (cast.alice, cast.bob, cast.carol, cast.sam, cast.mallory):
        with pytest.raises(NotAllowed):
            create(cast, actor=actor, name="Other", kind="halopsa")
        for service in (connection_change, connection_test):
            with pytest.raises(NotFound):
                service(actor=actor, connection_id=connection.pk)


def test_one_active_connection_to_a_system(cast: Cast) -> None:
    create(cast)
    with pytest.raises(Conflict, match="another active connection to ConnectWise"):
        create(cast, name="Second")
    create(cast, name="Second", is_active=False)
    with pytest.raises(Conflict, match="another of that name"):
        create(cast, name="Second", is_active=False)


def test_a_change_keeps_the_credentials_or_replaces_them(cast: Cast) -> None:
    connection = create(cast)
    connection_change(actor=cast.olivia, connection_id=connection.pk, name="Renamed")
    assert opened(connection) == SECRETS
    new = {**SECRETS, "private_key": "priv-new"}
    connection_change(actor=cast.olivia, connection_id=connection.pk, credentials=new)
    assert opened(connection) == new
    event = AuditEvent.objects.filter(action="psa_connection.changed").latest("pk")
    assert event.after["credentials"] == "entered anew"
    assert "priv-new" not in json.dumps([event.before, event.after])


def test_kept_credentials_do_not_go_to_another_address(cast: Cast) -> None:
    connection = create(cast)
    with pytest.raises(InvalidInput, match="credentials again"):
        connection_change(actor=cast.olivia, connection_id=connection.pk, base_url="https://evil.example")
    connection_change(
        actor=cast.olivia, connection_id=connection.pk, base_url="https://new.example", credentials=SECRETS
    )


@pytest.mark.parametrize("system", list(PsaConnection.Kind))
def test_the_test_tells_how_it_went(cast: Cast, psa: FakePsa, system: str) -> None:
    connection = make_connection(cast.account, system, base_url=psa.url)
    tested = connection_test(actor=cast.olivia, connection_id=connection.pk)
    assert (tested.last_test_ok, tested.last_test_message) == (True, "It answers, and the log-in is good.")
    wrong = dict.fromkeys(CREDENTIALS[system], "wrong-secret")
    connection_change(actor=cast.olivia, connection_id=connection.pk, credentials=wrong)
    tested = connection_test(actor=cast.olivia, connection_id=connection.pk)
    assert not tested.last_test_ok
    assert "answered 40" in tested.last_test_message
    event = AuditEvent.objects.filter(action="psa_connection.tested").latest("pk")
    assert event.after == {"ok": False, "message": tested.last_test_message}
    assert "wrong-secret" not in tested.last_test_message


def test_a_test_of_credentials_that_do_not_open(cast: Cast, psa: FakePsa, settings: Any) -> None:
    connection = make_connection(cast.account, base_url=psa.url)
    settings.SEAL_KEYS = [Fernet.generate_key().decode()]
    tested = connection_test(actor=cast.olivia, connection_id=connection.pk)
    assert "none of the keys in SEAL_KEY" in tested.last_test_message
    assert psa.requests == []


@pytest.mark.parametrize("system", list(PsaConnection.Kind))
def test_a_ticket_is_looked_up(cast: Cast, psa: FakePsa, system: str) -> None:
    connection = make_connection(cast.account, system, base_url=psa.url)
    ticket = ticket_lookup(actor=cast.bob, connection_id=connection.pk, ticket_id=" #48213 ")
    assert (ticket.id, ticket.title, ticket.client, ticket.status) == ("48213", "Ticket 48213", "Acme Ltd", "1")
    assert psa.writes() == []
    psa.last_ticket = 10
    with pytest.raises(NotFound, match="has no ticket 48213"):
        ticket_lookup(actor=cast.bob, connection_id=connection.pk, ticket_id="48213")


def test_a_lookup_that_fails_says_why(cast: Cast, psa: FakePsa) -> None:
    connection = make_connection(cast.account, base_url=psa.url)
    for text in ("", "T-5", "1/../2", "0", "1" * 30):
        with pytest.raises(InvalidInput, match="digits only"):
            ticket_lookup(actor=cast.bob, connection_id=connection.pk, ticket_id=text)
    psa.plan = lambda request: "wrong-json"
    with pytest.raises(PsaUnavailable, match="ConnectWise Manage: answered 200 with something other than JSON"):
        ticket_lookup(actor=cast.bob, connection_id=connection.pk, ticket_id="5")


def test_who_looks_up_tickets(cast: Cast, psa: FakePsa) -> None:
    connection = make_connection(cast.account, base_url=psa.url)
    for actor in (cast.olivia, cast.alice, cast.bob, cast.sam):
        assert list(connections_for(actor)) == [connection]
        assert ticket_lookup(actor=actor, connection_id=connection.pk, ticket_id="5").id == "5"
    for actor in (cast.carol, cast.mallory):
        assert list(connections_for(actor)) == []
        with pytest.raises(NotFound):
            ticket_lookup(actor=actor, connection_id=connection.pk, ticket_id="5")
    # Whoever is limited to a team works tickets, too.
    Membership.objects.filter(user=cast.bob).update(team=cast.team, role=Role.TECHNICIAN)
    assert list(connections_for(cast.bob)) == [connection]


def test_keys_are_rotated(cast: Cast, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings.SEAL_KEYS = [old]
    connection = create(cast)
    settings.SEAL_KEYS = [new, old]
    assert opened(connection) == SECRETS
    call_command("reseal_credentials")
    assert "1 sealed" in capsys.readouterr().out
    settings.SEAL_KEYS = [new]
    assert opened(connection) == SECRETS
    settings.SEAL_KEYS = [old]
    with pytest.raises(SealBroken):
        opened(connection)
    with pytest.raises(CommandError, match=f"connection {connection.pk}"):
        call_command("reseal_credentials")


def test_a_seal_copied_to_another_account_does_not_open(cast: Cast) -> None:
    sealed = seal(account_id=cast.account.pk, credentials=SECRETS)
    with pytest.raises(SealBroken, match="another account"):
        unseal(account_id=cast.other_account.pk, sealed=sealed)


def test_a_key_that_is_none_is_named(settings: Any) -> None:
    settings.SEAL_KEYS = [Fernet.generate_key().decode(), "too short"]
    with pytest.raises(ImproperlyConfigured, match="key 2 of 2"):
        seal(account_id=1, credentials={})
    assert [error.id for error in run_checks()] == ["common.E001"], "no server starts with it"


def test_a_key_is_made_once(tmp_path: Path) -> None:
    from tests.processes import PYTHON, environment, run

    code = "from django.conf import settings; print(settings.SEAL_KEYS[0])"
    env = environment(VAR_DIR=str(tmp_path), DJANGO_SETTINGS_MODULE="flowpilot.settings")
    env.pop("SEAL_KEY", None)
    first, second = (run(PYTHON, "-c", code, env=env).stdout for _ in range(2))
    assert first == second
    assert Fernet(first.strip())
    assert (tmp_path / "seal_key").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".seal_key*"))
