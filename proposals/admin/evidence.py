"""The sessions behind a proposal, and the very lines that one of its steps rests on.

`…/evidence/` lists the sessions, `…/evidence/?node=n3` the lines of a step; `page` counts from 1. As a fragment
(`fragment=1`) it is what the page around it fetches; else it is a page of its own, which needs no JavaScript.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

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


def urls(model_admin: Any) -> list[URLPattern]:
    view = model_admin.admin_site.admin_view(lambda request, pk: evidence_view(model_admin, request, pk))
    return [path("<int:pk>/evidence/", view, name="proposals_flowproposal_evidence")]


def evidence_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/evidence/?node=n3&page=2&fragment=1`; every parameter may be left out."""
    proposal = readable(model_admin, request, pk)
    node_id = request.GET.get("node", "")
    node = _node(proposal, node_id) if node_id else None
    number = _page_number(request)
    page = node_page(request.user, proposal, node_id, number) if node else session_page(request.user, proposal, number)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Evidence: {node['text'] if node else proposal.title}",
        "opts": model_admin.opts,
        "proposal": proposal,
        "node": node,
        "page": page,
        "evidence_url": reverse("admin:proposals_flowproposal_evidence", args=[pk]),
        "is_fragment": "fragment" in request.GET,
    }
    template = "proposals/evidence_lines.html" if "fragment" in request.GET else "proposals/evidence.html"
    return TemplateResponse(request, template, context)


def readable(model_admin: Any, request: HttpRequest, pk: int) -> FlowProposal:
    """The proposal that the viewer may read. Raises PermissionDenied, Http404."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    proposal: FlowProposal | None = model_admin.get_object(request, str(pk))
    if proposal is None:
        raise Http404("There is no such proposal.")
    return proposal


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


def _node(proposal: FlowProposal, node_id: str) -> dict[str, Any]:
    for node in proposal.proposed_flow_data.get("nodes", ()):
        if node["id"] == node_id:
            return dict(node)
    raise Http404("The proposal has no such step.")


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return max(1, min(int(text), 100_000)) if text.isdecimal() else 1
