"""One revision's wording: under a lease of its own, beside the analysis, which never waits for it."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from flowpilot.common.leases import HeldLease, LeaseLost, lease_check, lease_keep, lease_release, lease_take
from flowpilot.llm.ask import NoAnswer, Question, ask, model_for
from flowpilot.llm.injection import orders_in
from flowpilot.llm.masking import MARK, Placeholders, PrivateNames, neutral
from flowpilot.llm.models import Fallback, LanguageModel, Purpose
from proposals.mining.examples import FlowExamples
from proposals.models import FlowProposal, ProposalWording
from proposals.wordings.brief import (
    INSTRUCTIONS,
    PROBLEMS,
    SAID_CHARACTERS,
    Brief,
    NodePart,
    Piece,
    batches,
    brief_of,
    schema_of,
    words_of,
)
from proposals.wordings.texts import WordedText
from sessions.names import private_names

logger = logging.getLogger(__name__)

State = ProposalWording.State
LEASE = timedelta(minutes=2)
# After the n-th try that was not all of it: 5 minutes, doubled each time, up to a day; then it is left.
FIRST_PAUSE, LONGEST_PAUSE, MOST_TRIES = timedelta(minutes=5), timedelta(days=1), 8
# What the next question would come to, too.
HOPELESS = {
    Fallback.OFF, Fallback.BUDGET, Fallback.BREAKER, Fallback.BROKEN_KEY, Fallback.REJECTED, Fallback.UNREACHABLE,
    Fallback.RATE_LIMITED, Fallback.TIMEOUT,
}  # fmt: skip


def proposals_to_word(now: datetime) -> QuerySet[FlowProposal]:
    """Pending proposals of accounts that allow it, whose revision has no words yet or is to be tried again."""
    allowed = LanguageModel.objects.filter(is_active=True, words_proposals=True)
    tried = ProposalWording.objects.filter(proposal=OuterRef("pk"), revision=OuterRef("revision"))
    at_rest = tried.filter(Q(next_attempt_at=None) | Q(next_attempt_at__gt=now))
    pending = FlowProposal.objects.filter(
        status=FlowProposal.Status.PENDING, account__in=allowed.values("account")
    ).exclude(proposal_type=FlowProposal.Type.AUTO_REINFORCED)
    return pending.filter(~Exists(at_rest)).order_by("-impact", "-pk")


def proposal_word(*, proposal_id: int) -> ProposalWording | None:
    """Word a proposal's revision, where it is due; None where it is not, another worker has it, or it moved on.

    Safe to run twice, and at once. Whatever the model does, the proposal itself stays as it is.
    """
    proposal = proposals_to_word(timezone.now()).select_related("base_version").filter(pk=proposal_id).first()
    if proposal is None:
        return None
    lease = lease_take(key=f"wording:{proposal.pk}:{proposal.revision}", duration=LEASE)
    if lease is None:
        return None
    try:
        with lease_keep(lease, duration=LEASE):
            texts, fallback = word(proposal)
            return _write(proposal, texts, fallback, lease)
    except LeaseLost as error:
        logger.warning("%s", error)
        return None
    finally:
        lease_release(lease)


def word(proposal: FlowProposal) -> tuple[list[WordedText], str]:
    """The texts of a proposal with their new words, and why some have none (a Fallback, or "")."""
    base = proposal.base_version.definition if proposal.base_version else None
    brief = brief_of(
        proposal.proposed_flow_data,
        base,
        FlowExamples.from_json(proposal.examples),
        proposal.title,
        proposal.description,
    )
    flagged = {node.id: flags for node in brief.nodes if (flags := _orders(list(node.lines())))}
    texts = [
        WordedText.of(piece, reason=_READS_LIKE_ORDERS, flags=flagged[node.id])
        for node in brief.nodes
        if node.id in flagged
        for piece in node.pieces()
    ]
    heads, problems = _clean_heads(brief)
    texts += [
        WordedText.of(head, reason=_READS_LIKE_ORDERS, flags=_orders([head.own]))
        for head in brief.heads()
        if head not in heads
    ]
    sound = [node for node in brief.nodes if node.id not in flagged]
    worded, fallback = _ask_all(proposal, sound, heads, problems)
    return _in_order(brief, [*texts, *worded]), fallback


_READS_LIKE_ORDERS = "Not sent: its evidence holds what reads like orders to a model."


def _clean_heads(brief: Brief) -> tuple[list[Piece], list[str]]:
    problems = [line for line in brief.problems if not orders_in(line)]
    return [head for head in brief.heads() if not orders_in(head.own)], problems


def _ask_all(
    proposal: FlowProposal, nodes: Sequence[NodePart], heads: Sequence[Piece], problems: Sequence[str]
) -> tuple[list[WordedText], str]:
    texts: list[WordedText] = []
    names = private_names(proposal.account_id)
    fallback, hopeless = "", False
    until = time.monotonic() + settings.LLM_WORDING_SECONDS
    for number, batch in enumerate(batches(nodes)):
        here = heads if number == 0 else ()
        pieces = [*here, *(piece for node in batch for piece in node.pieces())]
        if not pieces:
            continue
        if not hopeless:
            try:
                texts += _ask(proposal, batch, here, problems, names, until - time.monotonic())
                continue
            except NoAnswer as error:
                fallback = fallback or error.reason
                hopeless = error.reason in HOPELESS
        texts += [WordedText.of(piece, reason=f"{Fallback(fallback).label}.") for piece in pieces]
    return texts, fallback


def _ask(
    proposal: FlowProposal,
    nodes: Sequence[NodePart],
    heads: Sequence[Piece],
    problems: Sequence[str],
    names: PrivateNames,
    seconds: float,
) -> list[WordedText]:
    """Raises NoAnswer."""
    placeholders = Placeholders(names)
    content = {
        "title": proposal.title,
        "problems": [line[:SAID_CHARACTERS] for line in problems[:PROBLEMS]],
        "nodes": {node.id: node.to_json() for node in nodes},
    } | ({"description": proposal.description} if heads else {})
    answer = ask(
        Question(
            account_id=proposal.account_id,
            purpose=Purpose.WORDING,
            subject=f"proposal {proposal.pk}, revision {proposal.revision}",
            instructions=INSTRUCTIONS,
            content=content,
            schema=schema_of(nodes, heads),
            placeholders=placeholders,
            seconds=seconds,
            max_tokens=8_000,
        )
    )
    words = words_of(answer.value, nodes, heads)
    return [_checked(piece, said, placeholders) for piece, said in words.items()]


def _checked(piece: Piece, said: str, placeholders: Placeholders) -> WordedText:
    if any(not placeholders.knows(mark[0]) for mark in MARK.finditer(said)):
        return WordedText.of(piece, reason="It holds a mark for private matter that was not sent.")
    words = neutral(said)
    fault = piece.fault(words)
    return WordedText.of(piece, reason=fault) if fault else WordedText.of(piece, words)


def _in_order(brief: Brief, texts: Sequence[WordedText]) -> list[WordedText]:
    """As the definition has them; of a node's labels none where two have become one."""
    pieces = [*brief.heads(), *(piece for node in brief.nodes for piece in node.pieces())]
    place = {WordedText.of(piece).key: number for number, piece in enumerate(pieces)}
    labels: dict[tuple[str, str], int] = {}
    for text in texts:
        if text.where == "label":
            key = (text.node, (text.words or text.own).casefold())
            labels[key] = labels.get(key, 0) + 1
    unique = [
        WordedText(text.where, text.own, "", "Two answers of this step would be called so.", text.node, text.option)
        if text.where == "label" and text.words and labels[text.node, text.words.casefold()] > 1
        else text
        for text in texts
    ]
    return sorted(unique, key=lambda text: place[text.key])


def _orders(lines: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(flag for line in lines for flag in orders_in(line)))


def _write(
    proposal: FlowProposal, texts: Sequence[WordedText], fallback: str, lease: HeldLease
) -> ProposalWording | None:
    with transaction.atomic():
        lease_check(lease)
        row = FlowProposal.objects.select_for_update(of=("self",)).filter(pk=proposal.pk).first()
        if row is None or row.revision != proposal.revision or not row.is_pending:
            return None
        key = {"account_id": proposal.account_id, "proposal": row, "revision": row.revision}
        wording = ProposalWording.objects.filter(**key).first() or ProposalWording(**key)
        wording.texts = [text.to_json() for text in texts]
        wording.attempts += 1
        wording.fallback, wording.state = fallback, State.PARTLY if fallback else State.DONE
        wording.next_attempt_at = _next_attempt(wording.attempts, fallback, timezone.now())
        wording.save()
        return wording


def _next_attempt(tries: int, fallback: str, now: datetime) -> datetime | None:
    if not fallback or fallback == Fallback.TOO_LONG or tries >= MOST_TRIES:
        return None
    if fallback == Fallback.BUDGET:
        return (now + timedelta(days=1)).replace(hour=0, minute=5, second=0, microsecond=0)
    return now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1))


def wording_of(proposal: FlowProposal) -> ProposalWording | None:
    """The words for the proposal's present revision."""
    return ProposalWording.objects.filter(
        account=proposal.account_id, proposal=proposal, revision=proposal.revision
    ).first()


def is_awaited(proposal: FlowProposal) -> bool:
    """Whether words of the present revision may still come."""
    return proposal.is_pending and model_for(proposal.account_id, Purpose.WORDING) is not None
