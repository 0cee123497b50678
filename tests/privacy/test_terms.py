"""Names in texts and in JSON, and what stands there instead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpilot.privacy.terms import Terms


def terms(*words: str) -> Terms:
    return Terms(words, label="erased person 1a", mark="1a")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ask Petra Novak.", "Ask erased person 1a."),
        ("PETRA\n  novak", "erased person 1a"),
        ("q=petra+novak&x=1", "q=erased person 1a&x=1"),
        ("to petra@x.test, PETRA@X.TEST", "to erased-1a@erased.invalid, erased-1a@erased.invalid"),
        ("q=petra%40x.test", "q=erased-1a@erased.invalid"),
        ("pnovak logged in", "erased-1a logged in"),
        ("xpnovak and pnovaks", "xpnovak and pnovaks"),
        ("Petra alone, Novak alone", "Petra alone, Novak alone"),
        ('O\'Brien \\"Max\\" Jr', "erased person 1a"),
        ("ZOË MÜLLER, Zoe\u0308 Mu\u0308ller, Zo%C3%AB%20M%C3%BCller", ", ".join(["erased person 1a"] * 3)),
    ],
)
def test_names_are_found_however_they_stand(text: str, left: str) -> None:
    known = terms("Petra Novak", "petra@x.test", "pnovak", "Zoë Müller", 'O\'Brien "Max" Jr')
    assert known.erased_from(text) == left
    assert known.are_in(text) == (text != left)


def test_json_is_walked_keys_and_all() -> None:
    value: Any = {"a": ["of Petra Novak", {"petra novak": 1}], "n": None, "b": True}
    assert terms("Petra Novak").erased_from(value) == {
        "a": ["of erased person 1a", {"erased person 1a": 1}],
        "n": None,
        "b": True,
    }
    same: Any = {"a": [1, "x"]}
    assert terms("Petra Novak").erased_from(same) is same


@given(st.text(min_size=3, max_size=20).filter(lambda t: t.strip() and "\x00" not in t))
def test_no_name_survives_and_none_fails(word: str) -> None:
    known = terms(word)
    for text in (f"see {word} there", word):
        left = known.erased_from(text)
        assert not known.are_in(left) or word.lower() in "erased person 1a erased-1a@erased.invalid"
