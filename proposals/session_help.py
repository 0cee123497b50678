"""What an account's language model may suggest to the technician of a session.

Nothing of it is kept unless the technician takes it. A talk's steps are told by the numbers of its lines, so that their
words are the talk's own; a draft's facts must stand in what the session holds; a domain is one that the account has.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from flowpilot.flows.models import Flow
from flowpilot.llm.ask import NoAnswer, Question, ask, model_for
from flowpilot.llm.injection import orders_in
from flowpilot.llm.masking import MARK, Placeholders
from flowpilot.llm.models import Purpose
from proposals.mining.pasted import said_in
from proposals.wordings.check import Evidence, claim_fault
from sessions.models import AISession
from sessions.names import private_names
from sessions.runner.guide import NoHelp, ReadTalk, StepDraft

T = TypeVar("T", bound=BaseModel)

MOST_LINES, LINE_CHARACTERS = 400, 400  # of a talk
MOST_STEPS, MOST_OF_STEP = 200, 40  # steps of an answer, and lines of one
SESSION_LINES = 60  # the last ones of a session that are sent
MOST_DRAFT, MOST_DOMAINS = 600, 60
LEFT_OUT, UNSURE = "(left out)", "unsure"

SUMMARY = """
You draft the resolution summary of a helpdesk session for its technician, in one to three plain sentences and in the
language of the lines: what was wrong, and what solved it. Use only what the lines say; where they do not say what
solved it, say what was done last. Use no number, command, product, path or address that does not stand in the lines.
"""
DOMAIN = """
You file a helpdesk session under one of the listed domains. Answer with the number of the one that fits, or with
"unsure" where none fits clearly.
"""
TALK = """
You find the troubleshooting steps in a chat or a call between a technician and a user. Lines are numbered. For each
question that the technician asks and each action that they take or ask for, give its kind, the numbers of the lines
that say it (prompt) and of the lines that answer it (answer; none where nobody answers). Give advice on how to do
something as help. Leave out greetings, thanks and small talk. Keep the order of the talk, and use each line once at
most.
"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Draft(_Strict):
    summary: str = Field(min_length=1, max_length=MOST_DRAFT)


class Domain(_Strict):
    domain: str = Field(max_length=10)


class TalkStep(_Strict):
    kind: Literal["question", "action", "help"]
    prompt: list[int] = Field(min_length=1, max_length=MOST_OF_STEP)
    answer: list[int] = Field(max_length=MOST_OF_STEP)


class Talk(_Strict):
    steps: list[TalkStep] = Field(max_length=MOST_STEPS)


def is_offered(account_id: int) -> bool:
    """Whether the account allows a model for this."""
    return model_for(account_id, Purpose.SUMMARY) is not None


def summary_draft(session: AISession) -> str:
    """A draft of the resolution summary, with the names that stand in the session. Raises NoHelp."""
    lines = _lines(session)
    placeholders = Placeholders(private_names(session.account_id))
    told = {"lines": lines}
    summary = _ask(session.account_id, Purpose.SUMMARY, _of(session), SUMMARY, told, Draft, placeholders).summary
    if any(not placeholders.knows(mark[0]) for mark in MARK.finditer(summary)):
        raise NoHelp("its draft holds a mark for private matter that was not sent")
    draft = placeholders.unmask(summary)
    if fault := claim_fault(draft, "\n".join(lines), Evidence(lines)):
        raise NoHelp(f"its draft was not taken: {fault.rstrip('.')}")
    return draft


def domain_suggested(session: AISession) -> str:
    """One of the domains that the account has. Raises NoHelp, also where the model is unsure."""
    domains = _domains(session.account_id)
    if not domains:
        raise NoHelp("this account has no problem domains yet")
    numbers = [str(number) for number in range(1, len(domains) + 1)]
    told = {"domains": dict(zip(numbers, domains, strict=True)), "lines": _lines(session)}
    placeholders = Placeholders(private_names(session.account_id))

    def check(answer: Domain) -> None:
        if answer.domain not in (*numbers, UNSURE):
            raise ValueError("it names a domain that there is not")

    chosen = _ask(session.account_id, Purpose.DOMAIN, _of(session), DOMAIN, told, Domain, placeholders, check).domain
    if chosen == UNSURE:
        raise NoHelp("the language model is unsure which domain fits")
    return domains[int(chosen) - 1]


def talk_read(account_id: int, subject: str, text: str) -> ReadTalk:
    """The steps of a pasted talk, in its own words. Raises NoHelp."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise NoHelp(f"a talk of more than {MOST_LINES} lines is not sent")
    sent = {
        str(number): LEFT_OUT if orders_in(line) else line[:LINE_CHARACTERS]
        for number, line in enumerate(lines, start=1)
    }
    placeholders = Placeholders(private_names(account_id))
    told = {"lines": sent}

    def check(answer: Talk) -> None:
        used = [number for step in answer.steps for number in (*step.prompt, *step.answer)]
        if any(not 1 <= number <= len(lines) or sent[str(number)] == LEFT_OUT for number in used):
            raise ValueError("it names a line that there is not")
        if len(set(used)) < len(used):
            raise ValueError("it uses a line twice")
        firsts = [step.prompt[0] for step in answer.steps]
        if firsts != sorted(firsts):
            raise ValueError("it changes the order of the talk")

    answer = _ask(account_id, Purpose.TRANSCRIPT, subject, TALK, told, Talk, placeholders, check)
    if not answer.steps:
        raise NoHelp("the language model found no step in it")

    def words(numbers: Sequence[int]) -> str:
        return "\n".join(said_in(lines[number - 1]) for number in numbers)

    steps = tuple(StepDraft(step.kind, words(step.prompt), words(step.answer)) for step in answer.steps)
    return ReadTalk(said_in(lines[0]), steps)


def _ask(
    account_id: int,
    purpose: Purpose,
    subject: str,
    instructions: str,
    content: dict[str, Any],
    schema: type[T],
    placeholders: Placeholders,
    check: Callable[[T], None] = lambda _: None,
) -> T:
    question = Question(
        account_id=account_id,
        purpose=purpose,
        subject=subject,
        instructions=instructions,
        content=content,
        schema=schema,
        placeholders=placeholders,
        seconds=settings.LLM_HELP_SECONDS,
        attempts=2,
        check=check,
    )
    try:
        return ask(question).value
    except NoAnswer as error:
        raise NoHelp(f"the language model gave no answer ({error})") from error


def _lines(session: AISession) -> list[str]:
    """What the session holds, a line each, without what reads like orders to a model."""
    steps = (f"{step.prompt} → {step.answer}" if step.answer else step.prompt for step in session.steps.all())
    said = [session.title, session.problem_summary, *steps]
    lines = [line[:LINE_CHARACTERS] for line in said if line.strip() and not orders_in(line)]
    return [*lines[:2], *lines[2:][-SESSION_LINES:]]


def _domains(account_id: int) -> list[str]:
    of_flows = Flow.objects.filter(account=account_id).exclude(problem_domain="").order_by()
    of_sessions = AISession.objects.filter(account=account_id).exclude(problem_domain="").order_by()
    found = {
        name for rows in (of_flows, of_sessions) for name in rows.values_list("problem_domain", flat=True).distinct()
    }
    return sorted(name for name in found if not orders_in(name))[:MOST_DOMAINS]


def _of(session: AISession) -> str:
    return f"session {session.external_id}"
