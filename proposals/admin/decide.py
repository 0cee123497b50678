"""Decisions from the detail page: decide, undo, merge; what is said of them, and where one goes next."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.middleware.csrf import get_token
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from flowpilot.common.errors import ServiceError
from proposals import review
from proposals.admin.steps import FILTERS, back_to, detail_url, kept_filters, next_pending, queue_url
from proposals.models import FlowProposal
from proposals.review import proposal_approve, proposal_dismiss, proposal_reject

DECISIONS: dict[str, tuple[str, Callable[..., FlowProposal]]] = {
    "approve": ("Approve", proposal_approve),
    "dismiss": ("Dismiss", proposal_dismiss),
    "reject": ("Reject", proposal_reject),
}
REASONS = (
    "Wrong answer",
    "Wrong order of steps",
    "Duplicates another flow",
    "Too vague",
    "Unsafe",
    "One client only",
    "Private matter in the texts",
)
# Where what was typed waits when a decision fails, until the proposal is decided.
TYPED = "proposals.typed"


class DecideForm(forms.Form):
    """All that the decision panel asks; each decision takes its own part of it."""

    revision = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    notes = forms.CharField(required=False, max_length=9_000, widget=forms.Textarea(attrs={"rows": 3}))
    reasons = forms.MultipleChoiceField(
        choices=[(reason, reason) for reason in REASONS], required=False, widget=forms.CheckboxSelectMultiple
    )
    scope = forms.ChoiceField(
        choices=[
            ("change", "This change: another one of the topic may come up when enough new sessions ask for it"),
            ("topic", "The whole topic: nothing of it comes up until this one is back"),
        ],
        initial="change",
        required=False,
        widget=forms.RadioSelect,
    )
    wake = forms.ChoiceField(
        choices=[
            ("never", "When somebody brings it back"),
            ("date", "On a date"),
            ("sessions", "After new sessions"),
        ],
        initial="never",
        required=False,
        widget=forms.RadioSelect,
    )
    wake_date = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    wake_sessions = forms.IntegerField(min_value=1, max_value=100_000, required=False, initial=5)
    wake_clients = forms.IntegerField(min_value=1, max_value=100_000, required=False, initial=1)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("wake") == "date":
            day = data.get("wake_date")
            if day is None:
                self.add_error("wake_date", "Say on which day it comes up again.")
            elif day <= timezone.localdate():
                self.add_error("wake_date", "That day has come already: choose a later one.")
        if data.get("wake") == "sessions" and not data.get("wake_sessions"):
            self.add_error("wake_sessions", "Say after how many new sessions it comes up again.")
        return data

    def arguments(self, decision: str) -> dict[str, Any]:
        """What the decision's service is called with, beside the actor and the proposal."""
        data = self.cleaned_data
        arguments = {"revision": data["revision"], "notes": data["notes"]}
        if decision == "reject":
            picked = "; ".join(data["reasons"])
            arguments["notes"] = ". ".join(part for part in (picked, data["notes"].strip()) if part)
        if decision == "dismiss":
            arguments |= self._wake(data)
            if data["scope"] == FlowProposal.DismissScope.TOPIC:
                arguments["scope"] = data["scope"]
        return arguments

    def _wake(self, data: dict[str, Any]) -> dict[str, Any]:
        if data["wake"] == "date":
            return {"wake_at": timezone.make_aware(datetime.combine(data["wake_date"], time()))}
        if data["wake"] == "sessions":
            return {"wake_sessions": data["wake_sessions"], "wake_clients": data["wake_clients"] or 1}
        return {}


class MergeForm(forms.Form):
    revision = forms.IntegerField(min_value=1)
    into = forms.IntegerField(min_value=1)
    into_revision = forms.IntegerField(min_value=1)


def urls(model_admin: Any) -> list[URLPattern]:
    def page(view: Any) -> Any:
        return model_admin.admin_site.admin_view(lambda request, pk: view(model_admin, request, pk))

    return [
        path("<int:pk>/decide/", page(decide_view), name="proposals_flowproposal_decide"),
        path("<int:pk>/undo/", page(undo_view), name="proposals_flowproposal_undo"),
        path("<int:pk>/merge/", page(merge_view), name="proposals_flowproposal_merge"),
        path("<int:pk>/wake/", page(wake_view), name="proposals_flowproposal_wake"),
    ]


def decide_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/decide/` with `decision` and the panel's fields."""
    proposal = _decidable(model_admin, request, pk)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    decision = request.POST.get("decision", "")
    if decision not in DECISIONS:
        raise Http404(f"There is no decision {decision}.")
    form = DecideForm(request.POST)
    if not form.is_valid():
        told = " ".join(str(error) for errors in form.errors.values() for error in errors)
        messages.error(request, f"Nothing was decided: {told}")
        _keep_typed(request, pk, decision)
        return back_to(request, pk)
    _, service = DECISIONS[decision]
    return apply(
        request, proposal, lambda: service(actor=request.user, proposal_id=pk, **form.arguments(decision)), decision
    )


def undo_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/undo/`: take the last decision back, or offer the way back where it has been used already."""
    _decidable(model_admin, request, pk)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        undone = review.proposal_undo(actor=request.user, proposal_id=pk)  # type: ignore[arg-type]
    except ServiceError as error:
        messages.warning(request, f"Nothing was undone: {error.message}.")
        return back_to(request, pk)
    version = undone.revert_version_offered
    if version is None:
        messages.success(request, f"{undone.proposal.title}: undone. It is pending again.")
    else:
        flow_url = reverse("admin:flows_flow_change", args=[version.flow_id])
        messages.warning(
            request,
            format_html(
                "Nothing was undone: what was published is in use already. On the flow's page you can make "
                '<a href="{}">version {} the newest again</a>.',
                flow_url,
                version.number,
            ),
        )
    return back_to(request, pk)


def wake_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/wake/`: a parked proposal comes back to the queue."""
    proposal = _decidable(model_admin, request, pk)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        review.proposal_wake(actor=request.user, proposal_id=pk)  # type: ignore[arg-type]
    except ServiceError as error:
        messages.warning(request, f"It was not brought back: {error.message}.")
    else:
        messages.success(request, f"{proposal.title}: back in the queue. Its latest evidence is mined at the next run.")
    return back_to(request, pk)


def merge_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/merge/`: the sessions of this proposal's topic join another's, and this proposal is dismissed."""
    proposal = _decidable(model_admin, request, pk)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    form = MergeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was merged: the form was not complete.")
        return back_to(request, pk)
    data = form.cleaned_data
    try:
        review.proposal_merge(
            actor=request.user,  # type: ignore[arg-type]
            proposal_id=pk,
            revision=data["revision"],
            into_id=data["into"],
            into_revision=data["into_revision"],
        )
    except ServiceError as error:
        messages.warning(request, f"Nothing was merged: {error.message}.")
        return back_to(request, pk)
    messages.success(request, f"{proposal.title}: merged. The other one is mined again with its sessions.")
    return HttpResponseRedirect(detail_url(data["into"], kept_filters(request)))


def apply(
    request: HttpRequest, proposal: FlowProposal, act: Callable[[], FlowProposal], decision: str = ""
) -> HttpResponse:
    """Do it, say what happened and offer to undo it, and go on to the next proposal; or say why not, losing nothing."""
    try:
        decided = act()
    except ServiceError as error:
        messages.warning(request, f"Nothing was decided: {error.message}.")
        details = error.details if isinstance(error.details, dict) else {}
        _keep_typed(request, proposal.pk, decision, list(details.get("changes", ())))
        return back_to(request, proposal.pk)
    request.session.pop(TYPED, None)
    messages.success(request, _toast(request, decided))
    filters = kept_filters(request)
    following = next_pending(request, decided)
    if following is None:
        messages.info(request, "That was the last one waiting. Well done: nothing is left to review.")
        return HttpResponseRedirect(queue_url(filters))
    return HttpResponseRedirect(detail_url(following, filters))


def typed_before(request: HttpRequest, pk: int) -> dict[str, Any]:
    """What was typed for a decision of this proposal that failed: `data`, `decision` and `changes`; else empty."""
    kept = request.session.get(TYPED) or {}
    return kept if kept.get("pk") == pk else {}


def decision_form(request: HttpRequest, proposal: FlowProposal) -> DecideForm:
    """The panel's form, with what was typed before a decision failed."""
    typed = typed_before(request, proposal.pk).get("data")
    if not typed:
        return DecideForm(initial={"revision": proposal.revision})
    data = QueryDict(mutable=True)
    for name, values in typed.items():
        data.setlist(name, values)
    data["revision"] = str(proposal.revision)
    return DecideForm(data)


def _keep_typed(request: HttpRequest, pk: int, decision: str, changes: list[str] | None = None) -> None:
    data = {name: request.POST.getlist(name) for name in DecideForm.base_fields if name in request.POST}
    if decision and data:
        request.session[TYPED] = {"pk": pk, "decision": decision, "data": data, "changes": changes or []}


def _toast(request: HttpRequest, decided: FlowProposal) -> SafeString:
    """What happened, a link to what was published, and a button that undoes it: plain HTML, it needs no script."""
    parts = [format_html("{}: {}{}.", decided.title, decided.get_status_display().lower(), _published(decided))]
    if decided.published_flow:
        url = reverse("admin:flows_flow_change", args=[decided.published_flow.pk])
        parts.append(format_html('<a href="{}">Open the flow</a>', url))
    parts.append(undo_button(request, decided))
    return format_html_join(" ", "{}", ((part,) for part in parts))


def undo_button(request: HttpRequest, decided: FlowProposal) -> SafeString:
    return format_html(
        '<form class="fp-undo" method="post" action="{}"><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<input type="hidden" name="{}" value="{}">'
        '<button class="fp-button" data-undo>Undo <kbd>U</kbd></button></form>',
        reverse("admin:proposals_flowproposal_undo", args=[decided.pk]),
        get_token(request),
        FILTERS,
        kept_filters(request),
    )


def _published(decided: FlowProposal) -> str:
    version = decided.published_version
    return f", published as version {version.number}" if version else ""


def _decidable(model_admin: Any, request: HttpRequest, pk: int) -> FlowProposal:
    proposal: FlowProposal | None = model_admin.get_object(request, str(pk))
    if proposal is None:
        raise Http404("There is no such proposal.")
    if not model_admin.has_decide_permission(request, proposal):
        raise PermissionDenied
    return proposal
