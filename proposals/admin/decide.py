"""One decision, from the detail page."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from flowpilot.common.errors import ServiceError
from proposals.admin.forms import DecisionForm
from proposals.models import FlowProposal
from proposals.review import proposal_approve, proposal_dismiss, proposal_reject

DECISIONS: dict[str, tuple[str, Callable[..., FlowProposal]]] = {
    "approve": ("Approve", proposal_approve),
    "dismiss": ("Dismiss", proposal_dismiss),
    "reject": ("Reject", proposal_reject),
}


def urls(model_admin: Any) -> list[URLPattern]:
    view = model_admin.admin_site.admin_view(lambda request, pk: decide_view(model_admin, request, pk))
    return [path("<int:pk>/decide/", view, name="proposals_flowproposal_decide")]


def decide_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/decide/` with `decision`."""
    proposal = model_admin.get_object(request, str(pk))
    if proposal is None:
        raise Http404("There is no such proposal.")
    if not model_admin.has_decide_permission(request, proposal):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    decision = request.POST.get("decision", "")
    if decision not in DECISIONS:
        raise Http404(f"There is no decision {decision}.")
    form = DecisionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The form was not complete; nothing was decided.")
        return _back(proposal)
    _, service = DECISIONS[decision]
    return apply(request, proposal, lambda: service(actor=request.user, proposal_id=pk, **form.cleaned_data))


def apply(request: HttpRequest, proposal: FlowProposal, act: Callable[[], FlowProposal]) -> HttpResponse:
    try:
        decided = act()
    except ServiceError as error:
        messages.warning(request, f"Nothing was decided: {error.message}.")
        return _back(proposal)
    messages.success(request, f"{decided.title}: {decided.get_status_display().lower()}{_published(decided)}.")
    if decided.published_flow:
        return HttpResponseRedirect(reverse("admin:flows_flow_change", args=[decided.published_flow.pk]))
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_changelist"))


def _published(decided: FlowProposal) -> str:
    version = decided.published_flow.current_version if decided.published_flow else None
    return f", published as version {version.number}" if version else ""


def _back(proposal: FlowProposal) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_change", args=[proposal.pk]))
