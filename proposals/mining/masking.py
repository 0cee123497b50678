"""Taking client names, people, machines, addresses and secrets out of texts that get proposed."""

import re
from collections.abc import Callable, Iterable

from proposals.mining.records import Record

_TLD = r"(?:com|net|org|local|lan|internal|corp|io|co|de|uk|eu|us|info|biz|example|test|cloud|dev|app|gov|edu)"
# In this order: a password before an address inside it, an address before the host in it.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "secret",
        re.compile(
            r"(?<=\b)(?P<keep>(?:password|passcode|passphrase|pwd|pin|secret|token|api[ _-]?key|recovery key|"
            r"bitlocker key|licen[cs]e key|psk|pre-?shared key)\s*(?:is|was|=|:|to|->)\s*[\"'\u201c\u2018]?)"
            r"(?P<mask>(?=[^\s\"'\u201d\u2019]*[\d!@#$%^&*_])[^\s\"'\u201d\u2019,;]{4,})",
            re.IGNORECASE,
        ),
    ),
    ("secret", re.compile(r"\b(?:\d{6}-){5,7}\d{6}\b")),
    ("secret", re.compile(r"\b(?:[A-Z0-9]{5}-){3,5}[A-Z0-9]{5}\b")),
    ("secret", re.compile(r"\b(?:sk|pk|ghp|gho|xox[abp]|AKIA|eyJ)[-_A-Za-z0-9.]{12,}")),
    ("secret", re.compile(r"\b(?=[A-Za-z0-9+/]*\d)(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{24,}={0,2}")),
    ("e-mail", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")),
    ("address", re.compile(r"\b(?:https?|ftp|smb|rdp|ssh)://[^\s<>\"')\]]+", re.IGNORECASE)),
    ("path", re.compile(r"\\\\[\w.$-]+(?:\\[^\s\\,;\"']+)*")),
    ("path", re.compile(r"\b[A-Za-z]:\\Users\\[^\s,;\"']+", re.IGNORECASE)),
    ("address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2}|:\d{2,5})?\b")),
    ("address", re.compile(r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])", re.IGNORECASE)),
    ("address", re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4}){1,7}(?![\w:])", re.IGNORECASE)),
    ("host", re.compile(rf"\b(?!www\.)(?:[a-z0-9][a-z0-9-]*\.)+{_TLD}\b", re.IGNORECASE)),
    ("host", re.compile(r"\b[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)+\d\b|\b(?:SRV|DC|PC|WS|NB|LT|FS|APP|DB|SQL|EX|PRN|LAPTOP|DESKTOP)-?[A-Z0-9-]*\d+\b")),
    ("phone", re.compile(r"(?<![\w.])\+?\d[\d ()-]{8,}\d(?![\w.])")),
    ("person", re.compile(r"(?<=\b)(?P<keep>(?:[Mm]y name is|[Tt]his is|[Hh]i|[Hh]ello|[Dd]ear|[Mm]r\.?|[Mm]rs\.?|[Mm]s\.?)\s+)(?P<mask>(?!There\b|Team\b|All\b|Everyone\b|The\b|Again\b)[A-Z][a-z]+(?:\s[A-Z][a-z]+)?)(?=[\s,.!?:;]|$)")),
)  # fmt: skip


class Masker:
    """Masks texts; `kinds` collects what was masked in them."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.kinds: set[str] = set()
        clients, people = set(), set()
        for record in records:
            clients.add((record.client or "").strip())
            people.add((record.technician or "").strip())
        self._names = [
            (kind, pattern)
            for kind, names in (("client", clients), ("person", _person_names(people)))
            if (pattern := _any_of(names)) is not None
        ]

    def mask(self, text: str) -> str:
        """The text with everything private replaced by its kind in brackets."""
        for kind, pattern in (*self._names, *_PATTERNS):
            text = pattern.sub(self._replacement(kind), text)
        return text

    def _replacement(self, kind: str) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            self.kinds.add(kind)
            keep = match.groupdict().get("keep") or ""
            return f"{keep}[{kind}]"

        return replace


def _any_of(names: Iterable[str]) -> re.Pattern[str] | None:
    listed = sorted({name for name in names if len(name) >= 3}, key=lambda name: (-len(name), name))
    if not listed:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, listed))})(?!\w)", re.IGNORECASE)


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
