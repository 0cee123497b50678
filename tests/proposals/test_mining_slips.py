"""Answers typed in a hurry."""

import pytest

from proposals.mining.slips import corrected


@pytest.mark.parametrize("typed", ["conected", "connetced", "connectedd", "onnected"])
def test_a_slip_is_what_was_meant(typed: str) -> None:
    assert corrected({"connected": 8, typed: 2, "still refuses": 5}) == {typed: "connected"}


@pytest.mark.parametrize(
    ("typed", "often"),
    [
        ("disconnected", "connected"),  # another word
        ("of", "off"),  # short
        ("error 10", "error 100"),  # a figure
        ("not enabled", "now enabled"),  # a letter that is another
    ],
)
def test_another_answer_is_another(typed: str, often: str) -> None:
    assert corrected({often: 9, typed: 1}) == {}


def test_what_is_said_often_is_no_slip() -> None:
    assert corrected({"connected": 8, "conected": 3}) == {}
