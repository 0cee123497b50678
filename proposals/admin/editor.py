"""Edit & publish."""

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from flowpilot.common.errors import ServiceError
from flowpilot.flows.services import InvalidFlow
from proposals.admin.decide import apply
from proposals.admin.forms import PublishForm, sentences
from proposals.review import proposal_publish


def urls(model_admin: Any) -> list[URLPattern]:
    view = model_admin.admin_site.admin_view(lambda request, pk: edit_view(model_admin, request, pk))
    return [path("<int:pk>/edit/", view, name="proposals_flowproposal_edit")]


def edit_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """A GET shows the form, a POST publishes what it holds."""
    proposal = model_admin.get_object(request, str(pk))
    if proposal is None:
        raise Http404("There is no such proposal.")
    if not model_admin.has_decide_permission(request, proposal):
        raise PermissionDenied
    if request.method == "POST" and "definition" in request.POST:
        form = PublishForm(request.POST)
        if form.is_valid():
            try:
                decided = proposal_publish(actor=request.user, proposal_id=proposal.pk, **form.cleaned_data)  # type: ignore[arg-type]
            except InvalidFlow as error:
                form.add_error("definition", sentences(error.errors))
            except ServiceError as error:
                # The page comes back with everything that was typed.
                form.add_error(None, f"Nothing was published: {error.message}.")
            else:
                return apply(request, proposal, lambda: decided)
    else:
        text = json.dumps(proposal.proposed_flow_data, indent=2, ensure_ascii=False)
        form = PublishForm(initial={"revision": proposal.revision, "title": proposal.title, "definition": text})
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Edit & publish: {proposal.title}",
        "opts": model_admin.opts,
        "proposal": proposal,
        "form": form,
    }
    return TemplateResponse(request, "proposals/publish.html", context)
