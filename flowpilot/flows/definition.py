"""The shape of a flow definition: the JSON object that holds one troubleshooting tree.

These models know fields, types and texts. How many nodes and answers there may be, and whether the
nodes make a sound graph, is `validation.validate_definition`'s to say: it is the whole rule.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

SCHEMA_VERSION = 1
MAX_NODES = 500
MAX_DEPTH = 50  # answers on the longest way from the root
MAX_OPTIONS = 30
MAX_HELP = 20
MAX_TEXT = 2000  # characters (code points), as all lengths here
MAX_LABEL = 200
MAX_TITLE = 200  # of the flow that holds a definition; a definition itself has no title

Kind = Literal["question", "action", "resolution", "escalation"]
ENDINGS: frozenset[str] = frozenset({"resolution", "escalation"})

# A definition as plain JSON, the form in which it is stored and sent.
Definition = dict[str, Any]

ID_PATTERN = "^[A-Za-z0-9_-]{1,40}$"
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
# PostgreSQL's jsonb holds neither NUL nor a lone surrogate; the other controls only garble a screen.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
_TEXT_PATTERN = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"  # ECMA: no controls, not blank


def is_id(value: object) -> bool:
    """Whether the value can be the id of a node or an option."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def fold_label(label: str) -> str:
    """The label as answers are compared: without case, runs of spaces and Unicode composition."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold())
    return " ".join(folded.split())


def has_unfit_character(text: str) -> bool:
    """Whether a text holds a control character other than newline and tab, or half of a surrogate pair."""
    return bool(_CONTROL.search(text) or _SURROGATE.search(text))


def _id_problems(value: str) -> Iterator[PydanticCustomError]:
    if not is_id(value):
        yield PydanticCustomError("bad_id", "An id is 1 to 40 letters (A-Z, a-z), digits, hyphens or underscores.")


def _text_problems(value: str, longest: int) -> Iterator[PydanticCustomError]:
    if not value.strip():
        yield PydanticCustomError("blank", "The text is empty.")
    if len(value) > longest:
        yield PydanticCustomError(
            "too_long",
            "The text has {length} characters; at most {longest} are allowed.",
            {"length": len(value), "longest": longest},
        )
    if found := _CONTROL.search(value):
        yield PydanticCustomError(
            "control_character",
            "Character {position} is the control character {name}; only newline and tab are allowed.",
            {"position": found.start() + 1, "name": f"U+{ord(found[0]):04X}"},
        )
    if found := _SURROGATE.search(value):
        yield PydanticCustomError(
            "lone_surrogate",
            "Character {position} is half of a surrogate pair ({name}), which is not a character.",
            {"position": found.start() + 1, "name": f"U+{ord(found[0]):04X}"},
        )


def _reporting_all(problems: Callable[[str], Iterator[PydanticCustomError]]) -> PlainValidator:
    """A validator that reports every problem of one string; pydantic's own stops at the first."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise PydanticCustomError("wrong_type", "Must be a text.")
        found = [InitErrorDetails(type=problem, input=value) for problem in problems(value)]
        if found:
            raise ValidationError.from_exception_data("text", found)
        return value

    return PlainValidator(check)


def _exactly_integer(value: object) -> object:
    if type(value) is not int:  # a Literal would take true and 1.0 as well
        raise PydanticCustomError("schema_version", "The schema version must be the number 1.")
    return value


def _text_schema(longest: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": longest, "pattern": _TEXT_PATTERN})


Id = Annotated[str, _reporting_all(_id_problems), WithJsonSchema({"type": "string", "pattern": ID_PATTERN})]
Text = Annotated[str, _reporting_all(partial(_text_problems, longest=MAX_TEXT)), _text_schema(MAX_TEXT)]
Label = Annotated[str, _reporting_all(partial(_text_problems, longest=MAX_LABEL)), _text_schema(MAX_LABEL)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Option(_Shape):
    """One answer to a node's text, and the node it leads to."""

    id: Id = Field(description="Unique within its node.")
    label: Label = Field(description="Unique within its node, whatever its case and spacing.")
    next: Id = Field(description="The id of the node this answer leads to.")


# Counts stand only in the published schema: pydantic would drop every other error of a list that is
# too long, so validation.py counts.
_ENDINGS_HAVE_NO_OPTIONS: dict[str, Any] = {
    "if": {"properties": {"kind": {"enum": sorted(ENDINGS)}}},
    "then": {"properties": {"options": {"maxItems": 0}}},
    "else": {"required": ["options"], "properties": {"options": {"minItems": 1}}},
}


class Node(_Shape):
    """One step: a question or an action with its answers, or an end (resolution, escalation)."""

    model_config = ConfigDict(json_schema_extra=_ENDINGS_HAVE_NO_OPTIONS)

    id: Id = Field(description="Unique within the definition.")
    kind: Kind
    text: Text
    help: list[Text] = Field(default=[], json_schema_extra={"maxItems": MAX_HELP})
    options: list[Option] = Field(default=[], json_schema_extra={"maxItems": MAX_OPTIONS})

    @property
    def is_ending(self) -> bool:
        return self.kind in ENDINGS


class FlowDefinition(_Shape):
    """A troubleshooting tree. Branches may join again; nothing may lead back.

    Beyond this schema: ids are unique, the root and every `next` exist, every node can be reached
    from the root, no way leads in a circle, and the longest takes at most 50 answers.
    """

    schema_version: Annotated[Literal[1], BeforeValidator(_exactly_integer)]
    root: Id = Field(description="The id of the node where the flow starts.")
    nodes: list[Node] = Field(json_schema_extra={"minItems": 1, "maxItems": MAX_NODES})

    def to_json(self) -> Definition:
        """The definition as plain JSON in its canonical form: empty lists are left out."""
        return self.model_dump(mode="json", exclude_defaults=True)


def definition_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a definition."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **FlowDefinition.model_json_schema(),
    }
