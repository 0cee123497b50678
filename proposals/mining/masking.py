"""Taking client names, people, machines, addresses and secrets out of texts that get proposed."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from proposals.mining.records import Record

_TLD = (
    r"(?:com|net|org|local|lan|internal|corp|io|co|de|uk|eu|us|info|biz|example|test|cloud|dev|app"
    r"|gov|edu)"
)
_LOCKED_BY = (
    r"(?:password|passcode|passphrase|pwd|pin|secret|token|api[ _-]?key|recovery key|bitlocker key"
    r"|licen[cs]e key|psk|pre-?shared key)"
)
_HOST_WORDS = r"(?:SRV|DC|PC|WS|NB|LT|FS|APP|DB|SQL|EX|PRN|LAPTOP|DESKTOP)"
_BEFORE_NAMES = r"(?:[Mm]y name is|[Tt]his is|[Hh]i|[Hh]ello|[Dd]ear|[Mm]r\.?|[Mm]rs\.?|[Mm]s\.?)"
_NO_NAMES = r"(?!(?:There|Team|All|Everyone|The|Again|Support|Sir|Madam)\b)"
_NAME = r"[A-Z][a-z]+(?:\s[A-Z][a-z]+)?"

# In this order: a password before an address inside it, an address before the host in it.
_PATTERNS: tuple[tuple[str, str, re.RegexFlag], ...] = (
    (
        "secret",
        (
            rf"\b(?P<keep>{_LOCKED_BY}\s*(?:is|was|=|:|to|->)\s*[\"'\u201c\u2018]?)"
            r"(?=[^\s\"'\u201d\u2019]*[\d!@#$%^&*_])[^\s\"'\u201d\u2019,;]{4,}"
        ),
        re.IGNORECASE,
    ),
    ("secret", r"\b(?:\d{6}-){5,7}\d{6}\b", re.NOFLAG),
    ("secret", r"\b(?:[A-Z0-9]{5}-){3,5}[A-Z0-9]{5}\b", re.NOFLAG),
    ("secret", r"\b(?:sk|pk|ghp|gho|xox[abp]|AKIA|eyJ)[-_A-Za-z0-9.]{12,}", re.NOFLAG),
    (
        "secret",
        (
            r"\b(?=[A-Za-z0-9+/]*\d)(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])"
            r"[A-Za-z0-9+/]{24,}={0,2}"
        ),
        re.NOFLAG,
    ),
    ("e-mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*", re.NOFLAG),
    ("address", r"\b(?:https?|ftp|smb|rdp|ssh)://[^\s<>\"')\]]+", re.IGNORECASE),
    ("path", r"\\\\[\w.$-]+(?:\\[^\s\\,;\"']+)*", re.NOFLAG),
    ("path", r"\b[A-Za-z]:\\Users\\[^\s,;\"']+", re.IGNORECASE),
    ("address", r"\b(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2}|:\d{2,5})?\b", re.NOFLAG),
    ("address", r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])", re.IGNORECASE),
    (
        "address",
        r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4}){1,7}(?![\w:])",
        re.IGNORECASE,
    ),
    ("host", rf"\b(?!www\.)(?:[a-z0-9][a-z0-9-]*\.)+{_TLD}\b", re.IGNORECASE),
    ("host", rf"\b[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)+\d\b|\b{_HOST_WORDS}-?[A-Z0-9-]*\d+\b", re.NOFLAG),
    ("phone", r"(?<![\w.])\+?\d[\d ()-]{8,}\d(?![\w.])", re.NOFLAG),
    (
        "person",
        rf"\b(?P<keep>{_BEFORE_NAMES}\s+){_NO_NAMES}{_NAME}(?=[\s,.!?:;]|$)",
        re.NOFLAG,
    ),
)
# Without one of these a text holds none of the above but names; most texts are spared the search.
_SUSPECT = re.compile(r"[@\\\d!#$%^&*_]|://|\w\.\w")
_COMPILED = tuple((kind, re.compile(pattern, flags)) for kind, pattern, flags in _PATTERNS)
_NAMES_ONLY = tuple((kind, pattern) for kind, pattern in _COMPILED if kind == "person")
_WORDS = re.compile(r"\w+")
LEAST_NAME = 3  # letters; what is shorter is rather a word


@dataclass(frozen=True)
class Names:
    """Names that no text may show, whichever session it comes from."""

    clients: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()

    def with_those_of(self, records: Iterable[Record]) -> "Names":
        clients, people = set(self.clients), set(self.people)
        for record in records:
            clients.add((record.client or "").strip())
            people.add((record.technician or "").strip())
        return Names(frozenset(clients), frozenset(people))


NO_NAMES = Names()


class Masker:
    """Masks texts; `kinds` collects what was masked in them.

    Names are looked up by their first word, so that an account's thousands cost no more than a topic's few.
    """

    def __init__(self, records: Iterable[Record] = (), names: Names = NO_NAMES) -> None:
        self.kinds: set[str] = set()
        self._names: dict[str, set[tuple[str, str]]] = defaultdict(set)
        known = names.with_those_of(records)
        for kind, listed in (("client", known.clients), ("person", _person_names(known.people))):
            for name in listed:
                if len(name) >= LEAST_NAME and (first := _WORDS.search(name.lower())):
                    self._names[first[0]].add((kind, name))

    def mask(self, text: str) -> str:
        """The text with everything private replaced by its kind in brackets."""
        patterns = _COMPILED if _SUSPECT.search(text) else _NAMES_ONLY
        for kind, pattern in (*self._names_in(text), *patterns):
            text = pattern.sub(self._replacement(kind), text)
        return text

    def _names_in(self, text: str) -> list[tuple[str, re.Pattern[str]]]:
        """The names that may be in the text, longest first."""
        if not self._names:
            return []
        begun = self._names.keys() & set(_WORDS.findall(text.lower()))
        found = [entry for word in begun for entry in self._names[word]]
        return [(kind, _whole(name)) for kind, name in sorted(found, key=lambda entry: (-len(entry[1]), entry))]

    def _replacement(self, kind: str) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            self.kinds.add(kind)
            keep = match.groupdict().get("keep") or ""
            return f"{keep}[{kind}]"

        return replace


@lru_cache(maxsize=4096)
def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)


def _person_names(people: Iterable[str]) -> set[str]:
    """Full names: as given, or read from the part of an e-mail address before the @."""
    names = set()
    for person in people:
        local = person.split("@")[0]
        parts = [part for part in re.split(r"[\s._-]+", local) if part]
        names.add(person)
        if len(parts) > 1:
            names.add(" ".join(parts))
    return names
