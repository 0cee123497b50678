"""What every ticketing system can do for us, and the forms in which it is asked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sessions.psa.errors import PsaRejected, PsaUnclear

NUMBER = re.compile(r"[1-9][0-9]{0,17}")
PAGE, MOST_PAGES = 100, 50


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as the system knows it. `status` is what set_status takes: a name or a number, as text."""

    id: str
    title: str
    client: str
    status: str


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    internal: bool


@dataclass(frozen=True, slots=True)
class TimeEntry:
    """Work on the ticket; `resource` and `role` say whose and as what, in the system's own ids."""

    text: str
    started_at: datetime
    ended_at: datetime
    resource: str
    role: str

    @property
    def hours(self) -> float:
        return round((self.ended_at - self.started_at).total_seconds() / 3600, 2)


class PsaClient(Protocol):
    """One system. Every method raises PsaFailed, PsaRejected or PsaUnclear; ticket ids are numbers, as text."""

    def check(self) -> None:
        """Log in and read something small."""

    def ticket(self, ticket_id: str) -> Ticket: ...

    def add_note(self, ticket_id: str, note: Note) -> None: ...

    def add_time(self, ticket_id: str, entry: TimeEntry) -> None: ...

    def set_status(self, ticket_id: str, status: str) -> None: ...

    def notes(self, ticket_id: str) -> Iterator[str]:
        """The texts of the ticket's notes, newest first where the system can."""

    def times(self, ticket_id: str) -> Iterator[str]:
        """The texts of the ticket's time entries."""


def number(text: str, what: str) -> int:
    """An id of the system's. Raises PsaRejected: nothing else may become part of an address."""
    if not NUMBER.fullmatch(text):
        raise PsaRejected(f"the {what} {text[:40]!r} is not a number")
    return int(text)


def member(answer: Any, *path: str) -> Any:
    """What stands at `path` in the answer. Raises PsaUnclear where it has another shape."""
    for name in path:
        if not isinstance(answer, Mapping) or name not in answer:
            raise PsaUnclear(f"the answer has no {'.'.join(path)}")
        answer = answer[name]
    return answer


def listed(answer: Any, *path: str) -> list[Any]:
    """As member, for a list of objects."""
    found = member(answer, *path)
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise PsaUnclear("the answer holds no list")
    return found


def too_many() -> PsaUnclear:
    return PsaUnclear(f"the ticket has more than {MOST_PAGES * PAGE} entries: not all could be read")
