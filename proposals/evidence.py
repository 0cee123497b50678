"""The sessions behind a proposal, and the very lines that one of its steps rests on, for pages and the API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, QuerySet

from flowpilot.common.errors import NotFound
from proposals.models import FlowProposal
from sessions.conversation import conversation
from sessions.models import AISession, SessionStep

PER_PAGE = 10


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """A line of a session as evidence names it: what was asked or done there, and what was answered."""

    index: int
    said: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuotedSession:
    session: AISession
    lines: tuple[QuotedLine, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sessions that the viewer may read, newest first. `named` counts those that they may not, too; `lines` are the
    lines of each that a node rests on, and None of a whole proposal."""

    sessions: QuerySet[AISession]
    named: int
    lines: dict[int, set[int]] | None = None

    def quoted(self, rows: Iterable[AISession]) -> list[QuotedSession]:
        lines = self.lines or {}
        return [QuotedSession(row, tuple(_quoted(row, lines[row.pk])) if row.pk in lines else ()) for row in rows]


@dataclass(frozen=True, slots=True)
class EvidencePage:
    """Some of the sessions, newest first. `total` counts those the viewer may read, `hidden` those they may not."""

    sessions: Sequence[QuotedSession]
    total: int
    hidden: int
    number: int

    @property
    def next_number(self) -> int | None:
        return self.number + 1 if self.number * PER_PAGE < self.total else None

    @property
    def shown(self) -> int:
        return min(self.total, self.number * PER_PAGE)


def evidence_page(user: Any, proposal: FlowProposal, node_id: str, number: int) -> EvidencePage:
    """A page of `evidence_of`, by its number, from 1. Raises NotFound for an unknown node."""
    evidence = evidence_of(user, proposal, node_id)
    total, start = evidence.sessions.count(), (number - 1) * PER_PAGE
    quoted = evidence.quoted(evidence.sessions[start : start + PER_PAGE])
    return EvidencePage(quoted, total, max(0, evidence.named - total), number)


def evidence_of(user: Any, proposal: FlowProposal, node_id: str = "") -> Evidence:
    """The sessions that support a proposal; with a node the lines that it rests on, exactly as `node_evidence` names
    them. Raises NotFound for an unknown node."""
    sessions: QuerySet[AISession] = (
        AISession.objects.for_user(user)
        .filter(account=proposal.account_id)
        .select_related("client", "technician")
        .order_by("-started_at", "-pk")
    )
    if not node_id:
        supporting = sessions.filter(pk__in=proposal.evidence.values("session"))
        return Evidence(supporting.defer("transcript"), proposal.supporting_session_count)
    proposed_node(proposal, node_id)
    lines: dict[int, set[int]] = {}
    for session_id, index in proposal.node_evidence.get(node_id, ()):
        lines.setdefault(session_id, set()).add(index)
    steps = SessionStep.objects.filter(position__in=sorted(set().union(*lines.values()))).order_by("position")
    quotable = sessions.filter(pk__in=list(lines)).prefetch_related(Prefetch("steps", steps))
    return Evidence(quotable, len(lines), lines)


def proposed_node(proposal: FlowProposal, node_id: str) -> dict[str, Any]:
    """The node as the proposal has it. Raises NotFound."""
    for node in proposal.proposed_flow_data.get("nodes", ()):
        if node["id"] == node_id:
            return dict(node)
    raise NotFound("the proposal has no such step")


def _quoted(session: AISession, wanted: set[int]) -> Iterable[QuotedLine]:
    """A step with its answers; of a transcript an agent's turn and what the user said to it."""
    spoken = conversation(session)
    if session.transcript is None:
        for index in sorted(wanted):
            here = [line for line in spoken if line.index == index]
            said = next((line.text for line in here if not line.is_user), "")
            yield QuotedLine(index, said, tuple(line.text for line in here if line.is_user))
        return
    for index in sorted(wanted):
        if index >= len(spoken):
            continue
        answers = []
        for line in spoken[index + 1 :]:
            if not line.is_user:
                break
            answers.append(line.text)
        yield QuotedLine(index, spoken[index].text, tuple(answers))
