"""Decisions on many proposals at once, with a confirmation page."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from flowpilot.common.errors import ServiceError
from proposals.admin.decide import DECISIONS
from proposals.models import FlowProposal


def bulk_decision(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[FlowProposal], decision: str
) -> HttpResponse | None:
    """First POST shows what would be decided, with ids and revisions; the second decides exactly those."""
    if decision == "publish":
        return _open_editor(model_admin, request, queryset)
    label, service = DECISIONS[decision]
    if request.POST.get("confirmed"):
        _decide_all(request, service, label)
        return None
    rows = [(proposal, _refusal(request, proposal, decision)) for proposal in queryset]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{label} {sum(not why for _, why in rows)} proposals?",
        "opts": model_admin.opts,
        "rows": rows,
        "decision": decision,
        "label": label,
        "needs_notes": decision == "reject",
        "allowed": [proposal for proposal, why in rows if not why],
    }
    return TemplateResponse(request, "proposals/confirm.html", context)


def _refusal(request: HttpRequest, proposal: FlowProposal, decision: str) -> str:
    """Why this proposal cannot be decided so; empty where it can. The service has the last word."""
    if not request.user.has_perm("proposals.decide_flowproposal", proposal):
        return f"only team admins and owners of {proposal.account} decide it"
    if not proposal.is_pending:
        return f"{proposal.get_status_display().lower()} already"
    if decision == "approve" and not proposal.can_be_approved:
        return "changes a published flow: edit & publish it"
    return ""


def _decide_all(request: HttpRequest, service: Callable[..., FlowProposal], label: str) -> None:
    notes = request.POST.get("notes", "")
    done, failures = 0, []
    for item in request.POST.getlist("item"):
        proposal_id, _, revision = item.partition(":")
        if not (proposal_id.isdecimal() and revision.isdecimal()):
            failures.append(f"{item!r} is not a proposal and its revision")
            continue
        try:
            service(actor=request.user, proposal_id=int(proposal_id), revision=int(revision), notes=notes)
            done += 1
        except ServiceError as error:
            failures.append(f"proposal {proposal_id}: {error.message}")
    if done:
        messages.success(request, f"{label}: {done} done.")
    for failure in failures:
        messages.warning(request, f"{label} failed, {failure}.")
    if not done and not failures:
        messages.warning(request, "Nothing was selected, so nothing was decided.")


def _open_editor(model_admin: Any, request: HttpRequest, queryset: QuerySet[FlowProposal]) -> HttpResponse | None:
    selected = list(queryset[:2])
    if len(selected) != 1:
        messages.warning(request, "Edit & publish opens one proposal: select exactly one.")
        return None
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_edit", args=[selected[0].pk]))
