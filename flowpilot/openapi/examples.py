"""An example of every body that the API takes and gives, made from its schema: none is missing, none is out of date.

A field's value is the schema's own example or default, or what the tables below say of its name, or the plainest value
of its type. A view that gives examples of its own keeps them.
"""

import json
import re
from typing import Any

Schema = dict[str, Any]

_DEFINITION = {
    "schema_version": 1,
    "root": "n1",
    "nodes": [
        {
            "id": "n1",
            "kind": "question",
            "text": "Does the laptop see the network?",
            "options": [
                {"id": "o1", "label": "Yes", "next": "n2"},
                {"id": "o2", "label": "No", "next": "n3"},
            ],
        },
        {"id": "n2", "kind": "resolution", "text": "Sign in to the VPN again"},
        {"id": "n3", "kind": "escalation", "text": "Hand over to the network team"},
    ],
}
_DIFF = {
    "changed_nodes": [
        {
            "node_id": "n1",
            "kind": "question",
            "field": "text",
            "before": "Is there a network?",
            "after": "Does the laptop see the network?",
        }
    ]
}
_RECORD = {
    "external_id": "CW-48213",
    "status": "resolved",
    "title": "VPN does not connect",
    "problem_summary": "The VPN client says that it cannot reach the server",
    "problem_domain": "networking",
    "client": "Acme",
    "technician": "bob@northwind.example",
    "started_at": "2026-03-02T09:15:00Z",
    "ended_at": "2026-03-02T09:40:00Z",
    "resolution_summary": "The router was restarted",
    "steps": [
        {
            "kind": "question",
            "prompt": "Does the laptop see the network?",
            "options": ["Yes", "No"],
            "selected_option": "No",
        },
        {"kind": "action", "prompt": "Restart the router", "options": ["Done"], "selected_option": "Done"},
    ],
    "psa": {"system": "connectwise", "ticket_id": "48213"},
}
# What a field of this name holds, where its schema allows it.
_BY_NAME: dict[str, Any] = {
    **dict.fromkeys(("definition", "proposed_flow_data"), _DEFINITION),
    "account": "northwind",
    "answer": "No",
    "body": "ping -c 4 '{{ host }}'",
    "client": "Acme",
    "code": "invalid",
    "count": 42,
    "cursor": "cD0yMDI2LTAzLTAy",
    "description": "The VPN client cannot reach its server.",
    "detail": "There is no such row.",
    "domain": "networking",
    "email": "bob@northwind.example",
    "external_id": "CW-48213",
    "field": "started_at",
    "flow": 17,
    "high": 0.8012,
    "id": 17,
    "key": "vpn-does-not-connect",
    "label": "Yes",
    "low": 0.5749,
    "n": 60,
    "name": "Service desk",
    "next": "https://flowpilot.example/api/v1/proposals/?cursor=cD0yMDI2LTAzLTAy",
    "node_evidence": {"n1": [[4711, 0]]},
    "node_id": "n1",
    "note": "A clearer first question",
    "notes": "Seen on three sites.",
    "option_id": "o2",
    "options": ["Yes", "No"],
    "owner": "alice@northwind.example",
    "pointer": "/revision",
    "previous": None,
    "problem_domain": "networking",
    "problem_summary": "The VPN client says that it cannot reach the server",
    "prompt": "Does the laptop see the network?",
    "proposed_diff": _DIFF,
    "reason": "must be a time with its zone, such as 2026-01-31T09:30:00Z",
    "resolution_summary": "The router was restarted",
    "response": "Since noon, on two laptops.",
    "selected_option": "No",
    "share": 0.7,
    "source_session": 4711,
    "supporting_session_ids": [4711],
    "target_flow": 17,
    "team": "Service desk",
    "technician": "bob@northwind.example",
    "text": "Does the laptop see the network?",
    "ticket_id": "48213",
    "title": "VPN does not connect",
    "transcript": [{"role": "user", "text": "The VPN does not connect."}],
    "url": "https://hooks.example/flowpilot",
    "zone": "Europe/Berlin",
}
_BY_FORMAT: dict[str, Any] = {
    "decimal": "1.25",
    "date": "2026-03-02",
    "date-time": "2026-03-02T09:15:00Z",
    "email": "bob@northwind.example",
    "time": "09:15:00",
    "uri": "https://flowpilot.example/",
    "uuid": "0b7e4c1d-9a2f-4d55-b0d1-f6a7c3e2b918",
}
_BY_COMPONENT: dict[str, Any] = {"SessionRecord": _RECORD, "FlowDefinition": _DEFINITION, "FlowDiff": _DIFF}
# Bodies that are no JSON.
_LINES = "application/x-ndjson"
_REQUESTS = {_LINES: json.dumps(_RECORD) + "\n"}
_ANSWERS = {
    _LINES: json.dumps({"line": 1, "external_id": "CW-48213", "outcome": "imported", "errors": []}) + "\n",
    "text/vnd.mermaid": 'flowchart TD\n    n1{"Does the laptop see the network?"}\n    n1 -->|"No"| n3\n',
}
_DEEPEST = 12


def add_examples(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: an example of each request and answer that has none, and of each id in an address."""
    maker = ExampleMaker(result["components"]["schemas"])
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and "example" not in parameter:
                    parameter["example"] = maker.make(parameter["schema"], parameter["name"])
            maker.complete(operation.get("requestBody", {}), _REQUESTS)
            for answer in operation["responses"].values():
                maker.complete(answer, _ANSWERS)
    return result


class ExampleMaker:
    """Makes values that a schema allows, with `schemas` to look references up."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas

    def complete(self, body: dict[str, Any], texts: dict[str, str]) -> None:
        """Give each media type of a request or an answer its example, `texts` where it is no JSON."""
        for kind, media in body.get("content", {}).items():
            if not {"example", "examples"} & set(media):
                media["example"] = texts.get(kind) or self.make(media.get("schema", {}))

    def make(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        """A value of the schema for a field of that name."""
        if depth > _DEEPEST:
            return None
        if "$ref" in schema:
            component = schema["$ref"].rpartition("/")[2]
            return _BY_COMPONENT.get(component) or self.make(self.schemas[component], name, depth + 1)
        for given in ("example", "const"):
            if given in schema:
                return schema[given]
        for choice in ("oneOf", "anyOf", "allOf"):
            if choice in schema:
                return self._chosen(schema[choice], name, depth)
        if "enum" in schema:
            return next((one for one in schema["enum"] if one not in (None, "")), schema["enum"][0])
        return self._typed(schema, _type_of(schema), name, depth)

    def _chosen(self, schemas: list[Schema], name: str, depth: int) -> Any:
        """Of the first that is more than null or blank."""
        made = [self.make(one, name, depth + 1) for one in schemas if one.get("type") != "null"]
        return next((value for value in made if value not in (None, "")), None)

    def _typed(self, schema: Schema, kind: str, name: str, depth: int) -> Any:
        named = _BY_NAME.get(name)
        if name in _BY_NAME and _allows(schema, kind, named):
            return named
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            items = self.make(schema.get("items", {}), name.removesuffix("s"), depth + 1)
            return [items] * max(1, schema.get("minItems", 0))
        if kind == "string":
            return (
                _BY_FORMAT.get(schema.get("format", "")) or schema.get("default") or "text"[: schema.get("maxLength")]
            )
        if kind in ("integer", "number"):
            return schema.get("default") or max(schema.get("minimum", 0), min(1, schema.get("maximum", 1)))
        return schema.get("default") or (True if kind == "boolean" else {})

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        found = {name: self.make(one, name, depth + 1) for name, one in schema.get("properties", {}).items()}
        more = schema.get("additionalProperties")
        if not found and isinstance(more, dict) and more:
            return {"resolved": self.make(more, "", depth + 1)}
        return found


def _type_of(schema: Schema) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "")
    return next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else str(kind)


def _allows(schema: Schema, kind: str, value: Any) -> bool:
    """Whether a value of the tables is of this type and within its length."""
    if value is None:
        return "null" in schema.get("type", [])
    kinds = {"string": str, "integer": int, "number": (int, float), "array": list, "object": dict, "": object}
    if not isinstance(value, kinds.get(kind, ())):  # type: ignore[arg-type]
        return False
    if kind == "array":
        items = schema.get("items", {})
        return "$ref" not in items and all(_allows(items, _type_of(items), one) for one in value)
    return kind != "string" or (
        len(value) <= schema.get("maxLength", len(value))
        and schema.get("format") != "date"
        and re.search(schema.get("pattern", ""), value) is not None
    )
