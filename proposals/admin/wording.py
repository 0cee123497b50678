"""The miner's words and the language model's side by side: choose, and go on in the editor."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from flowpilot.common.errors import ServiceError
from proposals.admin.evidence import readable
from proposals.admin.steps import FILTERS, kept_filters
from proposals.models import FlowProposal, ProposalWording
from proposals.review.drafts import draft_of
from proposals.wordings.choosing import texts_of, wording_choose, words_now
from proposals.wordings.run import wording_of
from proposals.wordings.texts import WordedText
from proposals.words import plural

NAMES = {"title": "Title", "description": "Description", "text": "Text", "label": "Answer"}


@dataclass(frozen=True, slots=True)
class Row:
    """One text on the page; `takes_model` is what its reviewer has chosen so far."""

    text: WordedText
    name: str
    takes_model: bool
    is_other: bool  # the reviewer's draft says something else there


@dataclass(frozen=True, slots=True)
class Group:
    """The texts of a node, or of the flow itself (without `kind`)."""

    node: str
    kind: str
    flags: list[str]
    rows: list[Row]


def urls(model_admin: Any) -> list[URLPattern]:
    view = model_admin.admin_site.admin_view(lambda request, pk: wording_view(model_admin, request, pk))
    return [path("<int:pk>/wording/", view, name="proposals_flowproposal_wording")]


def wording_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """A GET shows both; a POST with `revision` and a `model` or `own` for each text takes them into one's draft.

    `all` (model or own) stands for all texts.
    """
    proposal = readable(model_admin, request, pk)
    may_decide = model_admin.has_decide_permission(request, proposal)
    wording = wording_of(proposal)
    if request.method == "POST":
        if not may_decide:
            raise PermissionDenied
        return _choose(request, proposal, wording)
    draft = draft_of(actor=request.user, proposal_id=pk) if may_decide else None  # type: ignore[arg-type]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Words of {proposal.title}",
        "opts": model_admin.opts,
        "proposal": proposal,
        "wording": wording,
        "groups": _groups(proposal, wording, draft) if wording else [],
        "may_choose": may_decide and proposal.is_pending,
        "new": sum(text.is_new for text in texts_of(wording)) if wording else 0,
        "filters": kept_filters(request),
        "filters_name": FILTERS,
    }
    return TemplateResponse(request, "proposals/wording.html", context)


def wording_summary(proposal: FlowProposal) -> dict[str, Any]:
    """What the proposal's page tells of it."""
    wording = wording_of(proposal)
    if wording is None:
        return {"wording": None}
    texts = texts_of(wording)
    return {
        "wording": wording,
        "wording_new": sum(text.is_new for text in texts),
        "wording_refused": sum(bool(text.reason) for text in texts),
        "wording_flags": sorted({flag for text in texts for flag in text.flags}),
    }


def _choose(request: HttpRequest, proposal: FlowProposal, wording: ProposalWording | None) -> HttpResponse:
    revision = request.POST.get("revision", "")
    keys = [text.key for text in texts_of(wording)] if wording else []
    every = request.POST.get("all")
    of_model = {key for key in keys if (every or request.POST.get(f"take-{key}")) == "model"}
    filters = kept_filters(request)
    query = f"?{FILTERS}={filters}" if filters else ""
    try:
        choice = wording_choose(
            actor=request.user,  # type: ignore[arg-type]
            proposal_id=proposal.pk,
            revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
            of_model=of_model,
        )
    except ServiceError as error:
        messages.warning(request, f"Nothing was taken: {error.message}.")
        return HttpResponseRedirect(request.get_full_path())
    told = f"Your draft has {plural(len(of_model), 'text')} in words of the model. Read it once more, then publish."
    if choice.left:
        told += f" {plural(choice.left, 'text')} that you had written yourself stayed as they are."
    messages.success(request, told)
    return HttpResponseRedirect(reverse("admin:proposals_flowproposal_edit", args=[proposal.pk]) + query)


def _groups(proposal: FlowProposal, wording: ProposalWording, draft: Any) -> list[Group]:
    now = words_now(proposal, draft)
    kinds = {node["id"]: node["kind"] for node in proposal.proposed_flow_data.get("nodes", ())}
    groups = []
    for node, texts in groupby(texts_of(wording), key=lambda text: text.node):
        rows = []
        for text in texts:
            said = now.read(text)
            rows.append(
                Row(text, NAMES[text.where], text.is_new and said == text.words, said not in (text.own, text.words))
            )
        flags = list(dict.fromkeys(flag for row in rows for flag in row.text.flags))
        groups.append(Group(node, kinds.get(node, ""), flags, rows))
    return groups
