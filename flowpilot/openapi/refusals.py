"""Every operation tells of every refusal that it can give: the one place that adds what comes from outside its view."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flowpilot.common.problems import MEDIA_TYPE

Operation = dict[str, Any]

_LIMITS = {
    "RateLimit-Limit": "Requests that the caller may make in a minute.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "Seconds until they begin anew.",
}
_REQUEST_ID = {"X-Request-ID": "What the log calls this request."}
_NUMBERS = {*_LIMITS, "Retry-After"}


@dataclass(frozen=True)
class Refusal:
    """When it comes, the headers beside those of every answer, and for each `code` of it what else it says."""

    when: str
    examples: dict[str, dict[str, Any]]
    headers: tuple[str, ...] = ()


REFUSALS = {
    "BadQuery": Refusal(
        "A parameter is wrong or unknown; `errors` says which.",
        {
            "invalid": {
                "detail": "The request has invalid fields.",
                "errors": [{"parameter": "ordering", "detail": "“x” is not one of: created_at, impact."}],
            }
        },
    ),
    "BadRequest": Refusal(
        "The body is not JSON, or a field or a parameter is wrong; `errors` says which and where.",
        {
            "invalid": {
                "detail": "The request has invalid fields.",
                "errors": [{"pointer": "/revision", "detail": "This field is required."}],
            },
            "parse_error": {"detail": "The body is not valid JSON: expected value at line 1 column 2."},
        },
    ),
    "Unauthorized": Refusal(
        "No API key and no log-in, or a key that is unknown, expired, revoked or replaced.",
        {
            "not_authenticated": {"detail": "Authentication credentials were not provided."},
            "authentication_failed": {"detail": "This API key is unknown, expired or revoked."},
        },
        ("WWW-Authenticate",),
    ),
    "Forbidden": Refusal(
        "The caller's role does not allow this, or the API key lacks the scope; `details` names the scope.",
        {
            "permission_denied": {"detail": "You do not have permission to perform this action."},
            "missing_scope": {
                "detail": "this API key lacks the scope proposals:decide",
                "details": {"scope": "proposals:decide"},
            },
        },
    ),
    "NotFound": Refusal(
        "There is no such row in the caller's accounts.", {"not_found": {"detail": "There is no such row."}}
    ),
    "NoSuchPage": Refusal("There is no such page.", {"not_found": {"detail": "There is no such page."}}),
    "NotAcceptable": Refusal(
        "`Accept` names no media type of this operation.",
        {"not_acceptable": {"detail": "Could not satisfy the request Accept header."}},
    ),
    "Conflict": Refusal(
        "The row has changed or was decided, or the key was sent before with another request.",
        {
            "conflict": {
                "detail": "This was decided already.",
                "details": {"status": "rejected", "reviewed_by": "alice@northwind.example"},
            },
            "idempotency_key_reused": {
                "detail": "This Idempotency-Key was sent before with another request: make a new key for each write."
            },
        },
    ),
    "PreconditionFailed": Refusal(
        "The row is not the one that `If-Match` names any more; `details` tells what changed.",
        {
            "precondition_failed": {
                "detail": "This has changed since you read it.",
                "details": {"revision": 4},
            }
        },
    ),
    "TooLarge": Refusal(
        "The body is too long.", {"too_large": {"detail": "The body is longer than 16 MiB: send it in parts."}}
    ),
    "UnsupportedMediaType": Refusal(
        "The body is not application/json.",
        {"unsupported_media_type": {"detail": "Unsupported media type “text/plain” in request."}},
    ),
    "AddressTooLong": Refusal(
        "The address with its parameters is too long.",
        {"uri_too_long": {"detail": "The address with its parameters is too long."}},
    ),
    "HeadersTooLarge": Refusal(
        "There are too many headers, or one is too long.",
        {"headers_too_large": {"detail": "There are too many headers, or one is too long."}},
    ),
    "TooManyRequests": Refusal(
        "Too many requests in this minute; `Retry-After` says when to go on.",
        {"throttled": {"detail": "Request was throttled. Expected available in 17 seconds."}},
        ("Retry-After", *_LIMITS),
    ),
    "Unavailable": Refusal(
        "PostgreSQL or Redis is away; try again.",
        {
            "unavailable": {
                "detail": "FlowPilot cannot reach its database at the moment. Nothing was changed; please try again "
                "in a minute."
            }
        },
        ("Retry-After",),
    ),
}
_STATUS = {
    "BadQuery": 400, "BadRequest": 400, "Unauthorized": 401, "Forbidden": 403, "NotFound": 404, "NoSuchPage": 404,
    "NotAcceptable": 406, "Conflict": 409, "PreconditionFailed": 412, "TooLarge": 413, "UnsupportedMediaType": 415,
    "AddressTooLong": 414, "HeadersTooLarge": 431, "TooManyRequests": 429, "Unavailable": 503,
}  # fmt: skip
_HEADERS = {
    **_LIMITS,
    **_REQUEST_ID,
    "WWW-Authenticate": "Bearer",
    "Retry-After": "Seconds to wait.",
    "ETag": "Names what you have read: send it as `If-Match` with a change, or as `If-None-Match` to read it again.",
    "Idempotent-Replayed": "`true` where the key was sent before: nothing was done again.",
}


def add_refusals(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: the refusals of each operation, shared among them, and what its answers' headers tell."""
    components = result.setdefault("components", {})
    components["headers"] = {name: _header(name, text) for name, text in _HEADERS.items()}
    components["responses"] = {name: _response(name, refusal) for name, refusal in REFUSALS.items()}
    tagged = _tagged(result["paths"])
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _complete(operation, names_of(path, operation))
            _add_headers(operation, has_tag=(method, path) in tagged)
            if method == "get" and (method, path) in tagged:
                _tell_of_unchanged(operation)
    return result


def names_of(path: str, operation: Operation) -> list[str]:
    """The refusals that can come before, around and after the view's own code."""
    parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
    writes, has_body = "Idempotency-Key" in parameters, "requestBody" in operation
    rules = {
        "Unauthorized": bool(operation.get("security", True)),
        "Forbidden": bool(operation.get("security", True)),
        "NotFound": "{" in path or ("account" in parameters and writes),
        "NoSuchPage": "cursor" in parameters and "{" not in path,
        "NotAcceptable": True,
        "Conflict": writes,
        "PreconditionFailed": "If-Match" in parameters,
        "BadRequest": writes,
        "BadQuery": not writes,
        "TooLarge": has_body or writes,
        "UnsupportedMediaType": has_body,
        "AddressTooLong": True,
        "HeadersTooLarge": True,
        "TooManyRequests": True,
        "Unavailable": True,
    }
    return [name for name, can_come in rules.items() if can_come]


def _complete(operation: Operation, names: list[str]) -> None:
    """Add what is missing; a refusal that the view told of in words of its own keeps them."""
    responses = operation["responses"]
    shared = {str(_STATUS[name]): name for name in names}
    for status, answer in list(responses.items()):
        if status >= "400" and answer.get("description"):
            name = shared.get(status) or next((n for n, s in _STATUS.items() if str(s) == status), "BadRequest")
            responses[status] = {**_response(name, REFUSALS[name]), "description": answer["description"]}
        elif status >= "400" and status not in shared:
            shared[status] = next(n for n, s in _STATUS.items() if str(s) == status)
    for status, name in shared.items():
        if not responses.get(status, {}).get("description"):
            responses[status] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = dict(sorted(responses.items()))


def _add_headers(operation: Operation, *, has_tag: bool) -> None:
    writes = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    names = [*_LIMITS, *_REQUEST_ID, *(["ETag"] if has_tag else []), *(["Idempotent-Replayed"] if writes else [])]
    for status, answer in operation["responses"].items():
        if status < "400":
            answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _tell_of_unchanged(operation: Operation) -> None:
    schema = {"type": "string"}
    name, why = "If-None-Match", "The `ETag` of what you have read: 304 where nothing changed since."
    operation["parameters"].append({"name": name, "in": "header", "description": why, "schema": schema})
    headers = {header: {"$ref": f"#/components/headers/{header}"} for header in ("ETag", *_LIMITS, *_REQUEST_ID)}
    operation["responses"]["304"] = {"description": "Nothing has changed since.", "headers": headers}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _tagged(paths: dict[str, dict[str, Operation]]) -> set[tuple[str, str]]:
    """Operations whose answer has an ETag: changes that take `If-Match`, and the reading of what they change."""
    changes = {(m, p) for p, ones in paths.items() for m, one in ones.items() if "412" in one["responses"]}
    rows = {path[: path.index("}/") + 2] for _, path in changes if "}/" in path}
    return changes | {("get", path) for path in rows if "get" in paths.get(path, {})}


def _response(name: str, refusal: Refusal) -> dict[str, Any]:
    examples = {code: {"value": _example(_STATUS[name], code, rest)} for code, rest in refusal.examples.items()}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in (*refusal.headers, *_REQUEST_ID)}
    return {"description": refusal.when, "headers": headers, "content": content}


def _example(status: int, code: str, rest: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": f"urn:flowpilot:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "request_id": "0b7e4c1d9a2f4d55b0d1f6a7c3e2b918",
        **rest,
    }


def _header(name: str, description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer" if name in _NUMBERS else "string"}}
