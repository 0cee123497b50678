"""Deciding on proposals in the admin: from the detail page, and in bulk with a confirmation page."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from flowpilot.common.errors import ServiceError
from flowpilot.common.models import AuditEvent
from flowpilot.flows.changes import FlowDiff
from flowpilot.flows.outline import outline
from flowpilot.flows.services import InvalidFlow
from flowpilot.flows.validation import DefinitionError, parse_definition
from proposals.models import FlowProposal
from proposals.review import proposal_approve, proposal_dismiss, proposal_publish, proposal_reject
from proposals.selectors import queue_place

DECISIONS: dict[str, tuple[str, Callable[..., FlowProposal]]] = {
    "approve": ("Approve", proposal_approve),
    "dismiss": ("Dismiss", proposal_dismiss),
    "reject": ("Reject", proposal_reject),
}
EVIDENCE_SHOWN = 20


class DecisionForm(forms.Form):
    """What every decision names: the revision that was read, and notes."""

    revision = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    notes = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}), label="Notes for the record"
    )


class PublishForm(DecisionForm):
    """Edit & publish: the definition as text."""

    title = forms.CharField(max_length=200)
    definition = forms.CharField(widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false"}), strip=False)

    def clean_definition(self) -> dict[str, Any]:
        parsed, errors = parse_definition(self.cleaned_data["definition"])
        if errors:
            raise forms.ValidationError(_sentences(errors))
        assert isinstance(parsed, dict)  # noqa: S101  # what parses to anything else has errors
        return parsed


def _sentences(errors: Iterable[DefinitionError]) -> list[str]:
    return [f"{error.pointer}: {error.message}" if error.pointer else error.message for error in errors]


def detail_context(request: HttpRequest, proposal: FlowProposal) -> dict[str, Any]:
    """What the detail page shows beside the admin's own context."""
    diff = FlowDiff.from_json(proposal.proposed_diff) if proposal.proposed_diff else None
    evidence = proposal.supporting_sessions.select_related("client", "technician").order_by("-started_at")
    return {
        "proposal": proposal,
        "can_decide": proposal.is_pending and request.user.has_perm("proposals.decide_flowproposal", proposal),
        "decision_form": DecisionForm(initial={"revision": proposal.revision}),
        "definition": proposal.proposed_flow_data or None,
        "diff": diff,
        "outline": outline(proposal.proposed_flow_data) if proposal.proposed_flow_data else [],
        "evidence": list(evidence[:EVIDENCE_SHOWN]),
        "place": queue_place(request.user, proposal),
        "history": AuditEvent.objects.filter(
            account_id=proposal.account_id, object_type="proposals.flowproposal", object_id=proposal.pk
        ),
    }


def decide_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/decide/` with `decision`; for edit & publish a GET shows the form."""
    proposal = model_admin.get_object(request, str(pk))
    if proposal is None:
        raise Http404("There is no such proposal.")
    if not model_admin.has_decide_permission(request, proposal):
        raise PermissionDenied
    decision = request.POST.get("decision", "publish")
    if decision == "publish":
        return _publish(model_admin, request, proposal)
    if decision not in DECISIONS:
        raise Http404(f"There is no decision {decision}.")
    form = DecisionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The form was not complete; nothing was decided.")
        return _back(proposal)
    _, service = DECISIONS[decision]
    return _apply(request, proposal, lambda: service(actor=request.user, proposal_id=pk, **form.cleaned_data))


def _apply(request: HttpRequest, proposal: FlowProposal, act: Callable[[], FlowProposal]) -> HttpResponse:
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


def _publish(model_admin: Any, request: HttpRequest, proposal: FlowProposal) -> HttpResponse:
    if request.method == "POST" and "definition" in request.POST:
        form = PublishForm(request.POST)
        if form.is_valid():
            try:
                decided = proposal_publish(actor=request.user, proposal_id=proposal.pk, **form.cleaned_data)  # type: ignore[arg-type]
            except InvalidFlow as error:
                form.add_error("definition", _sentences(error.errors))
            except ServiceError as error:
                # The page comes back with everything that was typed.
                form.add_error(None, f"Nothing was published: {error.message}.")
            else:
                return _apply(request, proposal, lambda: decided)
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
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_decide", args=[selected[0].pk]))


def _back(proposal: FlowProposal) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_change", args=[proposal.pk]))
