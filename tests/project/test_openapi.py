"""The OpenAPI schema: valid, complete, and true to what the code answers."""

import re
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.urls import reverse
from jsonschema import Draft202012Validator, FormatChecker

from tests.conftest import Cast
from tests.factories import make_proposal, make_session, record


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


def test_every_operation_takes_a_key_or_a_log_in(schema: Any) -> None:
    assert schema["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    for name, operation in operations(schema).items():
        assert {key for one in operation["security"] for key in one} == {"apiKey", "cookieAuth"}, name


def answer(schema: Any, response: Any) -> Any:
    """A response, or the shared one that it refers to."""
    return schema["components"]["responses"][response["$ref"].rpartition("/")[2]] if "$ref" in response else response


def test_every_refusal_has_the_shape_of_an_error_and_an_example(schema: Any) -> None:
    for name, operation in operations(schema).items():
        assert {"401", "403", "406", "429", "503"} <= set(operation["responses"]), name
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
    assert wrong == []


def test_references_lead_somewhere(schema: Any) -> None:
    known = {f"#/components/{kind}/{name}" for kind, ones in schema["components"].items() for name in ones}
    text = yaml.safe_dump(schema)
    assert set(re.findall(r"#/components/[^'\"\s]+", text)) <= known
    assert {"#/components/schemas/SessionRecord", "#/components/schemas/FlowDefinition"} <= known


def test_what_the_code_answers_is_documented(schema: Any, cast: Cast, api: Any) -> None:
    """Every operation is provoked in every way there is; no answer may be missing from its documentation."""
    session, proposal = make_session(cast.account), make_proposal(cast.account, sessions=0)
    known = {"sessions": session.pk, "proposals": proposal.pk, "flows": 0}
    missing: list[str] = []
    seen: set[int] = set()
    for (method, path), operation in operations(schema).items():
        kind = path.split("/")[3]
        for pk, users in ((known.get(kind, 0), (None, cast.alice, cast.bob, cast.root)), (0, (cast.alice,))):
            url = path.replace("{id}", str(pk))
            for user in users:
                for status in provoke(api(user), method, url):
                    seen.add(status)
                    if str(status) not in operation["responses"]:
                        missing.append(f"{method} {path}: {status}")
    assert not missing, sorted(set(missing))
    assert seen >= {200, 201, 400, 401, 403, 404, 409, 413, 415}


def provoke(client: Any, method: str, url: str) -> list[int]:
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
        return [client.get(url + query).status_code for query in queries]
    bodies: list[Any] = [
        {},
        record("OA-1"),
        {"revision": 99, "notes": "x", "definition": {}},
        {"revision": 1, "notes": "n"},
    ]
    found = [getattr(client, method)(url, body, format="json").status_code for body in bodies]
    found.append(getattr(client, method)(f"{url}?account=nowhere", {}, format="json").status_code)
    found.append(getattr(client, method)(url, b"{", content_type="application/json").status_code)
    found.append(getattr(client, method)(url, b"x", content_type="text/plain").status_code)
    found.append(
        getattr(client, method)(url, b"{}", content_type="application/json", CONTENT_LENGTH=str(2**40)).status_code
    )
    return found


def test_the_schema_and_its_page_are_open_and_need_no_cdn(client: Any, db: None) -> None:
    assert client.get(reverse("api:schema")).status_code == 200
    page = client.get(reverse("api:docs")).content.decode()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", page), (
        "inline code would break the content security policy"
    )
