"""A flow as a file that another account, or another FlowPilot, can read. Pure.

    {"format": "flowpilot-flow", "format_version": 1, "key": "vpn", "title": "VPN", "description": "",
     "problem_domain": "networking", "version": 3, "definition": {…}}

It holds what a reader of the flow sees, and nothing of the sessions behind it: no examples, no evidence, no people.
`version` only tells where the file came from.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flowpilot.flows.definition import MAX_TITLE, Definition, has_unfit_character
from flowpilot.flows.soundness import printable
from flowpilot.flows.validation import DefinitionError, parse_json, validate_definition

FORMAT: Final = "flowpilot-flow"
FORMAT_VERSION: Final = 1
MAX_KEY = 100
MAX_DESCRIPTION = 10_000
MAX_DOMAIN = 100
MAX_BYTES = 5 * 1024 * 1024

_KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_LENGTHS = {"key": MAX_KEY, "title": MAX_TITLE, "description": MAX_DESCRIPTION, "problem_domain": MAX_DOMAIN}
_FIELDS = {"format", "format_version", "version", "definition", *_LENGTHS}


@dataclass(frozen=True, slots=True)
class PortableFlow:
    """What a file says; `key` is empty where it names none, `version` is None where it names none."""

    title: str
    definition: Definition
    key: str = ""
    description: str = ""
    problem_domain: str = ""
    version: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "key": self.key,
            "title": self.title,
            "description": self.description,
            "problem_domain": self.problem_domain,
            "version": self.version,
            "definition": self.definition,
        }

    def to_line(self) -> str:
        """The same in as few characters as it takes: what was small enough to be read stays so."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))

    def to_text(self) -> str:
        return json.dumps(self.to_json(), ensure_ascii=False, indent=2) + "\n"


def read_portable(data: bytes | str) -> tuple[PortableFlow | None, list[DefinitionError]]:
    """The flow in a file, or None with every fault of it; each fault names its place by a JSON pointer (RFC 6901).

    Never raises. A byte order mark at the beginning is passed over.
    """
    text, fault = _text(data)
    if fault:
        return None, [fault]
    value, faults = parse_json(text)
    if value is None and faults:
        return None, faults
    if not isinstance(value, dict):
        return None, [DefinitionError("", "wrong_type", "Must be an object, as FlowPilot exports it.")]
    if value.get("format") != FORMAT and "nodes" in value:
        message = "This is a definition alone: put it into “definition”, beside a “title”."
        return None, [DefinitionError("", "definition_alone", message)]
    faults = [*faults, *_head_faults(value), *_text_faults(value), *_definition_faults(value)]
    if faults:
        return None, faults
    texts = {name: _plain_lines(value.get(name, "")).strip() for name in _LENGTHS}
    return PortableFlow(**texts, definition=value["definition"], version=value.get("version")), []


def examples_of_same(examples: Mapping[str, Any], before: Definition, after: Definition) -> dict[str, Any]:
    """The part of a version's examples that is still true when its definition `before` gives way to `after`.

    A node keeps what was said at it while its id, kind and text stay, an answer while its id and label do. Examples are
    {"prompts": {node: …}, "answers": {node: {option: …}}, "problems": […]}.
    """
    old, new = _nodes(before), _nodes(after)
    same = {key for key, node in old.items() if key in new and _asks(node) == _asks(new[key])}
    kept: dict[str, Any] = {
        "prompts": {key: said for key, said in _mapping(examples.get("prompts")).items() if key in same},
        "answers": {
            key: {option: pairs for option, pairs in _mapping(said).items() if option in _same_options(old, new, key)}
            for key, said in _mapping(examples.get("answers")).items()
            if key in same
        },
        "problems": examples.get("problems", []),
    }
    return {name: part for name, part in kept.items() if part}


def _same_options(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> set[str]:
    labels = {option["id"]: option["label"] for option in new[key].get("options", ())}
    return {o["id"] for o in old[key].get("options", ()) if labels.get(o["id"]) == o["label"]}


def _text(data: bytes | str) -> tuple[str, DefinitionError | None]:
    size = len(data) if isinstance(data, bytes) else len(data.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        return "", DefinitionError("", "too_large", f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")
    if isinstance(data, str):
        return data.removeprefix("\ufeff"), None
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        return "", DefinitionError("", "not_utf8", f"Byte {error.start + 1} is not UTF-8 text.")


def _head_faults(value: dict[str, Any]) -> list[DefinitionError]:
    faults = []
    if value.get("format") != FORMAT:
        faults.append(DefinitionError("/format", "wrong_value", f"Must be “{FORMAT}”: is this an exported flow?"))
    version = value.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        faults.append(DefinitionError("/format_version", "wrong_value", f"Must be the number {FORMAT_VERSION}."))
    number = value.get("version")
    if number is not None and (type(number) is not int or number < 1):
        faults.append(DefinitionError("/version", "wrong_value", "Must be a number from 1, or null."))
    for name in sorted(value.keys() - _FIELDS):
        pointer = "/" + printable(name).replace("~", "~0").replace("/", "~1")
        faults.append(DefinitionError(pointer, "unexpected", "There is no such field in an exported flow."))
    return faults


def _text_faults(value: dict[str, Any]) -> list[DefinitionError]:
    faults = []
    for name, longest in _LENGTHS.items():
        text, place = value.get(name, ""), f"/{name}"
        if not isinstance(text, str):
            faults.append(DefinitionError(place, "wrong_type", "Must be a text."))
            continue
        if len(text) > longest:
            message = f"The text has {len(text)} characters; at most {longest} are allowed."
            faults.append(DefinitionError(place, "too_long", message))
        if has_unfit_character(_plain_lines(text)):
            message = "The text has a control character; only newline and tab are allowed."
            faults.append(DefinitionError(place, "control_character", message))
    if isinstance(value.get("title", ""), str) and not value.get("title", "").strip():
        faults.append(DefinitionError("/title", "blank", "A flow needs a title."))
    key = value.get("key", "")
    if isinstance(key, str) and not set(key) <= _KEY_CHARACTERS:
        message = "A key is made of letters (A-Z, a-z), digits, hyphens and underscores."
        faults.append(DefinitionError("/key", "bad_key", message))
    return faults


def _plain_lines(text: str) -> str:
    """The text with its lines ended as they are stored: a browser's text box ends them by two characters."""
    return text.replace("\r\n", "\n")


def _definition_faults(value: dict[str, Any]) -> list[DefinitionError]:
    if "definition" not in value:
        return [DefinitionError("/definition", "missing", "“definition” is missing.")]
    errors = validate_definition(value["definition"])
    return [DefinitionError(f"/definition{e.pointer}", e.code, e.message, e.node_id) for e in errors]


def _nodes(definition: Definition) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in definition.get("nodes", ())}


def _asks(node: Mapping[str, Any]) -> tuple[str, str]:
    return node["kind"], node["text"]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
