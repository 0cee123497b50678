"""Facts that are put together from a name: `exhausted-attempts-3-system-halopsa` is three conditions at once."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_

from django.db.models import Q

from analytics.facts import Fact

Maker = Callable[[str], Fact | None]


def combined(simple: Mapping[str, Fact], makers: Mapping[str, Maker]) -> Callable[[str], Fact | None]:
    """What reads such names: one of `simple`, or none, and then `what-value` for each of some of `makers`.

    A name that cannot be read gives None. Names and values have no hyphens.
    """

    def find(name: str) -> Fact | None:
        words = name.split("-")
        found: list[Fact | None] = [simple[words.pop(0)]] if words[0] in simple else []
        pairs = list(zip(words[::2], words[1::2], strict=False))
        if len(words) % 2 or len({what for what, _ in pairs}) < len(pairs):
            return None
        found += [makers[what](value) if what in makers else None for what, value in pairs]
        facts = [fact for fact in found if fact is not None]
        if not facts or len(facts) < len(found):
            return None
        return Fact(", ".join(fact.label for fact in facts), reduce(and_, (fact.condition for fact in facts), Q()))

    return find


def choice_maker(label: str, field: str, choices: Mapping[str, str]) -> Maker:
    """A maker of facts about a column that holds one of some values; `{}` in the label stands for the value's own."""

    def make(value: str) -> Fact | None:
        return Fact(label.format(choices[value]), Q(**{field: value})) if value in choices else None

    return make


def number_maker(label: Callable[[int], str], condition: Callable[[int], Q]) -> Maker:
    """A maker of facts about a number, of nine digits at most."""

    def make(value: str) -> Fact | None:
        if not (value.isascii() and value.isdecimal() and len(value) <= 9):
            return None
        return Fact(label(int(value)), condition(int(value)))

    return make
