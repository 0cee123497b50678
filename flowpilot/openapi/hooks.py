"""The records that pydantic describes, the scheme of keys, texts, and the parameters that the views' base reads."""

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
    """Post-processing hook: put the models' JSON Schemas among the components.

    Raises ValueError where a serializer has the name of one of them: the answers would be told of wrongly.
    """
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


def allow_null_once(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: what may be anything may be null; as one of two, of which both allow it, it could not."""
    for schema in result["components"]["schemas"].values():
        for about in schema.get("properties", {}).values():
            if {} in about.get("oneOf", []):
                del about["oneOf"]
    return result


def tell_of_texts(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: which characters a free text that is sent may have. One that may not be empty must not be
    blank either."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request"):
            for about in schema.get("properties", {}).values():
                if about.get("type") == "string" and not {"format", "enum", "pattern"} & set(about):
                    about["pattern"] = _NOT_BLANK if about.get("minLength") else _STORABLE
    return result


def add_common_parameters(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: the parameters that the views' base reads, and what it asks of all of them."""
    schemas = result["components"]["schemas"]
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            parameters = operation.setdefault("parameters", [])
            for parameter in parameters:
                if parameter["in"] == "query" and parameter["schema"] == {"type": "string"}:
                    parameter["schema"]["pattern"] = _VALUE
            if "412" in operation["responses"]:
                _ask_for_no_revision(schemas, operation)
            if "requestBody" in operation:
                operation["requestBody"].setdefault("required", _asks(schemas, operation))
            if method != "get":
                why = "With the same key it is done once."
                parameters.append(_header("Idempotency-Key", why, "^[ -~]{1,255}$", "night-of-2026-01-31"))
            if "412" in operation["responses"]:
                why = "The `ETag` of what you have read."
                pattern = '^(W/)?"[0-9]{1,9}-[a-z_]*-[0-9a-f]{16}"$'
                parameters.append(_header("If-Match", why, pattern, '"1-pending-0123456789abcdef"'))
            if _ROWS.fullmatch(path) and method == "get":
                parameters.append(_fields_parameter(_fields(schemas, operation)))
                _tell_of_parts(schemas, operation)
    return result


# Lists of rows, and one row.
_ROWS = re.compile(
    r"/api/v1/(?:sessions|ingest-jobs|proposals|flows|gaps|script-templates|psa-pushes|audit-events|webhooks|webhook-deliveries)/"
    r"(?:\{id\}/)?"
)

# PostgreSQL keeps no null character. Python takes more for blank than ECMA's `\s`.
_STORABLE = r"^[^\u0000]*$"
_NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"

# Not empty, and without what PostgreSQL cannot compare.
_VALUE = r"^[^\u0000]+$"


def _header(name: str, description: str, pattern: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "description": description, "schema": schema, "example": example}


def _fields(schemas: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The fields of the row, or of each row of the page, that an operation answers with."""
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    found = schemas[_name(schema)]["properties"]
    if "results" in found:
        found = schemas[_name(found["results"]["items"])]["properties"]
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


def _ask_for_no_revision(schemas: dict[str, Any], operation: dict[str, Any]) -> None:
    """A body need not name the revision that an `If-Match` may name instead. (Words only can tell that one must be.)"""
    body = schemas[_name(operation["requestBody"]["content"]["application/json"]["schema"])]
    required = [name for name in body.pop("required", []) if name != "revision"]
    if required:
        body["required"] = required


def _asks(schemas: dict[str, Any], operation: dict[str, Any]) -> bool:
    """Whether a body is needed: where nothing in it must be there, no body says as much."""
    schema = operation["requestBody"]["content"].get("application/json", {}).get("schema", {})
    return "$ref" not in schema or bool(schemas[_name(schema)].get("required"))


def _tell_of_parts(schemas: dict[str, Any], operation: dict[str, Any]) -> None:
    """With `fields` an answer has a part of each row, whose schema is the row's with nothing required."""
    media = operation["responses"]["200"]["content"]["application/json"]
    whole = _name(media["schema"])
    rows = schemas[whole]["properties"].get("results")
    row = _name(rows["items"]) if rows else whole
    part = {name: value for name, value in schemas[row].items() if name != "required"}
    schemas[f"{row}Part"] = {**part, "description": "What `fields` names of it.", "minProperties": 1}
    if rows:
        results = {**rows, "items": {"$ref": f"#/components/schemas/{row}Part"}}
        properties = {**schemas[whole]["properties"], "results": results}
        schemas[f"{whole}Part"] = {**schemas[whole], "properties": properties}
    media["schema"] = {"anyOf": [media["schema"], {"$ref": f"#/components/schemas/{whole}Part"}]}


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"].rpartition("/")[2])
