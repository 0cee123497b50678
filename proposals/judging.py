"""A language model's opinion where the miner's own score is undecided: are two topics, or two prompts, the same?

It is shown to the reviewer beside the miner's score, and does nothing else: with "unsure", with a failure, and with no
model at all, analysis finds what it finds with a "yes". It is asked when a reviewer wants it; who asks again gets the
answer that was paid for.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.conf import settings
from pydantic import BaseModel, ConfigDict

from flowpilot.llm.ask import NoAnswer, Question, answer_kept, ask, model_for
from flowpilot.llm.injection import orders_in
from flowpilot.llm.masking import Placeholders, PrivateNames
from flowpilot.llm.models import Purpose
from proposals.mining.examples import FlowExamples
from proposals.mining.undecided import undecided_nodes
from proposals.models import FlowProposal
from proposals.similar import SAME, Similar
from sessions.names import private_names

LINES, LINE_CHARACTERS, MOST_PAIRS = 8, 300, 5
INSTRUCTIONS = {
    Purpose.JUDGE_TOPICS: """
You compare two groups of helpdesk sessions by what they are about. Answer "yes" where both are the same problem, which
one troubleshooting flow would serve; "no" where they are different problems; "unsure" where the lines do not tell.
""",
    Purpose.JUDGE_PROMPTS: """
You compare two prompts of a troubleshooting flow by the lines behind them. Answer "yes" where both ask or do the same
thing, so that every answer to one is an answer to the other; "no" where they do not; "unsure" where the lines do not
tell.
""",
}


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    same: Literal["yes", "no", "unsure"]


@dataclass(frozen=True)
class Pair:
    """Two things that the miner could not tell apart, or together, for sure: its score, and the lines of each.

    `score` is the likeness of two topics (1 is as like as the sessions of one are), or the chance, by their words
    alone, that two prompts are one.
    """

    purpose: Purpose
    label: str
    score: float
    one: tuple[str, ...]
    other: tuple[str, ...]

    @property
    def is_topics(self) -> bool:
        return self.purpose == Purpose.JUDGE_TOPICS


@dataclass(frozen=True)
class Opinion:
    """`same` is "yes", "no", "unsure", or "" without an answer, which `reason` is why."""

    same: str = ""
    reason: str = ""

    @property
    def words(self) -> str:
        told = {"yes": "the same", "no": "not the same", "unsure": "unsure"}
        return told.get(self.same, f"no answer. {self.reason}")


@dataclass(frozen=True)
class Judging:
    """What is undecided about a proposal, each with the opinion on it, or None where it was not asked."""

    is_allowed: bool = False
    rows: list[tuple[Pair, Opinion | None]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether anything may still be asked."""
        return any(opinion is None or not opinion.same for _, opinion in self.rows)


def judging_of(proposal: FlowProposal, similar: Sequence[Similar], *, is_asked: bool) -> Judging:
    """What is undecided, with the opinions that were given before, and now where it `is_asked`.

    Nothing where the account does not allow it. Asking takes LLM_JUDGE_SECONDS at most, for LLM_JUDGE_CALLS questions.
    """
    if model_for(proposal.account_id, Purpose.JUDGE_TOPICS) is None:
        return Judging()
    pairs = [pair for pair in (*_topics(proposal, similar), *_prompts(proposal)) if pair.one and pair.other]
    names = private_names(proposal.account_id) if pairs else PrivateNames()
    kept = [_kept(proposal, pair, names) for pair in pairs]
    if is_asked:
        asked = iter(_asked(proposal, [pair for pair, said in zip(pairs, kept, strict=True) if said is None], names))
        kept = [said or next(asked) for said in kept]
    return Judging(True, list(zip(pairs, kept, strict=True)))


def _topics(proposal: FlowProposal, similar: Sequence[Similar]) -> Iterator[Pair]:
    """Those below what the miner calls the same; `similar_to` has left out those with nothing in common."""
    own = _problems(proposal.title, proposal.examples)
    for item in similar:
        if item.likeness >= SAME:
            continue
        if item.proposal is not None:
            title, examples = item.proposal.title, item.proposal.examples
        elif item.flow is not None:
            version = item.flow.current_version
            title, examples = item.flow.title, version.examples if version else {}
        yield Pair(Purpose.JUDGE_TOPICS, f"“{title}”", item.likeness, own, _problems(title, examples))


def _prompts(proposal: FlowProposal) -> Iterator[Pair]:
    definition, examples = proposal.proposed_flow_data, FlowExamples.from_json(proposal.examples)
    answers = {
        node: [text for said in by_option.values() for text, _ in said] for node, by_option in examples.answers.items()
    }
    texts = {str(node["id"]): str(node["text"]) for node in definition["nodes"]}
    known = {str(node["id"]) for node in proposal.base_version.nodes} if proposal.base_version else set()
    found = undecided_nodes(definition, examples.prompts, answers, proposal.node_evidence)
    # What both stand in the published flow was approved by people.
    news = [pair for pair in found if not {pair.one, pair.other} <= known]
    for pair in news[:MOST_PAIRS]:
        one, other = (_clean([texts[node], *examples.prompts.get(node, ())]) for node in (pair.one, pair.other))
        label = f"“{texts[pair.one]}” ({pair.one}) and “{texts[pair.other]}” ({pair.other})"
        yield Pair(Purpose.JUDGE_PROMPTS, label, pair.chance, one, other)


def _problems(title: str, examples: Mapping[str, Any]) -> tuple[str, ...]:
    return _clean([title, *FlowExamples.from_json(examples).problems])


def _clean(lines: Sequence[str]) -> tuple[str, ...]:
    """Some lines, without those that read like orders to a model."""
    kept = dict.fromkeys(line[:LINE_CHARACTERS] for line in lines if line.strip() and not orders_in(line))
    return tuple(kept)[:LINES]


def _question(proposal: FlowProposal, pair: Pair, names: PrivateNames, seconds: float) -> Question[Verdict]:
    return Question(
        account_id=proposal.account_id,
        purpose=pair.purpose,
        subject=f"proposal {proposal.pk}, revision {proposal.revision}",
        instructions=INSTRUCTIONS[pair.purpose],
        content={"one": list(pair.one), "other": list(pair.other)},
        schema=Verdict,
        placeholders=Placeholders(names),
        seconds=seconds,
        max_tokens=200,
        attempts=2,
    )


def _kept(proposal: FlowProposal, pair: Pair, names: PrivateNames) -> Opinion | None:
    answer = answer_kept(_question(proposal, pair, names, 0))
    return Opinion(answer.value.same) if answer else None


def _asked(proposal: FlowProposal, pairs: Sequence[Pair], names: PrivateNames) -> Iterator[Opinion]:
    until = time.monotonic() + settings.LLM_JUDGE_SECONDS
    for number, pair in enumerate(pairs):
        left = until - time.monotonic()
        if number >= settings.LLM_JUDGE_CALLS or left <= 0:
            yield Opinion(reason="Not asked yet: ask once more")
            continue
        try:
            yield Opinion(ask(_question(proposal, pair, names, left)).value.same)
        except NoAnswer as error:
            yield Opinion(reason=str(error))
