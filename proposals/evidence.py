"""The sessions behind a proposal, and the very lines that one of its steps rests on, for pages and the API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

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
    """The lines that a node rests on; without a node, the sessions. Raises NotFound for an unknown node."""
    if not node_id:
        return session_page(user, proposal, number)
    proposed_node(proposal, node_id)
    return node_page(user, proposal, node_id, number)


def proposed_node(proposal: FlowProposal, node_id: str) -> dict[str, Any]:
    """The node as the proposal has it. Raises NotFound."""
    for node in proposal.proposed_flow_data.get("nodes", ()):
        if node["id"] == node_id:
            return dict(node)
    raise NotFound("the proposal has no such step")


def node_page(user: Any, proposal: FlowProposal, node_id: str, number: int) -> EvidencePage:
    """The lines that a node rests on, exactly as `node_evidence` names them, by session."""
    lines: dict[int, set[int]] = {}
    for session_id, index in proposal.node_evidence.get(node_id, ()):
        lines.setdefault(session_id, set()).add(index)
    sessions = AISession.objects.for_user(user).filter(account=proposal.account_id, pk__in=list(lines))
    total = sessions.count()
    steps = SessionStep.objects.filter(position__in=sorted(set().union(*lines.values()))).order_by("position")
    rows = _rows(sessions, number).prefetch_related(Prefetch("steps", steps))
    quoted = [QuotedSession(session, tuple(_quoted(session, lines[session.pk]))) for session in rows]
    return EvidencePage(quoted, total, len(lines) - total, number)


def session_page(user: Any, proposal: FlowProposal, number: int) -> EvidencePage:
    """The sessions that support a proposal."""
    sessions = AISession.objects.for_user(user).filter(
        Q(pk__in=proposal.evidence.values("session")), account=proposal.account_id
    )
    total = sessions.count()
    quoted = [QuotedSession(session, ()) for session in _rows(sessions, number).defer("transcript")]
    return EvidencePage(quoted, total, max(0, proposal.supporting_session_count - total), number)


def _rows(sessions: QuerySet[AISession], number: int) -> QuerySet[AISession]:
    start = (number - 1) * PER_PAGE
    rows = sessions.select_related("client", "technician").order_by("-started_at", "-pk")
    return rows[start : start + PER_PAGE]


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
