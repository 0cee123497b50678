"""What is looked for, and what is found."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What of a text is masked."""

    OFF = "off"
    SECRETS = "secrets"
    PERSONAL = "personal"


class Kind(StrEnum):
    """What was found; the value is what stands in brackets. Where two overlap, the earlier one here names both."""

    SECRET = "secret"  # noqa: S105
    CARD = "card"
    EMAIL = "e-mail"
    PERSON = "person"
    PHONE = "phone"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Found:
    """Something private: `text[start:end]` is of this kind."""

    start: int
    end: int
    kind: Kind


Spans = Iterator[tuple[int, int]]
Rule = Callable[[str], Spans]
PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(Kind)})\]")


def spans_of(pattern: re.Pattern[str]) -> Rule:
    """The spans of a pattern: of its group `value`, or of all of it."""
    group: str | int = "value" if "value" in pattern.groupindex else 0
    return lambda text: (match.span(group) for match in pattern.finditer(text))
