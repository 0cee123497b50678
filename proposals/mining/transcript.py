"""From talk to steps: which agent turns are steps of the work, which are help and which politeness.

Help is recognised from both sides: the user asks how, what or where (or says that they do not
know), and the agent explains instead of asking on. What the user says after the help answers the
question that was open before it.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache

from proposals.mining.records import Record, Step, Turn

_TO_QUESTION_MARK = r"(?:[^.!?]|\.(?=\S))*\?"
_ASKS_FOR_HELP = re.compile(
    rf"\b(?:how|what|where|which|why|who)\b{_TO_QUESTION_MARK}"
    rf"|\b(?:any|a) ways?\b{_TO_QUESTION_MARK}"
    r"|\b(?:do not|don't|not|no|never)\s+(?:have\s+|really\s+|quite\s+|any\s+)*"
    r"(?:sure|know|idea|familiar|certain|understand|aware|clue)\b"
    r"|\b(?:unsure|unclear|clueless|confused)\b"
    r"|\b(?:would like to know|need (?:some )?help|(?:tell|show|explain to) me (?:how|what|where"
    r"|why))\b",
    re.IGNORECASE,
)
_OFFERS_HELP = re.compile(
    r"\bdo you (?:\w+ )?(?:know |how |understand )+(?:how|the (?:way|method|procedure|steps))\b"
    r"|\bdo you (?:know )?how how\b|\bare you (?:aware of|familiar with|sure) (?:how|the (?:way|"
    r"method|procedure|steps))\b|\bdo you need (?:any )?help (?:with|to|finding|doing)\b",
    re.IGNORECASE,
)
_PLEASANTRY = re.compile(
    r"\b(?:you(?:'|\u2019)?re (?:\w+ )?welcome|you are (?:\w+ )?welcome|my pleasure|glad|happy to"
    r"|no problem|not a problem|no worries|good ?bye|bye|have an? \w+ (?:\w+ )?(?:day|one|evening"
    r"|weekend)|great day|nice day|take care|cheers|any ?time|thank you|thanks|best of luck"
    r"|pleased to|all the best|feel free|(?:do not|don(?:'|\u2019)t) hesitate|reach out"
    r"|let (?:me|us) know if|(?:contact|ask) (?:me|us))\b",
    re.IGNORECASE,
)


def steps_of(record: Record) -> tuple[Step, ...]:
    """The record's steps: its own, or those read from its transcript."""
    if record.steps or not record.transcript:
        return record.steps
    return _steps_from(record.transcript)


def problem_of(record: Record) -> str:
    """What the user said was wrong: the summary, or else the user's first words."""
    if record.problem_summary or not record.transcript:
        return record.problem_summary or record.title
    return next((turn.text for turn in record.transcript if turn.role == "user"), record.title)


def counted_steps(record: Record) -> list[Step]:
    """The steps that can be nodes: not help, not notes, not empty."""
    return _counted(steps_of(record))


def _counted(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.kind not in ("help", "note") and step.prompt.strip()]


def _with_help(record: Record, helping: Collection[str]) -> tuple[Step, ...]:
    steps = steps_of(record)
    if record.steps or not any(step.prompt in helping for step in steps):
        return steps
    return _answers_after_help([replace(step, kind="help") if step.prompt in helping else step for step in steps])


def opening_of(record: Record) -> str:
    """The first prompt that answers the user; what an agent says before is a greeting."""
    steps = counted_steps(record)
    first = steps[0].prompt if steps else ""
    spoken = _user_spoke_at(record)
    return next((step.prompt for step in steps if step.index >= spoken), first)


def working_steps(records: Sequence[Record]) -> list[list[Step]]:
    """The counted steps of each record. Where most sessions do without a greeting before the user's
    first words, so do all; what one session's steps call help is help in every transcript."""
    helping = {step.prompt for record in records for step in record.steps if step.kind == "help"}
    counted = [_counted(_with_help(record, helping)) for record in records]
    opened = [
        [step for step in steps if step.index >= _user_spoke_at(record)]
        for record, steps in zip(records, counted, strict=True)
    ]
    greeted = sum(len(rest) < len(steps) for rest, steps in zip(opened, counted, strict=True))
    if 2 * greeted > len(records):
        return counted
    return [rest or steps for rest, steps in zip(opened, counted, strict=True)]


def has_substance(record: Record) -> bool:
    """Whether anything was asked or done beyond a greeting and a farewell."""
    spoken = _user_spoke_at(record)
    return any(step.index >= spoken and not is_pleasantry(step.prompt) for step in counted_steps(record))


def _user_spoke_at(record: Record) -> int:
    if record.steps or not record.transcript:
        return 0
    return next((i for i, turn in enumerate(record.transcript) if turn.role == "user"), 0)


@lru_cache(maxsize=2048)
def _steps_from(turns: tuple[Turn, ...]) -> tuple[Step, ...]:
    """The stages of mining ask for the same session's steps again and again."""
    return steps_from_transcript(turns)


def steps_from_transcript(turns: Sequence[Turn]) -> tuple[Step, ...]:
    """One step for each agent turn that says something, in order; never raises."""
    steps: list[Step] = []
    asked_before = False  # a question is open, so a user's question is about it
    for place, turn in enumerate(turns):
        if turn.role != "agent" or not turn.text.strip():
            continue
        before = turns[place - 1].text if place and turns[place - 1].role == "user" else ""
        helping = bool(steps) and steps[-1].kind == "help"
        kind = _kind(turn.text, before, asked_before, helping)
        response = _response(turns, place)
        steps.append(Step(kind, turn.text.strip(), (), None, response, place))
        asked_before = True
    return _answers_after_help(steps)


def _kind(prompt: str, before: str, asked_before: bool, helping: bool) -> str:
    """`before`: what the user said just now; `helping`: whether the last step was help."""
    is_question = "?" in prompt
    if asked_before and _OFFERS_HELP.search(prompt):
        return "help"
    if asked_before and (helping or not is_question) and _ASKS_FOR_HELP.search(before):
        return "help"
    return "question" if is_question else "action"


def _response(turns: Sequence[Turn], place: int) -> str | None:
    said = []
    for turn in turns[place + 1 :]:
        if turn.role == "agent":
            break
        said.append(turn.text.strip())
    return "\n".join(text for text in said if text) or None


def _answers_after_help(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Give each question the answer that came after the help that was asked about it."""
    answers: list[str | None] = [step.response for step in steps]
    open_step: int | None = None
    for place, step in enumerate(steps):
        if step.kind != "help":
            open_step = place
        elif open_step is not None and step.response:
            answers[open_step] = step.response
    return tuple(
        step
        if answer == step.response
        else Step(step.kind, step.prompt, step.options, step.selected_option, answer, step.index)
        for step, answer in zip(steps, answers, strict=True)
    )


def is_pleasantry(prompt: str) -> bool:
    """Short politeness that asks nothing: thanks, farewells, 'glad it works'."""
    return len(prompt) < 200 and "?" not in prompt and bool(_PLEASANTRY.search(prompt))
