"""What drf-spectacular cannot see by itself: the records that pydantic describes."""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from pydantic import BaseModel

from flowpilot.accounts.scopes import KeyScope, scope_of
from flowpilot.common.problems import MEDIA_TYPE
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
    models: tuple[type[BaseModel], ...] = (SessionRecord, FlowDefinition)
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return result


def add_common_parameters(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: the parameters that the views' base reads."""
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            parameters = operation.setdefault("parameters", [])
            if method != "get":
                parameters.append(_parameter("Idempotency-Key", "header", "With the same key it is done once."))
            if "412" in operation["responses"]:
                parameters.append(_parameter("If-Match", "header", "The `ETag` of what you have read."))
            if _ROWS.fullmatch(path) and method == "get":
                parameters.append(_parameter("fields", "query", "Only these fields, with commas between them."))
    return result


# Lists of rows, and one row.
_ROWS = re.compile(r"/api/v1/(?:sessions|proposals|flows|gaps)/(?:\{id\}/)?")


def _parameter(name: str, where: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": where, "description": description, "schema": {"type": "string"}}


def add_error_responses(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: every operation tells of the refusals that come from outside its own code."""
    for path, operations in result["paths"].items():
        for operation in operations.values():
            for status, why in _refusals(path, operation).items():
                operation["responses"].setdefault(status, _error(why))
            for status, answer in operation["responses"].items():
                if status >= "400" and "application/json" in answer.get("content", {}):
                    answer["content"] = {MEDIA_TYPE: answer["content"]["application/json"]}
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return result


def _refusals(path: str, operation: dict[str, Any]) -> dict[str, str]:
    found = {
        "401": "No API key and no log-in, or a key that is unknown, expired, revoked or replaced.",
        "403": "The caller's role does not allow this, or the API key lacks the scope; `details` names the scope.",
        "429": "Too many requests in this minute; `Retry-After` says when to go on.",
        "503": "PostgreSQL or Redis is away; try again.",
    }
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    if names - {"id", "Idempotency-Key"}:
        found["400"] = "A parameter or a field is wrong; `errors` says which."
    if "{" in path:
        found["404"] = "There is no such row in the caller's accounts."
    if "cursor" in names:
        found["404"] = "There is no such page."
    if "Idempotency-Key" in names:
        found["409"] = "The row has changed or was decided, or the key was sent before with another request."
    if "If-Match" in names:
        found["412"] = "The row is not the one that `If-Match` names any more; `details` tells what changed."
    if "requestBody" in operation:
        found["400"] = "The body is not JSON or has wrong fields; `errors` says which."
        found["413"] = "The body is too long."
        found["415"] = "The body is not application/json."
    return found


def _error(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
