"""Decisions on many proposals at once: a page to confirm what is decided, and one that says what became of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from flowpilot.common.errors import ServiceError
from proposals import budget, review
from proposals.admin.decide import DECISIONS, DecideForm
from proposals.models import FlowProposal
from proposals.words import plural

# Each proposal is decided in a transaction of its own, within one request.
LIMIT = 500
DEFERRED = ("proposed_diff", "node_evidence", "examples", "masked", "search")


@dataclass(frozen=True, slots=True)
class Row:
    """A proposal that was selected, the revision that is decided, and why it cannot be (empty where it can)."""

    proposal: FlowProposal
    revision: int
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one: `why` is empty where it was decided."""

    name: str
    pk: int | None
    why: str = ""
    decided: FlowProposal | None = None


class BulkForm(DecideForm):
    """The decision panel's fields; each proposal has its own revision."""

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, decision: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.decision = decision

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.decision == "reject" and not (data.get("reasons") or data.get("notes", "").strip()):
            self.add_error("notes", "Say why: analysis and your colleagues learn from the reason.")
        return data


def bulk_decision(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[FlowProposal], decision: str
) -> HttpResponse | None:
    """First POST shows what would be decided, with ids and revisions; the second decides exactly those."""
    if request.POST.get("confirmed"):
        return _confirmed(model_admin, request, decision)
    found, is_capped = _selected(model_admin, request, queryset)
    if not found:
        messages.warning(request, "Nothing was selected, so nothing was decided.")
        return None
    if decision == "publish":
        return _open_editor(request, found)
    if decision == "merge" and len(found) != 2:
        messages.warning(request, "Merging takes two proposals: select exactly two.")
        return None
    rows = [Row(proposal, proposal.revision, refusal(request.user, proposal, decision)) for proposal in found]
    # Typed before, on the page that told what failed.
    typed = {name: request.POST.getlist(name) for name in BulkForm.base_fields if name in request.POST}
    initial = {name: values if name == "reasons" else values[0] for name, values in typed.items()}
    form = BulkForm(decision, initial=initial or {"wake_sessions": 5, "wake_clients": 1})
    return _confirm(model_admin, request, decision, rows, form, is_capped=is_capped)


def refusal(user: Any, proposal: FlowProposal, decision: str) -> str:
    """Why this proposal cannot be decided so; empty where it can. The service has the last word."""
    if not user.has_perm("proposals.decide_flowproposal", proposal):
        return f"only team admins and owners of {proposal.account} decide it"
    if not proposal.is_pending:
        by = f" by {proposal.reviewed_by}" if proposal.reviewed_by else ""
        return f"{proposal.get_status_display().lower()} already{by}"
    if decision == "approve" and not proposal.can_be_approved:
        return "changes a published flow: edit & publish it"
    return ""


def _selected(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[FlowProposal]
) -> tuple[list[FlowProposal], bool]:
    """The viewer's own rows that were ticked (decided ones too, to say so), or the first of the whole view."""
    if request.POST.get("select_across") != "1":
        ids = _ids(request.POST.getlist(ACTION_CHECKBOX_NAME))
        queryset = model_admin.get_queryset(request).filter(pk__in=ids).order_by("-impact", "-id")
    rows = _whole(queryset)[: LIMIT + 1]
    found = list(rows)
    return found[:LIMIT], len(found) > LIMIT


def _whole(queryset: QuerySet[FlowProposal]) -> QuerySet[FlowProposal]:
    related = queryset.select_related(None).select_related("account", "team", "reviewed_by", "claimed_by")
    return related.defer(None).defer("proposed_flow_data", *DEFERRED)


def _ids(texts: Iterable[str]) -> list[int]:
    return [int(text) for text in texts if text.isdecimal() and len(text) < 19]


def _confirm(
    model_admin: Any,
    request: HttpRequest,
    decision: str,
    rows: list[Row],
    form: BulkForm,
    *,
    is_capped: bool = False,
) -> HttpResponse:
    allowed = [row for row in rows if not row.why]
    label = "Merge" if decision == "merge" else DECISIONS[decision][0]
    impacts = [row.proposal.impact for row in allowed]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{label} {plural(len(allowed), 'proposal')}?",
        "opts": model_admin.opts,
        "rows": rows,
        "decision": decision,
        "label": label,
        "form": form,
        "allowed": allowed,
        "skipped": ",".join(str(row.proposal.pk) for row in rows if row.why),
        "is_capped": is_capped,
        "limit": LIMIT,
        "share": budget.share_of(impacts, budget.waiting_impact(request.user)),
        "can_go_on": len(allowed) == 2 if decision == "merge" else bool(allowed),
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "proposals/confirm.html", context)


def _confirmed(model_admin: Any, request: HttpRequest, decision: str) -> HttpResponse | None:
    items = request.POST.getlist("item")[:LIMIT]
    if not items:
        messages.warning(request, "Nothing was selected, so nothing was decided.")
        return None
    form = BulkForm(decision, request.POST)
    if not form.is_valid():
        return _ask_again(model_admin, request, decision, items, form)
    if decision == "merge":
        return _merge(request, items)
    label, service = DECISIONS[decision]
    arguments = form.arguments(decision)
    outcomes = [_decide(request, service, arguments, item) for item in items]
    _name(model_admin, request, outcomes)
    return _result(model_admin, request, decision, label, outcomes)


def _ask_again(model_admin: Any, request: HttpRequest, decision: str, items: list[str], form: BulkForm) -> HttpResponse:
    """The same page, with what is wrong, all that was typed, and the revisions that were seen."""
    seen = {int(pk): int(revision) for pk, revision in filter(None, map(_pair, items))}
    skipped = _ids(request.POST.get("skipped", "").split(","))[:LIMIT]
    found = _whole(model_admin.get_queryset(request).filter(pk__in=[*seen, *skipped])).order_by("-impact", "-id")
    rows = [Row(p, seen.get(p.pk, p.revision), refusal(request.user, p, decision)) for p in found]
    return _confirm(model_admin, request, decision, rows, form)


def _pair(item: str) -> tuple[str, str] | None:
    pk, _, revision = item.partition(":")
    good = pk.isdecimal() and revision.isdecimal() and len(pk) < 19 and len(revision) < 10
    return (pk, revision) if good else None


def _decide(
    request: HttpRequest, service: Callable[..., FlowProposal], arguments: dict[str, Any], item: str
) -> Outcome:
    pair = _pair(item)
    if pair is None:
        return Outcome(repr(item[:40]), None, "this is not a proposal and its revision")
    pk, revision = map(int, pair)
    try:
        decided = service(actor=request.user, proposal_id=pk, **{**arguments, "revision": revision})
    except ServiceError as error:
        return Outcome(f"Proposal {pk}", pk, error.message)
    return Outcome(decided.title, pk, decided=decided)


def _name(model_admin: Any, request: HttpRequest, outcomes: list[Outcome]) -> None:
    """Call those that failed by their titles, where the viewer may see them."""
    failed = [outcome.pk for outcome in outcomes if outcome.why and outcome.pk is not None]
    titles = dict(model_admin.get_queryset(request).filter(pk__in=failed).values_list("pk", "title"))
    outcomes[:] = [Outcome(titles.get(o.pk, o.name), o.pk, o.why, o.decided) for o in outcomes]


def _result(model_admin: Any, request: HttpRequest, decision: str, label: str, outcomes: list[Outcome]) -> HttpResponse:
    """What is done, skipped and failed, each with its cause; what was typed goes along for another try."""
    done = [outcome for outcome in outcomes if not outcome.why]
    failed = [outcome for outcome in outcomes if outcome.why]
    ids = _ids(request.POST.get("skipped", "").split(","))[:LIMIT]
    rows = _whole(model_admin.get_queryset(request).filter(pk__in=ids)).order_by("-impact", "-id")
    skipped = [Outcome(row.title, row.pk, refusal(request.user, row, decision) or "not confirmed") for row in rows]
    say = messages.warning if failed else messages.success
    say(request, f"{label}: {len(done)} done, {len(skipped)} skipped, {len(failed)} failed.")
    typed = [(n, v) for n in BulkForm.base_fields for v in request.POST.getlist(n) if n != "revision" and v]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{label}: what became of it",
        "opts": model_admin.opts,
        "label": label,
        "decision": decision,
        "done": done,
        "skipped": skipped,
        "failed": failed,
        "again": [outcome.pk for outcome in failed if outcome.pk is not None],
        "typed": typed,
        "notes": request.POST.get("notes", "").strip(),
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "proposals/bulk_result.html", context)


def _merge(request: HttpRequest, items: list[str]) -> HttpResponse | None:
    """The one that was chosen goes on with the sessions of both."""
    pairs = [(int(pk), int(revision)) for pk, revision in filter(None, map(_pair, items))]
    chosen = _ids([request.POST.get("into", "")])
    into = next((pair for pair in pairs if pair[0] in chosen), None)
    other = next((pair for pair in pairs if pair != into), None)
    if len(pairs) != 2 or into is None or other is None:
        messages.warning(request, "Nothing was merged: choose which of the two goes on.")
        return None
    try:
        review.proposal_merge(
            actor=request.user,  # type: ignore[arg-type]
            proposal_id=other[0],
            revision=other[1],
            into_id=into[0],
            into_revision=into[1],
        )
    except ServiceError as error:
        messages.warning(request, f"Nothing was merged: {error.message}.")
        return None
    messages.success(request, "Merged: 1 done. The other goes on with the sessions of both and is mined again.")
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_change", args=[into[0]]))


def _open_editor(request: HttpRequest, selected: list[FlowProposal]) -> HttpResponse | None:
    if len(selected) != 1:
        messages.warning(request, "Edit & publish opens one proposal: select exactly one.")
        return None
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_edit", args=[selected[0].pk]))
