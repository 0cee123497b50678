"""The session record: what the import and the API take in. Pure: no database, no Django."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

MAX_TEXT = 20_000
MAX_STEPS = 2_000
MAX_LINE_BYTES = 16 * 1024 * 1024
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")

Status = Literal["active", "paused", "resolved", "escalated", "abandoned"]


def _printable(text: str) -> str:
    if bad := CONTROL.search(text):
        raise ValueError(f"holds the control character U+{ord(bad.group()):04X} at position {bad.start()}")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_printable)]
Prompt = Annotated[Text, AfterValidator(_not_blank)]
Title = Annotated[str, Field(max_length=300), AfterValidator(_printable)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_printable), AfterValidator(_not_blank)]
Domain = Annotated[str, Field(max_length=100), AfterValidator(_printable)]
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"), AfterValidator(_printable)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StepRecord(_Strict):
    """A prompt and its answer."""

    kind: Literal["question", "action", "script", "note", "help"]
    prompt: Prompt
    options: list[Annotated[str, Field(max_length=500), AfterValidator(_printable)]] = Field([], max_length=50)
    selected_option: Text | None = None
    response: Text | None = None
    at: AwareDatetime | None = None


class TurnRecord(_Strict):
    """One utterance of a transcript."""

    role: Literal["user", "agent"]
    text: Prompt


class FlowReference(_Strict):
    """The flow that guided the session."""

    key: Annotated[str, Field(max_length=100)]
    version: Annotated[int, Field(ge=1)] | None = None


class PsaReference(_Strict):
    """The ticket that the session was worked for."""

    system: Annotated[str, Field(max_length=50), AfterValidator(_printable), AfterValidator(_not_blank)]
    ticket_id: Annotated[str, Field(max_length=100), AfterValidator(_printable), AfterValidator(_not_blank)]


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
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    resolution_summary: Text = ""
    flow: FlowReference | Annotated[str, Field(max_length=100)] | None = None
    steps: Annotated[list[StepRecord], Field(max_length=MAX_STEPS)] | None = None
    transcript: Annotated[list[TurnRecord], Field(max_length=MAX_STEPS)] | None = None
    psa: PsaReference | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.steps is not None and self.transcript is not None:
            raise ValueError("give either steps or transcript, not both")
        if self.started_at and self.ended_at and self.ended_at < self.started_at:
            raise ValueError("ended_at is before started_at")
        return self

    def flow_reference(self) -> FlowReference | None:
        return FlowReference(key=self.flow) if isinstance(self.flow, str) else self.flow

    def digest(self) -> str:
        """SHA-256 of the content: two records with one digest are the same record."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RecordError:
    """One thing that is wrong with one record. `field` is a path such as `steps/2/prompt`, empty for the whole."""

    field: str
    reason: str


def record_errors(error: ValidationError) -> list[RecordError]:
    """A pydantic error as plain sentences, one for each place."""
    return [
        RecordError("/".join(str(part) for part in item["loc"] if not _is_branch(part)), _reason(item["msg"]))
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _is_branch(part: int | str) -> bool:
    """Pydantic names the branch of a union (`FlowReference`, `constrained-str`) in the path: no field of ours."""
    return isinstance(part, str) and (part[:1].isupper() or "-" in part or "[" in part)


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a JSON Lines file: its record, or why it has none. `end` counts the bytes read up to here."""

    number: int
    end: int
    record: SessionRecord | None
    errors: tuple[RecordError, ...] = ()


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Read JSON Lines one at a time: memory is bounded by one line, and a bad line never hides the next.

    Blank lines are passed over; a line longer than MAX_LINE_BYTES is an error of that line.
    """
    number = end = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        end += len(raw)
        if len(raw) > MAX_LINE_BYTES:
            end += _skip_line(stream, raw)
            yield Line(number, end, None, (RecordError("", f"is longer than {MAX_LINE_BYTES // 2**20} MiB"),))
        elif text := raw.removeprefix(b"\xef\xbb\xbf").strip():
            yield _parse(number, end, text)


def _skip_line(stream: BinaryIO, raw: bytes) -> int:
    skipped = 0
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(MAX_LINE_BYTES)
        skipped += len(raw)
    return skipped


def _parse(number: int, end: int, text: bytes) -> Line:
    try:
        return Line(number, end, SessionRecord.model_validate_json(text))
    except ValidationError as error:
        return Line(number, end, None, tuple(record_errors(error)))


def record_from_object(obj: Any) -> SessionRecord:
    """A record from parsed JSON, with JSON's types. Raises pydantic's ValidationError."""
    from pydantic_core import to_json

    return SessionRecord.model_validate_json(to_json(obj))
