"""Names that somebody listed, found in texts."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from flowpilot.common.masking.kinds import Spans

_WORD = re.compile(r"\w+")
LEAST_NAME = 3  # letters; what is shorter is rather a word


class NameIndex:
    """Names by their first word, so that an account's thousands cost no more than a few."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._by_word: dict[str, set[str]] = defaultdict(set)
        for name in names:
            if len(name := name.strip()) >= LEAST_NAME and (first := _WORD.search(name.lower())):
                self._by_word[first[0]].add(name)

    def in_text(self, text: str) -> list[str]:
        """The names that may stand in the text, longest first."""
        if not self._by_word:
            return []
        begun = self._by_word.keys() & set(_WORD.findall(text.lower()))
        return sorted((name for word in begun for name in self._by_word[word]), key=lambda name: (-len(name), name))

    def spans(self, text: str) -> Spans:
        """Where names stand as whole words, in upper or lower case."""
        for name in self.in_text(text):
            for match in whole(name).finditer(text):
                yield match.span()


@lru_cache(maxsize=4096)
def whole(name: str) -> re.Pattern[str]:
    """A name as whole words, in upper or lower case."""
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)


def names_of(person: str) -> set[str]:
    """What a person may be called in a text: `Petra Novak`, `Novak, Petra`; of an address, by what is before the @."""
    told = person.strip()
    parts = [part for part in re.split(r"[\s,._-]+", told.split("@")[0]) if part]
    if len(parts) < 2:
        return {told} if told else set()
    first, last = " ".join(parts[:-1]), parts[-1]
    return {told, f"{first} {last}", f"{last}, {first}", f"{last} {first}"}
