"""Talk becomes steps: help and politeness are recognised, answers find their question."""

import pytest

from proposals.mining.polarity import says_no
from proposals.mining.records import Step
from proposals.mining.transcript import has_substance, is_pleasantry, opening_of, steps_of
from tests.proposals.mining_cases import talk


def test_help_is_no_question_and_its_answer_belongs_to_the_question_before():
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


def test_the_first_question_of_a_user_is_the_problem_and_not_a_call_for_help():
    record = talk("t", "How do I get my mail back?", "Look into the archive folder first.")
    assert steps_of(record)[0].kind == "action"


def test_several_user_turns_are_one_answer():
    turns = [("agent", "Is it on?"), ("user", "Wait."), ("user", "Yes."), ("agent", ""), ("agent", "Fine.")]
    record = talk("t", "No sound.")
    record = type(record)(**{**_fields(record), "transcript": tuple(_turn(*turn) for turn in turns)})
    steps = steps_of(record)
    assert [(step.prompt, step.response) for step in steps] == [("Is it on?", "Wait.\nYes."), ("Fine.", None)]


def _fields(record):
    return {name: getattr(record, name) for name in type(record).__slots__}


def _turn(role, text):
    from proposals.mining import Turn

    return Turn(role, text)


@pytest.mark.parametrize(
    ("text", "polite"),
    [
        ("You're welcome, have a nice day!", True),
        ("Glad that it works. Goodbye.", True),
        ("Glad to help. Is the cable plugged in?", False),
        ("Replace the cable.", False),
    ],
)
def test_pleasantries(text, polite):
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
def test_an_answer_is_read_against_its_question(prompt, answer, no):
    assert says_no(Step("question", prompt, (), None, answer, 0)) is no


def test_a_picked_option_stands_for_itself():
    assert says_no(Step("question", "Do the fans not turn?", ("Yes", "No"), "No", None, 0))


def test_a_greeting_does_not_open_the_work_and_alone_has_no_substance():
    greeted = [("agent", "Hello, how can I help?"), ("user", "My mail is gone."), ("agent", "Search the archive.")]
    record = talk("t", "x")
    record = type(record)(**{**_fields(record), "transcript": tuple(_turn(*turn) for turn in greeted)})
    assert opening_of(record) == "Search the archive."
    assert has_substance(record)
    idle = (*record.transcript[:1], _turn("user", "Never mind."), _turn("agent", "No problem, have a nice day!"))
    assert not has_substance(type(record)(**{**_fields(record), "transcript": idle}))
