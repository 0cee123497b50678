"""The sessions behind a proposal, and the very lines that one of its steps rests on.

`…/evidence/` lists the sessions, `…/evidence/?node=n3` the lines of a step; `page` counts from 1. As a fragment
(`fragment=1`) it is what the page around it fetches; else it is a page of its own, which needs no JavaScript.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from flowpilot.common.errors import NotFound
from proposals.evidence import evidence_page, proposed_node
from proposals.models import FlowProposal


def urls(model_admin: Any) -> list[URLPattern]:
    view = model_admin.admin_site.admin_view(lambda request, pk: evidence_view(model_admin, request, pk))
    return [path("<int:pk>/evidence/", view, name="proposals_flowproposal_evidence")]


def evidence_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/evidence/?node=n3&page=2&fragment=1`; every parameter may be left out."""
    proposal = readable(model_admin, request, pk)
    node_id = request.GET.get("node", "")
    try:
        node = proposed_node(proposal, node_id) if node_id else None
    except NotFound as error:
        raise Http404("The proposal has no such step.") from error
    page = evidence_page(request.user, proposal, node_id, _page_number(request))
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


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return max(1, min(int(text), 100_000)) if text.isdecimal() else 1
