"""The OpenAPI schema: valid, complete, and true to what the code answers."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.urls import reverse
from jsonschema import Draft202012Validator, FormatChecker

from tests.common.rows import Rows, make_rows
from tests.common.tenants import HOME
from tests.conftest import Cast
from tests.factories import record


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As the command writes it, with warnings as errors."""
    path = tmp_path_factory.mktemp("openapi") / "schema.yml"
    call_command("spectacular", "--api-version", "v1", "--validate", "--fail-on-warn", "--file", str(path))
    return yaml.safe_load(path.read_text())


def operations(schema: Any) -> dict[tuple[str, str], Any]:
    return {(method, path): one for path, ones in schema["paths"].items() for method, one in ones.items()}


def test_it_is_version_3_1(schema: Any) -> None:
    """That it holds every address and nothing else is the tenant matrix's to say."""
    assert schema["openapi"].startswith("3.1.")


def test_every_operation_says_what_it_does(schema: Any) -> None:
    tags = {tag["name"] for tag in schema["tags"]}
    named = [operation["operationId"] for operation in operations(schema).values()]
    assert len(named) == len(set(named))
    for name, operation in operations(schema).items():
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name


def test_every_operation_takes_a_key_or_a_log_in(schema: Any) -> None:
    assert schema["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    for name, operation in operations(schema).items():
        assert {key for one in operation["security"] for key in one} == {"apiKey", "cookieAuth"}, name


def answer(schema: Any, response: Any) -> Any:
    """A response, or the shared one that it refers to."""
    return schema["components"]["responses"][response["$ref"].rpartition("/")[2]] if "$ref" in response else response


def test_every_refusal_has_the_shape_of_an_error_and_an_example(schema: Any) -> None:
    for name, operation in operations(schema).items():
        assert {"401", "403", "406", "414", "429", "431", "503"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                told = answer(schema, response)
                body = told["content"]["application/problem+json"]
                assert body["schema"] == {"$ref": "#/components/schemas/Problem"}, (name, status)
                assert {one["value"]["status"] for one in body["examples"].values()} == {int(status)}, (name, status)
                assert told["description"], (name, status)
    required = set(schema["components"]["schemas"]["Problem"]["required"])
    assert required == {"type", "title", "status", "detail", "code"}


def test_every_body_has_an_example_that_its_schema_allows(schema: Any) -> None:
    wrong = []
    for name, operation in operations(schema).items():
        bodies = [operation.get("requestBody", {}), *(answer(schema, one) for one in operation["responses"].values())]
        for media in (media for body in bodies for media in body.get("content", {}).values()):
            examples = [media["example"]] if "example" in media else [e["value"] for e in media["examples"].values()]
            assert examples, name
            whole = {**media["schema"], "components": schema["components"]}
            validator = Draft202012Validator(whole, format_checker=FormatChecker())
            errors = [error for example in examples for error in validator.iter_errors(example)]
            wrong += [f"{name}: {error.json_path} {error.message[:200]}" for error in errors]
    assert wrong == [], "\n".join(wrong)


def test_references_lead_somewhere(schema: Any) -> None:
    known = {f"#/components/{kind}/{name}" for kind, ones in schema["components"].items() for name in ones}
    text = yaml.safe_dump(schema)
    assert set(re.findall(r"#/components/[^'\"\s]+", text)) <= known
    assert {"#/components/schemas/SessionRecord", "#/components/schemas/FlowDefinition"} <= known


def test_what_the_code_answers_is_documented(schema: Any, cast: Cast, api: Any) -> None:
    """Every operation is provoked in every way there is; no answer may be missing from its documentation."""
    rows = make_rows(cast.account, HOME, cast.alice, cast.team)
    missing: list[str] = []
    seen: set[int] = set()
    for (method, path), operation in operations(schema).items():
        known = row_of(rows, path.split("/")[3])
        # Everything is sent by one who may do it, and one thing by all others and to a row that is absent.
        calls = ((known, cast.olivia, None), (known, None, 1), (known, cast.bob, 1), (known, cast.root, 1))
        for pk, user, most in (*calls, (0, cast.olivia, 1)):
            url = path.replace("{id}", str(pk)).replace("{number}", "1")
            for status in islice(provoke(api(user), method, url), most):
                seen.add(status)
                if str(status) not in operation["responses"]:
                    missing.append(f"{method} {path}: {status}")
    assert not missing, sorted(set(missing))
    assert seen >= {200, 201, 400, 401, 403, 404, 409, 413, 415}


def test_a_parameter_that_an_operation_does_not_know_is_refused_and_those_that_it_knows_are_named(
    schema: Any, cast: Cast, api: Any
) -> None:
    client, told, documented = api(cast.olivia), {}, {}
    for (method, path), operation in operations(schema).items():
        asked = f"{path.replace('{id}', '1').replace('{number}', '1')}?statsu=pending"
        response = getattr(client, method)(asked, **({} if method == "get" else {"data": {}, "format": "json"}))
        assert response.status_code == 400, asked
        (error,) = response.json()["errors"]
        assert error["parameter"] == "statsu", asked
        names = error["detail"].rstrip(".").partition("is none of: ")[2]
        told[method, path] = set(names.split(", ")) - {""}
        documented[method, path] = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
    assert told == documented


ROWS = {
    "sessions": "ai_sessions_aisession",
    "ingest-jobs": "ai_sessions_ingestjob",
    "proposals": "proposals_flowproposal",
    "flows": "flows_flow",
    "gaps": "analytics_knowledgegap",
    "metrics": "flows_flow",
    "script-templates": "ai_sessions_scripttemplate",
    "psa-pushes": "ai_sessions_psapush",
    "audit-events": "common_auditevent",
    "webhooks": "webhooks_webhookendpoint",
    "webhook-deliveries": "webhooks_webhookdelivery",
}


def row_of(rows: Rows, kind: str) -> int:
    return rows.pk(ROWS[kind]) if kind in ROWS else 0


def provoke(client: Any, method: str, url: str) -> Iterator[int]:
    if method == "get":
        queries = (
            "",
            "?cursor=99",
            "?ordering=x",
            "?fields=x",
            "?status=nonsense",
            "?days=1",
            "?tier=nonsense",
            "?target_flow=0",
        )
        yield from (client.get(url + query).status_code for query in queries)
        return
    bodies: list[Any] = [
        {},
        record("OA-1"),
        {"revision": 99, "notes": "x", "definition": {}},
        {"revision": 1, "notes": "n"},
        {"revision": 0, "kind": "note", "prompt": "x", "reason": "x", "summary": "x", "node": "n1", "option": "o9"},
        {"problem": "VPN", "flow": 1, "session": 1, "version": 1},
    ]
    send = getattr(client, method)
    yield from (send(url, body, format="json").status_code for body in bodies)
    yield send(f"{url}?account=nowhere", {}, format="json").status_code
    yield send(url, b"{", content_type="application/json").status_code
    yield send(url, b"x", content_type="text/plain").status_code
    yield send(url, b"{}", content_type="application/json", CONTENT_LENGTH=str(2**40)).status_code


def test_the_schema_and_its_page_are_open_and_need_no_cdn(client: Any, db: None) -> None:
    assert client.get(reverse("api:schema")).status_code == 200
    page = client.get(reverse("api:docs")).content.decode()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", page), (
        "inline code would break the content security policy"
    )
