"""Refusals in one shape everywhere, and plain words where PostgreSQL or Redis is away."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.test import Client, RequestFactory
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from flowpilot.common import health
from flowpilot.common.errorpages import bad_request, page_not_found, server_error
from tests.conftest import BASE_DIR, Cast
from tests.factories import make_change, make_proposal

NOWHERE_SQL, NOWHERE_REDIS = "postgresql://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1/0"


# --- One shape --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "method", "address", "body", "status", "code"),
    [
        (None, "get", "sessions/", None, 401, "not_authenticated"),
        ("bob", "get", "proposals/", None, 403, "permission_denied"),
        ("bob", "get", "sessions/0/", None, 404, "not_found"),
        ("bob", "get", "sessions/?cursor=9", None, 404, "not_found"),
        ("bob", "get", "sessions/?status=x", None, 400, "invalid"),
        ("bob", "post", "sessions/", {}, 400, "invalid"),
        ("carol", "post", "sessions/", [], 403, "permission_denied"),
        ("root", "post", "flows/", {}, 405, "method_not_allowed"),
        ("bob", "get", "nothing/here/", None, 404, "not_found"),
        ("bob", "get", "sessions/1/nothing/", None, 404, "not_found"),
        ("carol", "get", "metrics/summary/?days=1", None, 400, "invalid"),
    ],
)
def test_every_refusal_of_the_api_has_a_code_and_a_sentence(
    cast: Cast, api: Any, who: str | None, method: str, address: str, body: Any, status: int, code: str
) -> None:
    client = api(getattr(cast, who) if who else None)
    response = getattr(client, method)(f"/api/v1/{address}", body)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    told = response.json()
    assert told["code"] == code
    assert told["detail"][0].isupper()
    assert told["detail"][-1] == "."
    assert (told["type"], told["status"]) == (f"urn:flowpilot:problem:{code}", status)
    assert told["title"]
    assert set(told) <= {"type", "title", "status", "detail", "code", "request_id", "errors", "details"}
    assert told["request_id"] == response["X-Request-ID"]


def test_refusals_of_services_keep_their_own_words(cast: Cast, api: Any) -> None:
    alice, new, change = api(cast.alice), make_proposal(cast.account, sessions=0), make_change(cast.account)
    stale = alice.post(f"/api/v1/proposals/{new.pk}/dismiss/", {"revision": 9})
    assert (stale.status_code, stale.json()["code"]) == (409, "conflict")
    assert stale.json()["details"] == {"your_revision": 9, "current_revision": 1, "changes": []}
    blind = alice.post(f"/api/v1/proposals/{change.pk}/approve/", {"revision": 1})
    assert (blind.status_code, blind.json()["code"]) == (403, "not_allowed")
    broken = alice.post(f"/api/v1/proposals/{new.pk}/publish/", {"revision": 1, "definition": {"nodes": []}})
    assert (broken.status_code, broken.json()["code"]) == (400, "invalid_definition")
    assert {"pointer", "code", "detail"} == set(broken.json()["errors"][0])


def test_django_s_own_error_pages_below_the_api_are_json(rf: RequestFactory) -> None:
    request = rf.get("/api/v1/sessions/")
    answers = [bad_request(request, ValueError()), page_not_found(request, ValueError()), server_error(request)]
    assert [answer.status_code for answer in answers] == [400, 404, 500]
    assert all(answer["Content-Type"] == "application/problem+json" for answer in answers)


def test_a_failure_of_the_api_is_a_sentence_and_no_traceback(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret of the code")

    monkeypatch.setattr("flowpilot.flows.api.FlowViewSet.list", fail)
    client = Client(raise_request_exception=False)
    client.force_login(cast.alice)
    response = client.get("/api/v1/flows/")
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert "secret" not in response.content.decode()


# --- Servers that are away --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_ready_when_both_answer(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "postgresql": "ok", "redis": "ok"})
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.post("/readyz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("connection already closed")])
def test_not_ready_without_postgresql(client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Away:
        def cursor(self) -> None:
            raise error

    monkeypatch.setattr(health, "connection", Away())
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        503,
        {"status": "unavailable", "postgresql": "unavailable", "redis": "ok"},
    )


@pytest.mark.django_db
@pytest.mark.parametrize("error", [RedisConnectionError("refused"), RedisTimeoutError("slow")])
def test_not_ready_without_redis(client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def away(key: str) -> None:
        raise error

    monkeypatch.setattr(cache, "get", away)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        503,
        {"status": "unavailable", "postgresql": "ok", "redis": "unavailable"},
    )


@pytest.mark.parametrize(
    "place", ["flowpilot.flows.api.FlowViewSet.list", "flowpilot.accounts.middleware.timezone.override"]
)
@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OperationalError("x"), "its database"),
        (InterfaceError("x"), "its database"),
        (RedisConnectionError("x"), "Redis"),
        (RedisTimeoutError("x"), "Redis"),
    ],
)
def test_a_lost_server_is_503_with_a_sentence(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception, what: str
) -> None:
    """Wherever it is noticed: in a view, or in a middleware before it."""

    def lost(*_: object, **__: object) -> None:
        raise error

    client = Client(raise_request_exception=False)
    client.force_login(cast.alice)
    monkeypatch.setattr(place, lost)
    response = client.get("/api/v1/flows/")
    sentence = f"FlowPilot cannot reach {what} at the moment. Nothing was changed; please try again in a minute."
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert (response.json()["code"], response.json()["detail"]) == ("unavailable", sentence)


ASK = """
import django; django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
client.cookies["sessionid"] = "x" * 32
for address in ("/admin/", "/api/v1/flows/"):
    response = client.get(address, headers={"authorization": "Bearer fp_1_00000000_" + "0" * 64})
    print(address, response.status_code, response.content.decode()[:60])
for address in ("/healthz", "/readyz"):
    response = Client(raise_request_exception=False).get(address)
    print(address, response.status_code, response.content.decode())
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh process whose PostgreSQL and Redis are where nobody listens."""
    away = {"DATABASE_URL": NOWHERE_SQL, "REDIS_URL": NOWHERE_REDIS, "DJANGO_SETTINGS_MODULE": "flowpilot.settings"}
    env = {**os.environ, **away, "ALLOWED_HOSTS": "testserver", "PLAIN_STATIC": "1", **environment}
    return subprocess.run([sys.executable, *command], cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=60)


def test_every_address_answers_while_both_are_away() -> None:
    answer = run("-c", ASK).stdout.splitlines()
    assert answer[0].startswith("/admin/ 503 FlowPilot cannot reach its database")
    assert answer[1].startswith('/api/v1/flows/ 503 {"type": "urn:flowpilot:problem:unavailable"')
    assert answer[2] == '/healthz 200 {"status": "ok"}'
    assert answer[3] == '/readyz 503 {"status": "unavailable", "postgresql": "unavailable", "redis": "unavailable"}'


@pytest.mark.parametrize(
    "command", [["migrate"], ["import_sessions", "--account", "a", "-"], ["analyze"], ["createsuperuser", "--noinput"]]
)
def test_commands_say_which_server_is_away(command: list[str]) -> None:
    done = run("manage.py", *command, DJANGO_SUPERUSER_EMAIL="a@b.test", DJANGO_SUPERUSER_PASSWORD="a long new phrase")
    assert done.returncode == 1
    assert done.stderr.startswith("PostgreSQL: connection")
    assert "make run" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_mining_needs_neither_server(tmp_path: Path) -> None:
    sessions, flows = tmp_path / "sessions.jsonl", tmp_path / "flows.json"
    sessions.write_text('{"external_id": "A", "status": "resolved", "steps": [{"kind": "note", "prompt": "x"}]}\n')
    done = run("manage.py", "mine_flows", str(sessions), "--output", str(flows))
    assert (done.returncode, flows.exists()) == (0, True), done.stderr
