"""Talk becomes steps: help and politeness are recognised, answers find their question."""

from dataclasses import replace

import pytest

from proposals.mining.polarity import says_no
from proposals.mining.records import Record, Role, Step, Turn
from proposals.mining.transcript import has_substance, is_pleasantry, opening_of, steps_of
from tests.proposals.mining_cases import talk


def test_help_is_no_question_and_its_answer_belongs_to_the_question_before() -> None:
    record = talk(
        "t",
        "My screen is dark.",
        "Is the cable in the DisplayPort socket?",
        "Where do I find that socket?",
        "It is the small one on the left, with a cut corner.",
        "Yes, it is in there.",
        "Change the input source of the screen.",
    )
    steps = steps_of(record)
    assert [step.kind for step in steps] == ["question", "help", "action"]
    assert [step.index for step in steps] == [1, 3, 5]
    assert steps[0].response == "Yes, it is in there."


def test_the_first_question_of_a_user_is_the_problem_and_not_a_call_for_help() -> None:
    record = talk("t", "How do I get my mail back?", "Look into the archive folder first.")
    assert steps_of(record)[0].kind == "action"


def test_several_user_turns_are_one_answer() -> None:
    steps = steps_of(
        spoken(("agent", "Is it on?"), ("user", "Wait."), ("user", "Yes."), ("agent", ""), ("agent", "Fine."))
    )
    assert [(step.prompt, step.response) for step in steps] == [("Is it on?", "Wait.\nYes."), ("Fine.", None)]


def spoken(*turns: tuple[Role, str]) -> Record:
    return replace(talk("t", "x"), transcript=tuple(Turn(*turn) for turn in turns))


@pytest.mark.parametrize(
    ("text", "polite"),
    [
        ("You're welcome, have a nice day!", True),
        ("Glad that it works. Goodbye.", True),
        ("Glad to help. Is the cable plugged in?", False),
        ("Replace the cable.", False),
    ],
)
def test_pleasantries(text: str, polite: bool) -> None:
    assert is_pleasantry(text) is polite


@pytest.mark.parametrize(
    ("prompt", "answer", "no"),
    [
        ("Is the light green?", "It is not green.", True),
        ("Is the light green?", "Yes, nothing wrong there.", False),
        ("Do the fans not turn?", "They turn.", True),
        ("Do the fans not turn?", "They do not turn.", False),
        ("Do the fans not turn?", "That's exactly what happens.", False),
        ("Is it fixed?", "No", True),
    ],
)
def test_an_answer_is_read_against_its_question(prompt: str, answer: str, no: bool) -> None:
    assert says_no(Step("question", prompt, (), None, answer, 0)) is no


def test_a_picked_option_stands_for_itself() -> None:
    assert says_no(Step("question", "Do the fans not turn?", ("Yes", "No"), "No", None, 0))


def test_a_greeting_does_not_open_the_work_and_alone_has_no_substance() -> None:
    hello: tuple[Role, str] = ("agent", "Hello, how can I help?")
    worked = spoken(hello, ("user", "My mail is gone."), ("agent", "Search the archive."))
    idle = spoken(hello, ("user", "Never mind."), ("agent", "No problem, have a nice day!"))
    assert opening_of(worked) == "Search the archive."
    assert (has_substance(worked), has_substance(idle)) == (True, False)
