"""Parts of a session's page that are fetched when they are wanted: the whole flow, and flows that may fit.

Each address answers as a whole page, or to htmx as the part that it puts into the session's page.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from sessions.models import AISession
from sessions.runner.find import matches_of
from sessions.scripts.editing import is_fragment
from sessions.web.flow import outline_of
from sessions.web.frame import at_work, frame, own_session


@require_safe
@at_work
def outline(request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/outline/?revision=7`: every step of the session's flow, to jump to, and the graph."""
    session = own_session(request, pk)
    version = session.flow_version
    visited = [node_id for node_id in session.steps.values_list("node_id", flat=True) if node_id]
    found = {
        "definition": version.definition if version else None,
        "outline": outline_of(version.pk) if version else [],
        "visited": visited,
        "marks": {"passedNodes": visited, "here": session.node_id},
    }
    return _answer(request, session, "work/outline.html", f"The flow of {session.external_id}", found)


@require_safe
@at_work
def matches(request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/matches/?revision=7`: flows that may fit the problem and what was found so far, to be taken up."""
    session = own_session(request, pk)
    found = {"matches": matches_of(request.user, session) if session.status == AISession.Status.ACTIVE else []}
    return _answer(request, session, "work/matches.html", f"Flows for {session.external_id}", found)


def _answer(request: HttpRequest, session: AISession, part: str, title: str, found: dict[str, Any]) -> HttpResponse:
    """A part acts on the revision of the page that it goes into: another tab may have gone on meanwhile."""
    shown = request.GET.get("revision", "")
    found["revision"] = int(shown) if shown.isdecimal() and len(shown) < 10 else session.revision
    context = {"session": session, **found}
    if is_fragment(request):
        response = TemplateResponse(request, part, context)
    else:
        response = TemplateResponse(request, "work/panel.html", frame(request, title, part=part, **context))
    response["Vary"] = "HX-Request"
    return response
