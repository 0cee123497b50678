"""The session record: what the import and the API take in. Pure: no database, no Django."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, from_json, to_json

MAX_TEXT = 20_000
MAX_TITLE = 300
MAX_OPTION = 500
MAX_STEPS = 2_000
MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_EMAIL = 254
YEARS = range(1970, 2101)
# All but tabs and line ends. (JSON has no lone surrogates.)
CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f"
CONTROL = re.compile(f"[{CONTROLS}]")
# As patterns these are checked without a call into Python for each text, and the schema tells of them.
PRINTABLE = rf"^[^{CONTROLS}]*$"
NOT_BLANK = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
BARE_NUMBER = re.compile(r"\s*[+-]?[\d.]+\s*")
A_TIME = "must be a time with its zone, such as 2026-01-31T09:30:00Z"

Status = Literal["active", "paused", "resolved", "escalated", "abandoned"]


def _email(text: str) -> str:
    # Lower case is what is kept, and it can be longer: "İ" becomes two characters.
    if not EMAIL.fullmatch(text) or len(text.lower()) > MAX_EMAIL:
        raise ValueError(f"must be an email address of at most {MAX_EMAIL} characters")
    return text


def _written_out(value: Any) -> Any:
    """Pydantic takes digits for seconds since 1970: "20260131" would become a day in August 1970."""
    if not isinstance(value, str) or BARE_NUMBER.fullmatch(value):
        raise ValueError(A_TIME)
    return value


def _plausible(time: datetime) -> datetime:
    if time.year not in YEARS:
        raise ValueError(f"must lie in the years {YEARS[0]} to {YEARS[-1]}")
    return time


Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=PRINTABLE)]
Prompt = Annotated[str, Field(max_length=MAX_TEXT, pattern=NOT_BLANK)]
Title = Annotated[str, Field(max_length=MAX_TITLE, pattern=PRINTABLE)]
Name = Annotated[str, Field(max_length=200, pattern=NOT_BLANK)]
Domain = Annotated[str, Field(max_length=100, pattern=PRINTABLE)]
Option = Annotated[str, Field(max_length=MAX_OPTION, pattern=PRINTABLE)]
Email = Annotated[
    str, Field(max_length=MAX_EMAIL, pattern=PRINTABLE, json_schema_extra={"format": "email"}), AfterValidator(_email)
]
FlowKey = Annotated[str, Field(max_length=100, pattern=NOT_BLANK)]
# Not strict: behind a function pydantic no longer knows that the text is JSON's, and strict datetimes take no text.
Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_out), AfterValidator(_plausible)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StepRecord(_Strict):
    """A prompt and its answer."""

    kind: Literal["question", "action", "script", "note", "help"]
    prompt: Prompt
    options: list[Option] = Field([], max_length=50)
    selected_option: Text | None = None
    response: Text | None = None
    at: Time | None = None


class TurnRecord(_Strict):
    """One utterance of a transcript."""

    role: Literal["user", "agent"]
    text: Prompt


class FlowReference(_Strict):
    """The flow that guided the session."""

    key: FlowKey
    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


def _flow_branch(value: Any) -> str:
    return "object" if isinstance(value, dict | FlowReference) else "key"


class PsaReference(_Strict):
    """The ticket that the session was worked for."""

    system: Annotated[str, Field(max_length=50, pattern=NOT_BLANK)]
    ticket_id: Annotated[str, Field(max_length=100, pattern=NOT_BLANK)]


class SessionRecord(_Strict):
    """One worked problem, as `steps` or as a raw `transcript`."""

    external_id: Name
    status: Status
    title: Title = ""
    problem_summary: Text = ""
    problem_domain: Domain | None = None
    client: Name | None = None
    technician: Email | None = None
    team: Name | None = None
    started_at: Time | None = None
    ended_at: Time | None = None
    resolution_summary: Text = ""
    flow: (
        Annotated[Annotated[FlowReference, Tag("object")] | Annotated[FlowKey, Tag("key")], Discriminator(_flow_branch)]
        | None
    ) = None
    steps: Annotated[list[StepRecord], Field(max_length=MAX_STEPS)] | None = None
    transcript: Annotated[list[TurnRecord], Field(max_length=MAX_STEPS)] | None = None
    psa: PsaReference | None = None

    @field_validator("ended_at")
    @classmethod
    def _not_before_start(cls, ended_at: datetime | None, info: ValidationInfo) -> datetime | None:
        started_at = info.data.get("started_at")
        if started_at and ended_at and ended_at < started_at:
            raise ValueError("is before started_at")
        return ended_at

    @field_validator("transcript")
    @classmethod
    def _not_both(cls, transcript: list[TurnRecord] | None, info: ValidationInfo) -> list[TurnRecord] | None:
        if transcript is not None and info.data.get("steps") is not None:
            raise ValueError("comes beside steps: give one of the two")
        return transcript

    def flow_reference(self) -> FlowReference | None:
        return FlowReference(key=self.flow) if isinstance(self.flow, str) else self.flow

    def digest(self) -> str:
        """SHA-256 of the content: two records with one digest are the same record."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def record_masked(record: SessionRecord, mask: Callable[[str], str]) -> SessionRecord:
    """The record with its free texts masked, each cut where it gets longer than it may be; names and ids stay."""

    def text(value: str | None, most: int = MAX_TEXT) -> str | None:
        return mask(value)[:most] if value else value

    steps = record.steps and [
        step.model_copy(
            update={
                "prompt": text(step.prompt),
                "options": [text(option, MAX_OPTION) for option in step.options],
                "selected_option": text(step.selected_option),
                "response": text(step.response),
            }
        )
        for step in record.steps
    ]
    turns = record.transcript and [turn.model_copy(update={"text": text(turn.text)}) for turn in record.transcript]
    told = {name: text(getattr(record, name)) for name in ("problem_summary", "resolution_summary")}
    return record.model_copy(
        update={"title": text(record.title, MAX_TITLE), **told, "steps": steps, "transcript": turns}
    )


@dataclass(frozen=True, slots=True)
class RecordError:
    """One thing that is wrong with one record. `field` is a path such as `steps/2/prompt`, empty for the whole."""

    field: str
    reason: str


# Pydantic's kinds of error in words for whoever wrote the record; each takes the error's own values.
REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of a session record",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
    "string_too_long": "is longer than {max_length} characters",
    "too_long": "holds more than {max_length} items",
    "timezone_aware": "has no time zone: write it as 2026-01-31T09:30:00Z",
}


def record_errors(error: ValidationError) -> list[RecordError]:
    """A pydantic error as plain sentences, one for each place."""
    return [RecordError("/".join(map(str, _path(item))), _reason(item)) for item in error.errors(include_url=False)]


def _path(item: ErrorDetails) -> tuple[int | str, ...]:
    """Where it is in the record; pydantic puts the branch of the union after `flow`, which is no field."""
    place = item["loc"]
    return (*place[:1], *place[2:]) if place[:1] == ("flow",) else place


def _reason(item: ErrorDetails) -> str:
    kind = item["type"]
    if kind == "json_invalid":
        return f"is not valid JSON: {_json_reason(str(item['ctx']['error']))}"
    if kind == "string_pattern_mismatch":
        bad = CONTROL.search(item["input"])
        return (
            f"holds the control character U+{ord(bad[0]):04X} at position {bad.start()}" if bad else "must not be blank"
        )
    if kind.startswith("datetime_"):
        return A_TIME
    if kind in REASONS:
        return REASONS[kind].format_map(item.get("ctx", {}))
    return item["msg"].removeprefix("Value error, ")


def _json_reason(message: str) -> str:
    """A record is one line, so the parser's own "line 1" would only mislead beside the file's line number."""
    if message.startswith("recursion limit"):
        return "it is nested too deeply"
    return message.replace("EOF", "it ends").replace(" at line 1 column ", " at column ")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a JSON Lines file: its record, or why it has none.

    `end` counts the bytes read up to here; `external_id` is the record's, or what a bad line says it is.
    """

    number: int
    end: int
    external_id: str
    record: SessionRecord | None
    errors: tuple[RecordError, ...] = ()


def read_lines(stream: BinaryIO, first: int = 1) -> Iterator[Line]:
    """Read JSON Lines one at a time: memory is bounded by one line, and a bad line never hides the next.

    Blank lines are passed over; a line longer than MAX_LINE_BYTES is an error of that line. `first` is the number of
    the first one.
    """
    for number, (end, raw) in enumerate(cut_lines(stream), first):
        if len(raw) > MAX_LINE_BYTES:
            yield Line(number, end, "", None, (RecordError("", f"is longer than {MAX_LINE_BYTES // 2**20} MiB"),))
        elif text := raw.removeprefix(b"\xef\xbb\xbf").strip():
            yield _parse(number, end, text)


def cut_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Every line as it stands, and the bytes read up to its end; of one that is longer than MAX_LINE_BYTES just one
    byte more than that."""
    end = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        end += len(raw)
        if len(raw) > MAX_LINE_BYTES:
            end += _skip_line(stream, raw)
        yield end, raw


def _skip_line(stream: BinaryIO, raw: bytes) -> int:
    skipped = 0
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(MAX_LINE_BYTES)
        skipped += len(raw)
    return skipped


def _parse(number: int, end: int, text: bytes) -> Line:
    try:
        record = SessionRecord.model_validate_json(text)
    except ValidationError as error:
        errors = _encoding_errors(text) or tuple(record_errors(error))
        return Line(number, end, _external_id(_loaded(text)), None, errors)
    return Line(number, end, record.external_id, record)


def _encoding_errors(text: bytes) -> tuple[RecordError, ...]:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return (RecordError("", f"is not UTF-8 text: byte 0x{text[error.start]:02X} at column {error.start + 1}"),)
    return ()


def _loaded(text: bytes) -> Any:
    try:
        return from_json(text)
    except ValueError:
        return None


def _external_id(obj: Any) -> str:
    found = obj.get("external_id") if isinstance(obj, dict) else None
    return found[:200] if isinstance(found, str) else ""


def line_of_object(number: int, obj: Any) -> Line:
    """A record that is parsed JSON already, as a line."""
    try:
        record = record_from_object(obj)
    except ValidationError as error:
        return Line(number, 0, _external_id(obj), None, tuple(record_errors(error)))
    return Line(number, 0, record.external_id, record)


def record_from_object(obj: Any) -> SessionRecord:
    """A record from parsed JSON, with JSON's types. Raises pydantic's ValidationError."""
    return SessionRecord.model_validate_json(to_json(obj, inf_nan_mode="constants"))
