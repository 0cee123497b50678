"""How things are worded in one session: slots filled the same way throughout, and a typo now and then."""

import re
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from flowpilot.sample.cast import Client
from flowpilot.sample.model import Topic

T = TypeVar("T")

_COMMON_SLOTS = {
    "device": ("laptop", "desktop", "laptop", "tablet PC", "workstation", "notebook"),
    "when": (
        *("since this morning", "since yesterday", "since Monday", "since the weekend"),
        *("for about an hour", "since lunch", "since I came back from leave", "all day"),
    ),
    "floor": (
        *("ground floor", "first floor", "second floor", "third floor"),
        *("fourth floor", "top floor", "lower ground floor", "mezzanine"),
    ),
    "dept": ("accounts", "sales", "purchasing", "HR", "dispatch", "marketing", "legal", "planning"),
    "urgency": (
        *("I have a customer call soon.", "It is month end here.", "Please help.", "Not urgent."),
        *("I cannot work like this.", "Several of us are waiting.", "I am stuck.", "Thanks!"),
    ),
}
_TYPO_CHANCE = 0.06
_LONG_WORD = re.compile(r"[a-z]{5,}")


def pick(rng: Random, items: Sequence[T]) -> T:
    return items[int(rng.random() * len(items))]


class Wording:
    """Chooses and fills wordings for one session."""

    def __init__(self, rng: Random, topic: Topic, client: Client) -> None:
        self._rng = rng
        self._values = {name: pick(rng, values) for name, values in {**_COMMON_SLOTS, **topic.slots}.items()}
        kind = "WS" if self._values["device"] in ("desktop", "workstation") else "LT"
        self._values["host"] = f"{client.code}-{kind}-{rng.randint(100, 999)}"

    def fill(self, text: str) -> str:
        """The text with its `{slots}` filled for this session."""
        return text.format_map(self._values) if "{" in text else text

    def one_of(self, texts: Sequence[str]) -> str:
        return self.fill(pick(self._rng, texts))

    def typed(self, texts: Sequence[str]) -> str:
        """One of the texts as somebody types it in a hurry: now and then with a slip."""
        text = self.one_of(texts)
        if self._rng.random() >= _TYPO_CHANCE:
            return text
        return self._with_slip(text)

    def _with_slip(self, text: str) -> str:
        words = list(_LONG_WORD.finditer(text))
        if not words:
            return text
        word = pick(self._rng, words)
        at = self._rng.randint(word.start() + 1, word.end() - 2)
        if self._rng.random() < 0.5:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return text[:at] + text[at + 1 :]
