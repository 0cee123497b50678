"""What mining reads: session records, plain and immutable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

Role = Literal["user", "agent"]
STEP_KINDS = ("question", "action", "script", "note", "help")


class BadRecord(ValueError):
    """A session record that cannot be read; the message names the field and the reason."""


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One prompt and the answer to it; `index` is its place in the record's steps, or the
    place of the agent's turn in the transcript, both from 0."""

    kind: str
    prompt: str
    options: tuple[str, ...]
    selected_option: str | None
    response: str | None
    index: int

    @property
    def answer(self) -> str:
        """All that was answered, as one text."""
        return "\n".join(part for part in (self.selected_option, self.response) if part)


@dataclass(frozen=True, slots=True)
class Record:
    key: str
    status: str
    title: str
    problem_summary: str
    problem_domain: str | None
    resolution_summary: str
    steps: tuple[Step, ...]
    transcript: tuple[Turn, ...] | None
    client: str | None
    technician: str | None


def record_from_json(obj: object) -> Record:
    """The record in a decoded JSON object (DESIGN section 3; key = external_id).

    Unknown fields are ignored. Raises BadRecord, naming the field, for anything else that
    does not fit.
    """
    if not isinstance(obj, Mapping):
        raise BadRecord("a session record is a JSON object")
    key = _text(obj, "external_id")
    if not key:
        raise BadRecord("external_id: missing")
    if "steps" not in obj and "transcript" not in obj:
        raise BadRecord("steps: missing, and there is no transcript instead")
    transcript = tuple(_turns(obj)) if obj.get("transcript") is not None else None
    return Record(
        key=key,
        status=_text(obj, "status") or "resolved",
        title=_text(obj, "title"),
        problem_summary=_text(obj, "problem_summary"),
        problem_domain=_text(obj, "problem_domain") or None,
        resolution_summary=_text(obj, "resolution_summary"),
        steps=tuple(_steps(obj)),
        transcript=transcript,
        client=_text(obj, "client") or None,
        technician=_text(obj, "technician") or None,
    )


def _text(obj: Mapping[str, Any], field: str, where: str = "") -> str:
    value = obj.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRecord(f"{where}{field}: expected a text, got {type(value).__name__}")
    return value.strip()


def _items(obj: Mapping[str, Any], field: str) -> Sequence[Mapping[str, Any]]:
    value = obj.get(field)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRecord(f"{field}: expected a list, got {type(value).__name__}")
    for place, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise BadRecord(f"{field}[{place}]: expected an object, got {type(item).__name__}")
    return value


def _turns(obj: Mapping[str, Any]) -> list[Turn]:
    turns = []
    for place, item in enumerate(_items(obj, "transcript")):
        role = item.get("role")
        if role not in ("user", "agent"):
            raise BadRecord(f"transcript[{place}].role: expected user or agent, got {role!r}")
        turns.append(Turn(cast("Role", role), _text(item, "text", f"transcript[{place}].")))
    return turns


def _steps(obj: Mapping[str, Any]) -> list[Step]:
    steps = []
    for place, item in enumerate(_items(obj, "steps")):
        where = f"steps[{place}]."
        kind = _text(item, "kind", where) or "question"
        if kind not in STEP_KINDS:
            raise BadRecord(f"{where}kind: expected one of {', '.join(STEP_KINDS)}, got {kind!r}")
        options = item.get("options") or []
        if not isinstance(options, list) or not all(isinstance(label, str) for label in options):
            raise BadRecord(f"{where}options: expected a list of texts")
        steps.append(
            Step(
                kind=kind,
                prompt=_text(item, "prompt", where),
                options=tuple(label.strip() for label in options if label.strip()),
                selected_option=_text(item, "selected_option", where) or None,
                response=_text(item, "response", where) or None,
                index=place,
            )
        )
    return steps
