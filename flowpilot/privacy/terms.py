"""What a person or a client is called, found in texts and in JSON, and what stands there instead. Pure."""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

LEAST_TERM = 3  # letters

_PLAIN = re.compile(r"[A-Za-z0-9]")
_GAP = r"(?:\s|\+|%20)+"


class Terms:
    """Names and addresses to look for, as whole words in upper or lower case, however blanks part them.

    A name becomes `label`; one word, such as a log-in, becomes `erased-<mark>`, and an address of mail stays one, so
    that what is read by a program can still be read.
    """

    def __init__(self, words: Iterable[str], *, label: str, mark: str) -> None:
        listed = {" ".join(word.split()) for word in words}
        self.words = sorted((word for word in listed if word), key=lambda word: (-len(word), word))
        self.label, self.one_word, self.email = label, f"erased-{mark}", f"erased-{mark}@erased.invalid"
        spellings = sorted({s for word in self.words for s in _spellings(word)}, key=lambda s: (-len(s), s))
        self._pattern = re.compile("|".join(map(_whole, spellings)) or r"(?!)", re.IGNORECASE)

    @property
    def sql(self) -> str:
        """A regular expression of PostgreSQL that finds every text with a match, and perhaps others.

        Case beyond ASCII depends on the database's locale, and JSON escapes some characters: such match any few.
        """
        return "|".join(_loose(word) for word in self.words)

    @property
    def search_words(self) -> set[str]:
        """The words of the terms in lower case, as a search vector has them."""
        return {part for word in self.words for part in re.findall(r"[^\W_]+", word.lower())}

    def may_be_stemmed_in(self, stems: str) -> bool:
        """Whether all words of a term may be among these stems: each begins with at least three of its letters."""
        listed = stems.split()
        return any(
            all(any(part.startswith(stem[:3]) and stem.startswith(part[:3]) for stem in listed) for part in parts)
            for parts in (re.findall(r"[^\W_]+", word.lower()) for word in self.words)
        )

    def are_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def erased_from(self, value: Any) -> Any:
        """The value without the terms: a text, or what JSON is made of, keys too. The same object where none was."""
        if isinstance(value, str):
            return self._pattern.sub(self._instead, value) if self._pattern.search(value) else value
        if isinstance(value, list):
            items = [self.erased_from(item) for item in value]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        if isinstance(value, dict):
            pairs = [(self.erased_from(key), self.erased_from(item)) for key, item in value.items()]
            same = all(k is key and v is item for (k, v), (key, item) in zip(pairs, value.items(), strict=True))
            return value if same else dict(pairs)
        return value

    def _instead(self, match: re.Match[str]) -> str:
        found = match[0]
        if "@" in found or "%40" in found:
            return self.email
        return self.label if re.search(rf"{_GAP}|,", found) else self.one_word


def _spellings(word: str) -> set[str]:
    """As it may stand: composed or not, inside JSON text, inside an address."""
    forms = {unicodedata.normalize(form, word) for form in ("NFC", "NFD")} | {word}
    found = set(forms)
    for form in forms:
        found |= {json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1], quote(form, safe=""), quote(form)}
        found.add(quote_plus(form))
    return found


def _whole(spelling: str) -> str:
    inner = _GAP.join(re.escape(part) for part in spelling.split())
    if "%" in spelling:
        return inner
    before = r"(?<!\w)" if re.match(r"\w", spelling) else ""
    after = r"(?!\w)" if re.search(r"\w$", spelling) else ""
    return before + inner + after


def _loose(word: str) -> str:
    return "".join(
        char if _PLAIN.match(char) else r"([[:space:]]+|.{1,12})" for char in unicodedata.normalize("NFC", word)
    )
