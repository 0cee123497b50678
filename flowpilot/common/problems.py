"""Refusals of the API as problem details (RFC 9457): one shape, with a pointer to each thing that is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flowpilot.common.requestid import current_request_id

MEDIA_TYPE = "application/problem+json"


def problem(status: int, code: str, message: str, details: Any = None, *, of_query: bool = False) -> dict[str, Any]:
    """The body of a refusal.

    `details` of a 400 name what is wrong (by field, or as a list): they become `errors` with a JSON pointer (RFC 6901)
    into the body, or with the parameter's name where the query was wrong. Details of other refusals are facts about
    them, and stand as they are. The id of the request stands in it, for whoever asks what the log says of it.
    """
    body: dict[str, Any] = {
        "type": f"urn:flowpilot:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "code": code,
    }
    if request_id := current_request_id():
        body["request_id"] = request_id
    if details:
        if status == HTTPStatus.BAD_REQUEST:
            body["errors"] = [_placed(error, of_query) for error in _errors(details, ())]
        else:
            body["details"] = details
    return body


def _errors(details: Any, path: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if isinstance(details, Mapping):
        if error := _told(details, path):
            yield error
            return
        for name, inner in details.items():
            # What is wrong with a thing as a whole, not with a field of it.
            yield from _errors(inner, path if name == "non_field_errors" else (*path, str(name)))
    elif isinstance(details, Sequence) and not isinstance(details, str):
        for index, inner in enumerate(details):
            # A list of sentences is about its place; of anything else each stands at a place of its own.
            yield from _errors(
                inner, path if isinstance(inner, str) or "pointer" in inner else _place(path, index, inner)
            )
    else:
        yield {"pointer": _pointer(path), "detail": str(details)}


def _place(path: tuple[str, ...], index: int, inner: Any) -> tuple[str, ...]:
    return path if isinstance(inner, Mapping) and "field" in inner else (*path, str(index))


def _told(details: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, str] | None:
    """An error that already says where it is: by a pointer, or by a record's field such as `steps/0/kind`."""
    if isinstance(details.get("pointer"), str):
        told = {"pointer": f"{_pointer(path)}{details['pointer']}", "detail": str(details.get("message", ""))}
        return told | ({"code": str(details["code"])} if "code" in details else {})
    if isinstance(details.get("field"), str) and "reason" in details:
        return {"pointer": _pointer((*path, *filter(None, details["field"].split("/")))), "detail": details["reason"]}
    return None


def _pointer(path: Sequence[str]) -> str:
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in path)


def _placed(error: dict[str, str], of_query: bool) -> dict[str, str]:
    if not of_query:
        return error
    return {"parameter": error["pointer"].removeprefix("/"), "detail": error["detail"]}
