"""The pages of connections and pushes: what they do, and that no credential is ever on one."""

from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from flowpilot.common.models import AuditEvent
from flowpilot.common.vault import unseal
from sessions.models import PsaAttempt, PsaConnection, PsaPush
from sessions.psa.clients import CREDENTIALS
from tests.conftest import Cast
from tests.factories import make_connection, make_push, make_session
from tests.sessions.psa_servers import FakePsa

ADD = reverse("admin:ai_sessions_psaconnection_add")
CONNECTIONS = reverse("admin:ai_sessions_psaconnection_changelist")
PUSHES = reverse("admin:ai_sessions_psapush_changelist")
ENTERED = {
    "connectwise_company": "acme",
    "connectwise_public_key": "pub-x1",
    "connectwise_private_key": "priv-x2",
    "connectwise_client_id": "cid-x3",
}


def form(cast: Cast, **fields: Any) -> dict[str, Any]:
    given = {"account": cast.account.pk, "kind": "connectwise", "name": "Ours", "base_url": "https://cw.example"}
    return {**given, "is_active": "on", "notes_internal": "on", **ENTERED, **fields}


def change_url(connection: PsaConnection) -> str:
    return reverse("admin:ai_sessions_psaconnection_change", args=[connection.pk])


def opened(connection: PsaConnection) -> dict[str, str]:
    connection.refresh_from_db()
    return unseal(account_id=connection.account_id, sealed=connection.credentials)


def test_an_owner_makes_a_connection(cast: Cast, login: Any) -> None:
    response = login(cast.olivia).post(ADD, form(cast))
    assert response.status_code == 302, response.context["adminform"].form.errors
    connection = PsaConnection.objects.get()
    assert opened(connection)["private_key"] == "priv-x2"
    assert AuditEvent.objects.get().action == "psa_connection.created"


@pytest.mark.parametrize(
    ("fields", "faulty"),
    [
        ({"connectwise_private_key": ""}, "connectwise_private_key"),
        ({"kind": "halopsa"}, "halopsa_client_secret"),
        ({"base_url": "http://cw.example"}, "base_url"),
        ({"base_url": "https://192.168.0.5"}, "base_url"),
        ({"base_url": "nonsense"}, "base_url"),
        ({"kind": "autotask", "time_resource": "x"}, "time_resource"),
        ({"name": ""}, "name"),
    ],
)
def test_faults_stand_at_their_fields_and_secrets_do_not_come_back(
    cast: Cast, login: Any, fields: dict[str, str], faulty: str
) -> None:
    response = login(cast.olivia).post(ADD, form(cast, **fields))
    assert response.status_code == 200
    assert faulty in response.context["adminform"].form.errors
    page = response.content.decode()
    assert not [value for value in ENTERED.values() if f'"{value}"' in page]
    assert not PsaConnection.objects.exists()


def test_a_second_active_connection_is_refused_in_words(cast: Cast, login: Any) -> None:
    make_connection(cast.account)
    response = login(cast.olivia).post(ADD, form(cast))
    assert "another active connection to this system" in str(response.context["adminform"].form.errors)
    assert PsaConnection.objects.count() == 1


def test_a_change_without_credentials_keeps_them(cast: Cast, login: Any) -> None:
    connection = make_connection(cast.account)
    before = opened(connection)
    fields = {"name": "Renamed", "base_url": connection.base_url, "is_active": "on"}
    browser = login(cast.olivia)
    assert browser.post(change_url(connection), fields).status_code == 302
    assert opened(connection) == before
    assert (connection.name, connection.notes_internal) == ("Renamed", False)
    response = browser.post(change_url(connection), {**fields, "base_url": "https://evil.example"})
    assert "credentials again" in str(response.context["adminform"].form.errors["base_url"])
    assert browser.post(change_url(connection), {**fields, **ENTERED}).status_code == 302
    assert opened(connection)["private_key"] == "priv-x2"


@pytest.mark.parametrize("system", list(PsaConnection.Kind))
def test_no_page_holds_a_credential(cast: Cast, login: Any, system: str) -> None:
    connection = make_connection(cast.account, system)
    sealed = bytes(connection.credentials).decode()
    push = make_push(make_session(cast.account), connection=connection)
    for browser in (login(cast.olivia), login(cast.root)):
        for url in (
            CONNECTIONS,
            change_url(connection),
            reverse("admin:ai_sessions_psaconnection_history", args=[connection.pk]),
            PUSHES,
            reverse("admin:ai_sessions_psapush_change", args=[push.pk]),
        ):
            page = browser.get(url).content.decode()
            assert not [name for name in CREDENTIALS[system] if f"{name}-of-{system}" in page], url
            assert sealed not in page, url


def test_the_test_button(cast: Cast, login: Any, psa: FakePsa) -> None:
    connection = make_connection(cast.account, base_url=psa.url)
    browser = login(cast.olivia)
    assert "Test this connection" in browser.get(change_url(connection)).content.decode()
    url = reverse("admin:ai_sessions_psaconnection_test", args=[connection.pk])
    page = browser.post(url, follow=True).content.decode()
    assert "It answers, and the log-in is good." in page
    psa.plan = lambda request: "401"
    page = browser.post(url, follow=True).content.decode()
    assert "answered 401" in page
    assert login(cast.alice).post(url).status_code == 403
    assert login(cast.mallory).post(url).status_code == 403


def given_up(cast: Cast, system: str = "connectwise", **fields: Any) -> PsaPush:
    connection = PsaConnection.objects.filter(account=cast.account, kind=system).first()
    push = make_push(
        make_session(cast.account),
        connection=connection or make_connection(cast.account, system),
        **{
            "state": PsaPush.State.EXHAUSTED,
            "next_attempt_at": None,
            "settled_at": timezone.now(),
            "attempt_count": 2,
            **fields,
        },
    )
    now = timezone.now()
    for number, error in ((1, "no connection in time"), (2, "answered 404: gone")):
        PsaAttempt.objects.create(
            account=cast.account,
            push=push,
            number=number,
            started_at=now,
            finished_at=now,
            outcome="failed",
            error=error,
        )
    return push


def test_a_push_shows_what_is_written_and_each_try(cast: Cast, login: Any) -> None:
    push = given_up(cast, payload={"text": "The router <b>was</b> restarted"})
    for user in (cast.carol, cast.alice):
        page = login(user).get(reverse("admin:ai_sessions_psapush_change", args=[push.pk])).content.decode()
        assert "The router &lt;b&gt;was&lt;/b&gt; restarted" in page
        assert "no connection in time" in page
        assert "answered 404: gone" in page
        assert push.marker in page
    listed = login(cast.carol).get(PUSHES).content.decode()
    assert "answered 404: gone" in listed
    assert "no connection in time" not in listed, "the list shows the last error"


def test_the_number_of_queries_of_a_push_is_known(cast: Cast, login: Any) -> None:
    """However often it was tried."""
    push = given_up(cast)
    browser, url = login(cast.carol), reverse("admin:ai_sessions_psapush_change", args=[push.pk])
    with CaptureQueriesContext(database) as few:
        browser.get(url)
    for number in range(3, 15):
        PsaAttempt.objects.create(account=cast.account, push=push, number=number, started_at=timezone.now())
        PsaAttempt.objects.filter(outcome="running").update(outcome="failed", finished_at=timezone.now())
    with CaptureQueriesContext(database) as many:
        browser.get(url)
    # Three are the log-in; then the push, its tries twice (Django checks and shows an inline), and a savepoint's two.
    assert len(few) == len(many) <= 9


def test_pushes_are_filtered(cast: Cast, login: Any) -> None:
    note = given_up(cast)
    status = given_up(cast, "halopsa", kind=PsaPush.Kind.STATUS, payload={"status": "5"})
    waiting = make_push(make_session(cast.account), connection=note.connection)
    browser = login(cast.carol)
    for query, expected in (
        ({"state__exact": "exhausted"}, {note.pk, status.pk}),
        ({"kind__exact": "status"}, {status.pk}),
        ({"system": "halopsa"}, {status.pk}),
        ({"system": "connectwise"}, {note.pk, waiting.pk}),
        ({"q": note.session.external_id}, {note.pk}),
    ):
        found = browser.get(PUSHES, query).context["cl"].queryset
        assert {push.pk for push in found} == expected, query


def test_given_up_pushes_are_queued_again_from_the_list(cast: Cast, login: Any, queued: list[int]) -> None:
    push = given_up(cast)
    waiting = make_push(make_session(cast.account), connection=push.connection)
    chosen = {"_selected_action": [push.pk, waiting.pk], "action": "requeue"}
    page = login(cast.alice).post(PUSHES, chosen, follow=True).content.decode()
    assert "1 queued again" in page
    assert "1 skipped" in page
    push.refresh_from_db()
    assert push.state == PsaPush.State.PENDING
    assert AuditEvent.objects.get(action="psa_push.requeued").actor == cast.alice


def test_who_only_reads_gets_no_button(cast: Cast, login: Any) -> None:
    push = given_up(cast)
    browser = login(cast.carol)
    assert "Try again" not in browser.get(PUSHES).content.decode()
    browser.post(PUSHES, {"_selected_action": [push.pk], "action": "requeue"})
    push.refresh_from_db()
    assert push.state == PsaPush.State.EXHAUSTED
