"""Finding by a level's rules, and replacing what was found."""

import re
from collections.abc import Iterable
from copy import copy

from flowpilot.common.masking import credentials, cues, personal
from flowpilot.common.masking.kinds import PLACEHOLDER, Found, Kind, Level, Rule
from flowpilot.common.masking.names import NameIndex

_SECRETS: tuple[tuple[Kind, Rule], ...] = (
    (Kind.SECRET, cues.after_cues),
    (Kind.SECRET, cues.after_pairs),
    (Kind.SECRET, credentials.schemes),
    (Kind.SECRET, credentials.tokens),
    (Kind.SECRET, credentials.private_keys),
    (Kind.SECRET, credentials.passwords_in_urls),
    (Kind.SECRET, credentials.drawn_runs),
    # No helpdesk needs a payment card's number: it goes with the secrets.
    (Kind.CARD, personal.cards),
)
_PERSONAL: tuple[tuple[Kind, Rule], ...] = (
    (Kind.EMAIL, personal.emails),
    (Kind.PHONE, personal.phones),
)
# Without one of these a text holds none of the above; most texts are spared the search.
_SUSPECT = re.compile(r"[\d!@#$%^&*_+=~|:>\"`\u201c\u201d\u201e\u2018\u00ab]|(?<!\w)'|-----|\S{14}")
_RANK = {kind: rank for rank, kind in enumerate(Kind)}
# One round finds all; the others make sure that what is left beside a placeholder does not read anew.
_MOST_ROUNDS = 8


class TextMask:
    """Masks texts as one policy says. Holds no state but its rules: it can be shared between threads."""

    def __init__(self, level: Level, *, addresses: bool = False, names: Iterable[str] = ()) -> None:
        """`names` of people, as texts may have them; `addresses` of machines. Both count at PERSONAL only."""
        self.level = level
        rules: list[tuple[Kind, Rule]] = []
        if level is not Level.OFF:
            rules += _SECRETS
        if level is Level.PERSONAL:
            rules += _PERSONAL
            if addresses:
                rules.append((Kind.ADDRESS, personal.addresses))
        self._rules = tuple(rules)
        self._names = (personal.introduced, NameIndex(names).spans) if level is Level.PERSONAL else ()

    def with_names(self, names: Iterable[str]) -> "TextMask":
        """The same with more names, such as those of one record."""
        if self.level is not Level.PERSONAL:
            return self
        other = copy(self)
        other._names = (*self._names, NameIndex(names).spans)
        return other

    def find(self, text: str) -> list[Found]:
        """What is private in a text, in order; what overlaps is told as one."""
        rules = self._rules if _SUSPECT.search(text) else ()
        spans = [(*span, kind) for kind, rule in rules for span in rule(text)]
        spans += [(*span, Kind.PERSON) for rule in self._names for span in rule(text)]
        found: list[Found] = []
        for start, end, kind in sorted(spans, key=lambda span: span[:2]):
            if PLACEHOLDER.fullmatch(text, start, end):
                continue
            if found and start < found[-1].end:
                last = found.pop()
                found.append(Found(last.start, max(end, last.end), min(kind, last.kind, key=_RANK.__getitem__)))
            else:
                found.append(Found(start, end, kind))
        return found

    def mask(self, text: str) -> str:
        """The text with everything private replaced by its kind in brackets; masked again it stays as it is."""
        for _ in range(_MOST_ROUNDS):
            found = self.find(text)
            if not found:
                break
            text = _replaced(text, found)
        return text


def _replaced(text: str, found: list[Found]) -> str:
    pieces, at = [], 0
    for item in found:
        pieces += [text[at : item.start], f"[{item.kind}]"]
        at = item.end
    return "".join((*pieces, text[at:]))
