"""The typed parameters of a script template, and the values that each type takes. Pure."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

MAX_PARAMETERS = 20
MAX_OPTIONS = 50
MAX_TEXT = 2_000
DEFAULT_LENGTHS = {"string": 200, "secret": 200, "path": 260, "host_name": 253, "user_name": 256}
MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"{LABEL}(?:\.{LABEL})*")
USER = re.compile(r"\w[\w.@+' -]*(?:\\\w[\w.@+' -]*)?")
NOT_IN_PATH = '"<>|*?'
# They turn the text on the screen around: what is read in the preview would not be what runs.
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Shell(StrEnum):
    POWERSHELL = "powershell"
    BASH = "bash"
    CMD = "cmd"


class Kind(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    HOST_NAME = "host_name"
    USER_NAME = "user_name"
    PATH = "path"
    SECRET = "secret"  # noqa: S105 - the name of a type


# A value as it is checked: what quoting takes.
Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where: `field` is body, parameters or a parameter's name; line and column count from 1."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message

    def to_json(self) -> dict[str, Any]:
        return {"field": self.field, "message": self.message, "line": self.line, "column": self.column}


class Parameter(BaseModel):
    """One parameter. `minimum` and `maximum` bound an integer's value and every other text's length."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    label: str = Field(default="", max_length=100)
    kind: Kind
    required: bool = True
    default: str = Field(default="", max_length=MAX_TEXT)
    help: str = Field(default="", max_length=300)
    options: tuple[str, ...] = Field(default=(), max_length=MAX_OPTIONS)
    minimum: int | None = Field(default=None, ge=MIN_INTEGER, le=MAX_INTEGER)
    maximum: int | None = Field(default=None, ge=MIN_INTEGER, le=MAX_INTEGER)
    # Whether a text may have several lines; only PowerShell and bash can carry them.
    multiline: bool = False

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("a name begins with a small letter and has small letters, digits and _ only, at most 40")
        return value

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("the minimum is above the maximum")
        if self.kind == Kind.CHOICE and not self.options:
            raise ValueError("a choice needs options")
        if self.kind != Kind.CHOICE and self.options:
            raise ValueError("only a choice has options")
        if len(set(self.options)) != len(self.options):
            raise ValueError("an option stands there twice")
        if self.kind == Kind.SECRET and self.default:
            raise ValueError("a secret has no default: it would be stored")
        if self.multiline and self.kind not in (Kind.STRING, Kind.SECRET):
            raise ValueError("only a string or a secret can have several lines")
        if not self.required and self.kind in (Kind.INTEGER, Kind.CHOICE, Kind.SECRET):
            raise ValueError(f"a parameter of type {self.kind} is always required")
        return self

    @property
    def title(self) -> str:
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def kind_words(self) -> str:
        return self.kind.value.replace("_", " ")

    @property
    def is_secret(self) -> bool:
        return self.kind == Kind.SECRET

    @property
    def longest(self) -> int:
        limit = DEFAULT_LENGTHS.get(self.kind, MAX_TEXT)
        return min(self.maximum, MAX_TEXT) if self.maximum is not None else limit


def stored_parameter(data: dict[str, Any]) -> Parameter:
    """A parameter of a kept version. One whose type is missing or unknown, as another release may have stored it, is a
    secret: quoted as any text is, and kept nowhere. Raises ValidationError for what is no parameter at all."""
    if data.get("kind") in set(Kind):
        return Parameter.model_validate(data)
    said = {name: data[name] for name in ("name", "label", "help") if name in data}
    return Parameter.model_validate({**said, "kind": Kind.SECRET})


_LIST: TypeAdapter[list[Parameter]] = TypeAdapter(list[Parameter])


def read_parameters(data: object) -> tuple[list[Parameter], list[Fault]]:
    """The parameters that `data` (a list of objects) describes, or every fault in it."""
    try:
        found = _LIST.validate_python(data)
    except ValidationError as error:
        return [], [_fault(data, item) for item in error.errors()]
    faults = []
    if len(found) > MAX_PARAMETERS:
        faults.append(Fault("parameters", f"at most {MAX_PARAMETERS} parameters, these are {len(found)}"))
    names = [parameter.name for parameter in found]
    faults += [
        Fault("parameters", f"two parameters are called {name}") for name in sorted(set(names)) if names.count(name) > 1
    ]
    for parameter in found:
        for value in (parameter.default, *parameter.options):
            if value and (problem := refusal(parameter, value)):
                faults.append(Fault("parameters", f"{parameter.name}: {value!r}: {problem}"))
    return ([], faults) if faults else (found, [])


def _fault(data: object, item: Any) -> Fault:
    place = item["loc"]
    row: Any = data[place[0]] if place and isinstance(data, list) and isinstance(place[0], int) else None
    name = row.get("name") if isinstance(row, dict) else None
    where = [f"parameter {name or place[0] + 1}"] if place and isinstance(place[0], int) else []
    where += [str(part) for part in place[1:]]
    message = item["msg"].removeprefix("Value error, ")
    return Fault("parameters", ": ".join([*where, message]))


def read_values(
    parameters: Iterable[Parameter], raw: Mapping[str, object], *, without_secrets: bool = False
) -> tuple[dict[str, Value], list[Fault]]:
    """Each parameter's value of `raw` (texts as a form sends them, or JSON), and what is wrong with which.

    A secret is not looked at where `without_secrets` is set: a preview does without. Unknown names are faults.
    """
    values: dict[str, Value] = {}
    faults = []
    known = {parameter.name: parameter for parameter in parameters}
    faults += [Fault(name, "there is no such parameter") for name in raw if name not in known]
    for name, parameter in known.items():
        if parameter.is_secret and without_secrets:
            continue
        try:
            values[name] = read_value(parameter, raw.get(name))
        except ValueError as error:
            faults.append(Fault(name, str(error)))
    return values, faults


def read_value(parameter: Parameter, raw: object) -> Value:
    """The value of a text or a JSON value. Raises ValueError with a sentence for people."""
    if parameter.kind == Kind.BOOLEAN:
        return _boolean(raw)
    if parameter.kind == Kind.INTEGER:
        return _integer(parameter, raw)
    if raw is not None and not isinstance(raw, str):
        raise ValueError("this must be a text")
    text = (raw or "").replace("\r\n", "\n") if parameter.multiline else raw or ""
    if problem := refusal(parameter, text):
        raise ValueError(problem)
    return text


def refusal(parameter: Parameter, text: str) -> str:
    """Why the parameter does not take this text; empty where it does. Quoting may refuse more (see `quoting`)."""
    if parameter.kind == Kind.INTEGER or parameter.kind == Kind.BOOLEAN:
        try:
            read_value(parameter, text)
        except ValueError as error:
            return str(error)
        return ""
    if not text:
        return "this is required" if parameter.required else ""
    if len(text) > parameter.longest:
        return f"at most {parameter.longest} characters, these are {len(text)}"
    if parameter.minimum is not None and len(text) < parameter.minimum:
        return f"at least {parameter.minimum} characters"
    return unreadable(text, multiline=parameter.multiline) or _wrong_kind(parameter, text)


def unreadable(text: str, *, multiline: bool = False) -> str:
    """Which character no value may have: a terminal acts on control characters even between quotes."""
    for place, char in enumerate(text, start=1):
        if (char == "\n" and multiline) or (char == " "):
            continue
        category = unicodedata.category(char)
        if category in ("Cc", "Cs") or char in BIDI:
            what = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab", "\0": "NUL"}.get(char)
            return f"character {place} is {what or f'U+{ord(char):04X}'}, which is not allowed here"
    return ""


def _wrong_kind(parameter: Parameter, text: str) -> str:
    if parameter.kind == Kind.CHOICE and text not in parameter.options:
        return f"choose one of {', '.join(parameter.options)}"
    if parameter.kind == Kind.HOST_NAME and not _is_host(text):
        return "this is no host name: letters, digits, - and dots, such as PC-0042 or server.example.com, or an address"
    if parameter.kind == Kind.USER_NAME and not USER.fullmatch(text):
        return "this is no user name, such as jdoe, CONTOSO\\jdoe or jane.doe@example.com"
    if parameter.kind == Kind.PATH:
        if bad := next((char for char in text if char in NOT_IN_PATH), ""):
            return f"a path has no {bad}"
        if text.startswith("-"):
            return "a path must not begin with -: a command would read it as an option; put ./ before it"
    return ""


def _is_host(text: str) -> bool:
    if len(text) <= 253 and HOST.fullmatch(text):
        return True
    try:
        return "%" not in text and ipaddress.ip_address(text) is not None
    except ValueError:
        return False


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    words: dict[Any, bool] = {"": False, None: False, "on": True, "true": True, "false": False, "1": True, "0": False}
    if (raw is None or isinstance(raw, str)) and raw in words:
        return words[raw]
    raise ValueError("this must be true or false")


def _integer(parameter: Parameter, raw: object) -> int:
    if raw is None or raw == "":
        raise ValueError("this is required")
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError("this must be a whole number")
    text = str(raw).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text):
        raise ValueError("this must be a whole number")
    number = int(text)
    low = MIN_INTEGER if parameter.minimum is None else parameter.minimum
    high = MAX_INTEGER if parameter.maximum is None else parameter.maximum
    if not low <= number <= high:
        raise ValueError(f"this must be from {low} to {high}")
    return number


# What a template may be for; an unknown word is shown in a neutral style.
Risk = Literal["read_only", "changes", "destructive"]
