"""The doors of the API: a key, or a log-in with its CSRF token, nothing else; and what scope each operation names."""

import base64
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import ApiKey
from flowpilot.accounts.roles import PERMISSIONS, Role
from flowpilot.accounts.scopes import NEEDS, KeyScope
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import PASSWORD, record

SESSIONS = "/api/v1/sessions/"


def schema() -> Any:
    return SchemaGenerator(api_version="v1").get_schema(public=True)  # type: ignore[no-untyped-call]


def needed() -> dict[tuple[str, str], list[str]]:
    """The scope of every operation, as the schema tells it."""
    paths = schema()["paths"]
    return {
        (method, path): next(one["apiKey"] for one in operation["security"] if "apiKey" in one)
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def test_every_operation_names_one_scope_and_every_scope_has_an_operation() -> None:
    named = needed()
    assert {operation: scopes for operation, scopes in named.items() if len(scopes) != 1} == {}
    assert {scope for scopes in named.values() for scope in scopes} == set(KeyScope.values)


def test_what_a_scope_needs_is_a_right_that_some_role_has() -> None:
    assert set(NEEDS) == set(KeyScope.values)
    assert set(NEEDS.values()) <= PERMISSIONS[Role.OWNER]


def test_no_operation_opens_to_a_key_without_its_scope(cast: Cast) -> None:
    """Of an owner, so that nothing but the scope stands in the way; and with it, the scope does not."""
    row, text = api_key_create(actor=cast.olivia, account=cast.account, name="K", role=Role.OWNER, scopes=[])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    wrong = {}
    for (method, path), [scope] in needed().items():
        for held in ([], [other for other in KeyScope.values if other != scope], [scope]):
            ApiKey.objects.filter(pk=row.pk).update(scopes=held)
            answer = getattr(client, method)(path.replace("{id}", "0").replace("{number}", "1"), {}, format="json")
            told = answer.json() if "json" in answer.get("Content-Type", "") else {}
            refused = isinstance(told, dict) and told.get("code") == "missing_scope"
            if refused == (scope in held) or (refused and told["details"] != {"scope": scope}):
                wrong[method, path, scope in held] = answer.status_code
    assert wrong == {}


def basic(email: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{email}:{password}".encode()).decode()


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Digest", "ApiKey", ""])
def test_no_other_scheme_is_a_door(cast: Cast, scheme: str) -> None:
    _, text = api_key_create(actor=cast.olivia, account=cast.account, name="K")
    given = basic("alice@northwind.test", PASSWORD) if scheme == "Basic" else f"{scheme} {text}".strip()
    answer = APIClient().get(SESSIONS, HTTP_AUTHORIZATION=given)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("name", ["key", "api_key", "apikey", "token", "access_token", "Authorization"])
def test_no_key_is_taken_from_the_address_the_body_or_a_cookie(cast: Cast, name: str) -> None:
    _, text = api_key_create(actor=cast.olivia, account=cast.account, name="K")
    client = APIClient()
    for value in (text, f"Bearer {text}"):
        assert client.get(SESSIONS, {name: value}).status_code == 401
        assert client.post(SESSIONS, {**record(), name: value}, format="json").status_code == 401
        client.cookies[name] = text
        assert client.get(SESSIONS).status_code == 401
    assert client.get(SESSIONS, HTTP_X_API_KEY=text).status_code == 401


def test_a_log_in_writes_with_the_csrf_token_only(cast: Cast) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    assert client.get(SESSIONS).status_code == 200
    assert client.post(SESSIONS, record(), format="json").status_code == 403
    client.get("/admin/password_change/")
    token = client.cookies["csrftoken"].value
    assert client.post(SESSIONS, record(), format="json", HTTP_X_CSRFTOKEN="x" * len(token)).status_code == 403
    assert not AISession.objects.exists()
    assert client.post(SESSIONS, record(), format="json", HTTP_X_CSRFTOKEN=token).status_code == 201


def test_the_schema_tells_of_both() -> None:
    scheme = schema()["components"]["securitySchemes"]
    assert {name: one["type"] for name, one in scheme.items()} == {"apiKey": "http", "cookieAuth": "apiKey"}
    assert [scope for scope in KeyScope.values if f"`{scope}`" not in scheme["apiKey"]["description"]] == []
