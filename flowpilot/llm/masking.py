"""Private matter out of what is sent to a model, and back where the same reader may see it.

Each thing gets a mark of its own, such as [CLIENT_1] or [HOST_2]; the map from marks to things stays in this process,
for as long as the question lasts. What is left is looked at once more, by the same rules and by a plainer one: a text
in which anything is found then is not sent at all.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowpilot.common.masking import Kind, Level, NameIndex, TextMask, names_of

MARK = re.compile(r"\[(CLIENT|PERSON|HOST|ADDRESS|EMAIL|PHONE|CARD|SECRET|PATH|ACCOUNT)_(\d{1,4})\]")
# What a reader of a published flow sees in place of a mark.
_NEUTRAL = {"EMAIL": "e-mail"}
_OF_KIND = {
    Kind.SECRET: "SECRET",
    Kind.CARD: "CARD",
    Kind.EMAIL: "EMAIL",
    Kind.PERSON: "PERSON",
    Kind.PHONE: "PHONE",
    Kind.ADDRESS: "ADDRESS",
}
# Of two that begin at the same place the earlier one here wins, unless the other is longer.
_RANK = ("SECRET", "CARD", "EMAIL", "ADDRESS", "PATH", "ACCOUNT", "HOST", "PHONE", "CLIENT", "PERSON")
LEAST_NAME = 3  # letters; what is shorter is rather a word
# Parts of names that are rather words where they begin a sentence.
_WORDS_TOO = frozenset(
    {
        "art", "baker", "bill", "black", "brown", "case", "chase", "cook", "dean", "drew", "field", "grant", "green",
        "hope", "hunter", "king", "lane", "long", "mark", "may", "page", "pat", "power", "price", "rich", "rob", "rose",
        "short", "sue", "white", "will", "wood", "young",
    }
)  # fmt: skip

_HOST_WORDS = r"(?:SRV|DC|PC|WS|NB|LT|FS|APP|DB|SQL|EX|PRN|VM|LAPTOP|DESKTOP|SERVER|PRINTER|MAC)"
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ADDRESS", re.compile(r"\b(?:https?|ftps?|smb|rdp|ssh|ldaps?)://[^\s<>\"')\]]+", re.IGNORECASE)),
    ("PATH", re.compile(r"\\\\[\w.$-]+(?:\\[^\s\\,;\"']+)*")),
    ("PATH", re.compile(r"\b[A-Za-z]:\\Users\\[^\s,;\"']+|(?<![\w/])/(?:home|Users)/[^\s,;\"']+", re.IGNORECASE)),
    ("ACCOUNT", re.compile(r"(?<![\\\w])[A-Za-z][\w.-]{1,30}\\[A-Za-z][\w.$-]{1,60}(?![\\\w])")),
    (
        "HOST",
        re.compile(
            r"(?<![\w.@-])(?!www\.)(?:[a-z0-9][a-z0-9-]*\.)+(?:com|net|org|local|lan|internal|corp|intra|home|io|co|de|uk"
            r"|eu|us|fr|nl|ch|at|info|biz|example|test|cloud|dev|app|gov|edu|onmicrosoft)(?![\w-])",
            re.IGNORECASE,
        ),
    ),
    ("HOST", re.compile(rf"(?<![\w-])(?:[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)+\d|{_HOST_WORDS}-?[A-Z0-9-]*\d+)(?![\w-])")),
)


class Unmasked(Exception):
    """Private matter was left in what was to be sent; the message tells its kind, never the matter."""


@dataclass(frozen=True)
class PrivateNames:
    """Names that must not leave the house."""

    clients: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


class Placeholders:
    """The marks of one question, numbered as they come: the same texts get the same marks each time."""

    def __init__(self, names: PrivateNames) -> None:
        self._names = names
        self._people = {form for person in names.people for form in names_of(person)}
        self._mask = TextMask(Level.PERSONAL, addresses=True, names=self._people)
        self._clients = NameIndex(names.clients)
        self._parts = {
            part
            for person in self._people
            for part in re.split(r"[\s,._-]+", person.split("@")[0])
            if len(part) >= LEAST_NAME and part[:1].isalpha()
        }
        self._plain = {
            plain: kind
            for kind, listed in (("CLIENT", names.clients), ("PERSON", self._people))
            for name in listed
            if len(plain := _plain(name)) > LEAST_NAME
        }
        self._marks: dict[tuple[str, str], str] = {}
        self._things: dict[str, str] = {}

    def mask(self, text: str) -> str:
        """The text with everything private replaced by marks."""
        # A mark that somebody wrote must not be taken for one of ours.
        text = MARK.sub(lambda found: f"({found[1].lower()} {found[2]})", text)
        pieces, at = [], 0
        for start, end, kind in self._found(text):
            pieces += [text[at:start], self._mark(kind, text[start:end])]
            at = end
        return "".join((*pieces, text[at:]))

    def mask_all(self, value: Any) -> Any:
        """JSON with all its texts masked; keys are left as they are. Raises Unmasked."""
        if isinstance(value, str):
            masked = self.mask(value)
            self.require_masked(masked)
            return masked
        if isinstance(value, Mapping):
            return {name: self.mask_all(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.mask_all(item) for item in value]
        return value

    def require_masked(self, text: str) -> None:
        """Raises Unmasked where anything private is left beside the marks."""
        bare = MARK.sub(" ", text)
        for _, _, kind in self._found(bare):
            raise Unmasked(f"{kind.lower()} left in a text of {len(text)} characters")
        padded = f" {_plain(bare)} "
        for name, kind in self._plain.items():
            if f" {name} " in padded:
                raise Unmasked(f"{kind.lower()} left in a text of {len(text)} characters, in another spelling")

    def unmask(self, text: str) -> str:
        """The things back in place of their marks: only for who may read what was sent."""
        return MARK.sub(lambda found: self._things.get(found[0], found[0]), text)

    def knows(self, mark: str) -> bool:
        """Whether the mark stands for something that was sent."""
        return mark in self._things

    def _mark(self, kind: str, thing: str) -> str:
        key = (kind, " ".join(thing.casefold().split()))
        if key not in self._marks:
            number = sum(known == kind for known, _ in self._marks) + 1
            self._marks[key] = f"[{kind}_{number}]"
            self._things[self._marks[key]] = thing
        return self._marks[key]

    def _found(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, kind) of what is private, in order, none within another."""
        spans = sorted(self._spans(text), key=lambda span: (span[0], -span[1], _RANK.index(span[2])))
        found: list[tuple[int, int, str]] = []
        for start, end, kind in spans:
            if found and start < found[-1][1]:
                last = found[-1]
                found[-1] = (last[0], max(end, last[1]), last[2])
            elif start < end:
                found.append((start, end, kind))
        return found

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        for item in self._mask.find(text):
            yield item.start, item.end, _OF_KIND[item.kind]
        for kind, rule in _RULES:
            for match in rule.finditer(text):
                yield *match.span(), kind
        for start, end in self._clients.spans(text):
            yield start, end, "CLIENT"
        for match in re.finditer(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?", text):
            if match[0] in self._parts and not (
                match[0].lower() in _WORDS_TOO and re.search(r"(?:^|[.!?:\n])\s*$", text[: match.start()])
            ):
                yield *match.span(), "PERSON"


def neutral(text: str) -> str:
    """Marks as flows show what was masked: [CLIENT_1] is [client]. For who may not see the things."""
    return MARK.sub(lambda found: f"[{_NEUTRAL.get(found[1], found[1].lower())}]", text)


def _plain(text: str) -> str:
    """Letters and digits alone, in one case and one form, without what cannot be seen."""
    seen = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return " ".join(re.findall(r"[^\W_]+", seen.casefold()))


def names_from(clients: Iterable[str], people: Iterable[str]) -> PrivateNames:
    """Names without what is too short to be one."""

    def kept(names: Iterable[str]) -> frozenset[str]:
        return frozenset(name.strip() for name in names if name and len(name.strip()) >= LEAST_NAME)

    return PrivateNames(kept(clients), kept(people))
