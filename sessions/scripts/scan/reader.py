"""What the readers of the three shells share."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sessions.scripts.parameters import Fault, Kind

PLACEHOLDER = re.compile(r"\{\{[ \t]*([a-z][a-z0-9_]{0,39})[ \t]*\}\}")
MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Use:
    """One placeholder: body[start:end] is `{{ name }}`."""

    name: str
    start: int
    end: int


class Reader(ABC):
    """Reads a body once from its start; `uses` and `faults` grow as it goes."""

    before: ClassVar[re.Pattern[str]]
    after: ClassVar[str]

    def __init__(self, body: str, kinds: Mapping[str, Kind]) -> None:
        self.body = body
        self.kinds = kinds
        self.uses: list[Use] = []
        self.faults: list[Fault] = []
        self.placeholders: dict[int, Use] = {}

    def read(self) -> list[Fault]:
        """Every fault of the body, in its order."""
        place = self.body.find("{{")
        while place >= 0:
            match = PLACEHOLDER.match(self.body, place)
            if match is None:
                self.fault(place, "{{ begins a placeholder such as {{ name }}; write { { where you mean two braces")
                place = self.body.find("{{", place + 2)
                continue
            self.placeholders[place] = Use(match[1], place, match.end())
            if match[1] not in self.kinds:
                self.fault(place, f"there is no parameter {match[1]}")
            place = self.body.find("{{", match.end())
        if not self.faults:
            self.follow()
        if not self.faults:
            self._require_all_seen()
        return sorted(self.faults, key=lambda fault: (fault.line or 0, fault.column or 0))[:MOST_FAULTS]

    def _require_all_seen(self) -> None:
        """What the reader went past, such as after a backslash, was not seen in code: it is not accepted either."""
        seen = {use.start for use in self.uses}
        for place, use in self.placeholders.items():
            if place not in seen:
                self.refuse(use, "where it cannot be followed")

    @abstractmethod
    def follow(self) -> None:
        """Go through the body; call `place_in_code` or `fault` for each placeholder."""

    def fault(self, place: int, message: str) -> None:
        line = self.body.count("\n", 0, place) + 1
        column = place - (self.body.rfind("\n", 0, place) + 1) + 1
        self.faults.append(Fault("body", message, line, column))

    def refuse_within(self, start: int, end: int, where: str) -> None:
        """Every placeholder between two places is refused."""
        for place, use in self.placeholders.items():
            if start <= place < end:
                self.refuse(use, where)

    def refuse(self, use: Use, where: str) -> None:
        self.fault(use.start, f"{use.name} stands {where}: a parameter brings its own quotes and stands outside")

    def place_in_code(self, use: Use) -> None:
        """Note a placeholder that stands in code, if it is a word of its own."""
        following = self.body[use.end : use.end + 1]
        if not self.before.search(self.body[: use.start]):
            near = self.body[use.start - 1]
            self.fault(use.start, f"{use.name} must not follow {near!r} directly: it is a word of its own")
        elif following and following not in self.after:
            self.fault(use.end, f"{following!r} must not follow {use.name} directly: it is a word of its own")
        else:
            self.uses.append(use)

    def refuse_patterns(self, patterns: Mapping[str, str], code: str) -> None:
        """Refuse what would read a value as code once more; `code` is the body with what is no code blanked out."""
        for pattern, message in patterns.items():
            for match in re.finditer(pattern, code, re.IGNORECASE | re.MULTILINE):
                self.fault(match.start(), message)
