"""The records that pydantic describes, the scheme of keys, and the parameters that the views' base reads."""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from pydantic import BaseModel

from flowpilot.accounts.scopes import KeyScope, scope_of
from flowpilot.flows.changes import FlowDiff
from flowpilot.flows.definition import FlowDefinition
from sessions.records import SessionRecord


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema tells of API keys; loaded by `flowpilot.api`."""

    target_class = "flowpilot.accounts.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        scopes = ", ".join(f"`{scope.value}` ({scope.label.lower()})" for scope in KeyScope)
        about = "An API key made in the admin. One that is narrowed to scopes does only what needs one of them"
        return {"type": "http", "scheme": "bearer", "description": f"{about}: {scopes}."}

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """The operation's scope, as OpenAPI 3.1 lets any scheme name roles."""
        scope = scope_of(auto_schema.view, auto_schema.method)
        return {self.name: [scope.value] if scope else []}


def add_pydantic_schemas(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: put the models' JSON Schemas among the components."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    found: dict[str, Any] = {}
    models: tuple[type[BaseModel], ...] = (SessionRecord, FlowDefinition, FlowDiff)
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    if twice := sorted(set(found) & set(schemas)):
        raise ValueError(f"a serializer's component and a pydantic model have one name: {', '.join(twice)}")
    schemas |= found
    return result


def add_common_parameters(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: the parameters that the views' base reads."""
    schemas = result["components"]["schemas"]
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            parameters = operation.setdefault("parameters", [])
            if method != "get":
                why = "With the same key it is done once."
                parameters.append(_header("Idempotency-Key", why, "^[ -~]{1,255}$"))
            if "412" in operation["responses"]:
                why = "The `ETag` of what you have read."
                parameters.append(_header("If-Match", why, '^(W/)?"[0-9]{1,9}-[a-z_]*-[0-9a-f]{16}"$'))
            if _ROWS.fullmatch(path) and method == "get":
                parameters.append(_fields_parameter(_fields(schemas, operation)))
    return result


# Lists of rows, and one row.
_ROWS = re.compile(
    r"/api/v1/(?:sessions|ingest-jobs|proposals|flows|gaps|script-templates|psa-pushes|audit-events|webhooks|webhook-deliveries)/"
    r"(?:\{id\}/)?"
)


def _header(name: str, description: str, pattern: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", "pattern": pattern}}


def _fields(schemas: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The fields of the row, or of each row of the page, that an operation answers with."""
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    found = schemas[schema["$ref"].rpartition("/")[2]]["properties"]
    if "results" in found:
        found = schemas[found["results"]["items"]["$ref"].rpartition("/")[2]]["properties"]
    return list(found)


def _fields_parameter(names: list[str]) -> dict[str, Any]:
    return {
        "name": "fields",
        "in": "query",
        "description": "Only these fields, with commas between them.",
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": names}},
    }
