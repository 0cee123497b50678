"""What drf-spectacular cannot see by itself: the records that pydantic describes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from pydantic import BaseModel

from flowpilot.flows.definition import FlowDefinition
from sessions.records import SessionRecord


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the schema tells of API keys; loaded by `flowpilot.api`."""

    target_class = "flowpilot.accounts.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key made in the admin."}


def add_pydantic_schemas(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: put the models' JSON Schemas among the components."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    models: tuple[type[BaseModel], ...] = (SessionRecord, FlowDefinition)
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return result
