"""Whether a JSON value is a valid flow definition, and everything that is wrong with it if not."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from flowpilot.flows.definition import FlowDefinition, is_id
from flowpilot.flows.soundness import Fault, Path, find_faults, printable

_SHAPE_MESSAGES = {
    "missing": ("missing", "“{field}” is missing."),
    "extra_forbidden": ("unexpected", "There is no field called “{field}” here."),
    "model_type": ("wrong_type", "Must be an object."),
    "list_type": ("wrong_type", "Must be a list."),
    "literal_error": ("wrong_value", "“{field}” must be {expected}."),
}


@dataclass(frozen=True, slots=True)
class DefinitionError:
    """One fault: where it is (JSON pointer, RFC 6901), a stable code, and a sentence for people.

    `node_id` is the node it belongs to, when that node has a usable id.
    """

    pointer: str
    code: str
    message: str
    node_id: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return asdict(self)


class InvalidDefinition(Exception):
    """A definition was refused; `errors` holds every fault, sorted by place."""

    def __init__(self, errors: list[DefinitionError]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{error.pointer or '/'}: {error.message}" for error in errors))


def validate_definition(obj: object) -> list[DefinitionError]:
    """Every fault of a JSON value as a flow definition, sorted by place; an empty list is valid.

    Takes any JSON value and never raises. The graph is checked as far as its parts are well formed,
    so shape and graph faults are reported together. Time is linear in the size of the value.
    """
    faults = [*_shape_faults(obj), *find_faults(obj)]
    faults.sort(key=lambda fault: [_sort_key(part) for part in fault.path])
    return [_to_error(obj, fault) for fault in faults]


def require_valid(obj: object) -> None:
    """Raise InvalidDefinition, with every fault, unless the value is a valid flow definition."""
    if errors := validate_definition(obj):
        raise InvalidDefinition(errors)


def parse_definition(text: str) -> tuple[object | None, list[DefinitionError]]:
    """A form's text as a JSON value, with every fault of text and definition.

    The value is None when the text is not JSON; the error then gives line and column.
    """
    obj, errors = parse_json(text)
    return obj, errors if obj is None and errors else [*errors, *validate_definition(obj)]


def parse_json(text: str) -> tuple[object | None, list[DefinitionError]]:
    """A text as a JSON value, with every fault of the text; never raises.

    The value is None when the text is not JSON; the error then gives line and column. A key that
    occurs twice in an object is a fault: of the two values one would be lost without a word.
    """
    repeated: list[tuple[object, str]] = []
    numbers: list[str] = []

    def to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            repeated.extend((made, key) for key, count in counts.items() if count > 1)
        return made

    try:
        obj = json.loads(text, object_pairs_hook=to_object, parse_constant=numbers.append)
    except json.JSONDecodeError as error:
        place = f"Line {error.lineno}, column {error.colno}"
        return None, [DefinitionError("", "not_json", f"{place}: {error.msg}.")]
    except RecursionError:
        return None, [DefinitionError("", "not_json", "The JSON is nested too deeply.")]
    except ValueError:  # what int() says of thousands of digits
        return None, [DefinitionError("", "not_json", "A number has too many digits to be read.")]
    faults = [Fault((), "not_json", f"{name} is not a JSON number.") for name in numbers]
    faults += _repeated_keys(obj, repeated)
    return obj, [_to_error(obj, fault) for fault in faults]


def _repeated_keys(obj: object, repeated: list[tuple[object, str]]) -> Iterator[Fault]:
    paths = {id(holder): path for path, holder in _objects(obj)} if repeated else {}
    for holder, key in repeated:
        # An object that was itself lost to a repeated key has no place any more.
        path = paths.get(id(holder), ())
        message = f"The key “{printable(key, 60)}” occurs more than once in one object."
        yield Fault((*path, key), "repeated_key", message)


def _objects(obj: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    pending: list[tuple[Path, object]] = [((), obj)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            yield path, value
            pending.extend(((*path, key), item) for key, item in value.items())
        elif isinstance(value, list):
            pending.extend(((*path, index), item) for index, item in enumerate(value))


def _shape_faults(obj: object) -> Iterator[Fault]:
    try:
        FlowDefinition.model_validate(_with_printable_keys(obj))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            path = detail["loc"]
            if known := _SHAPE_MESSAGES.get(detail["type"]):
                name = printable(str(path[-1]), 60) if path else "the definition"
                expected = detail.get("ctx", {}).get("expected")
                yield Fault(path, known[0], known[1].format(field=name, expected=expected))
            else:
                yield Fault(path, detail["type"], detail["msg"])


def _with_printable_keys(obj: object, levels: int = 3) -> object:
    """The value with harmless keys: at a lone surrogate in one, pydantic drops all other errors.

    Only the objects of the format are rebuilt: the definition, its nodes and their options.
    """
    if isinstance(obj, dict):
        return {
            printable(str(key)): [_with_printable_keys(item, levels - 1) for item in value]
            if levels > 1 and key in ("nodes", "options") and isinstance(value, list)
            else value
            for key, value in obj.items()
        }
    return obj


def _to_error(obj: object, fault: Fault) -> DefinitionError:
    parts = [printable(str(part)).replace("~", "~0").replace("/", "~1") for part in fault.path]
    pointer = "".join(f"/{part}" for part in parts)
    return DefinitionError(pointer, fault.code, fault.message, _node_id(obj, fault.path))


def _node_id(obj: object, path: Path) -> str | None:
    """The id of the node that the path lies in, where it is a usable one."""
    match (obj, path):
        case ({"nodes": list(nodes)}, ("nodes", int(index), *_)) if index < len(nodes):
            node = nodes[index]
            return node["id"] if isinstance(node, dict) and is_id(node.get("id")) else None
    return None


def _sort_key(part: str | int) -> tuple[bool, int, str]:
    return (False, part, "") if isinstance(part, int) else (True, 0, part)
