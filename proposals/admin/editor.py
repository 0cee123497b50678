"""Edit & publish: the page, and what its script asks while one types."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime

from flowpilot.common.errors import Conflict, InvalidInput, ServiceError
from flowpilot.flows.services import InvalidFlow
from proposals.admin.decide import apply
from proposals.admin.editing import Editing, compare, merge, opened, page_context, posted
from proposals.admin.forms import PublishForm, sentences
from proposals.admin.steps import FILTERS, back_to, kept_filters
from proposals.models import FlowProposal
from proposals.review import proposal_publish
from proposals.review.drafts import draft_after_publishing, draft_discard, draft_of, draft_save

View = Callable[[Any, HttpRequest, FlowProposal], HttpResponse]


def urls(model_admin: Any) -> list[URLPattern]:
    def address(suffix: str, name: str, view: View, only_post: bool = True) -> URLPattern:
        def opened_view(request: HttpRequest, pk: int) -> HttpResponse:
            proposal = _editable(model_admin, request, pk)
            if only_post and request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            return view(model_admin, request, proposal)

        page = model_admin.admin_site.admin_view(opened_view)
        return path(f"<int:pk>/edit/{suffix}", page, name=f"proposals_flowproposal_{name}")

    return [
        address("", "edit", edit_view, only_post=False),
        address("check/", "check", check_view),
        address("draft/", "draft", draft_view),
        address("discard/", "discard", discard_view),
    ]


def edit_view(model_admin: Any, request: HttpRequest, proposal: FlowProposal) -> HttpResponse:
    """A GET opens the editor; a POST publishes, or does what its `do` says and shows the page again."""
    if request.method != "POST" and not proposal.is_pending:
        messages.warning(request, f"Nothing to edit here: {proposal.get_status_display().lower()}.")
        return back_to(request, proposal.pk)
    draft = draft_of(actor=_user(request), proposal_id=proposal.pk)
    if request.method != "POST":
        part = request.GET.get("part", "")
        editing = opened(proposal, draft, int(part) if part.isdecimal() else 0)
        editing.show(request.GET.get("node", ""))
        return _page(model_admin, request, editing, PublishForm(initial=editing.form_data()))
    editing = posted(request, proposal, draft)
    do = request.POST.get("do", "publish")
    if do in _DOINGS or do.startswith("part-"):
        _DOINGS.get(do, _keep)(request, editing)
        if do.startswith("part-") and do[5:].isdecimal():
            editing.part = int(do[5:])
        return _page(model_admin, request, editing, PublishForm(initial=editing.form_data()))
    form = PublishForm(editing.form_data())
    published = _publish(request, editing, form)
    if published is not None:
        return apply(request, proposal, lambda: published)
    return _page(model_admin, request, editing, form)


def check_view(model_admin: Any, request: HttpRequest, proposal: FlowProposal) -> HttpResponse:
    """`POST …/edit/check/` with {"definition", "title"}: its problems, and what differs from proposal and base."""

    def check() -> dict[str, Any]:
        body = _json_body(request)
        return compare(body.get("definition"), proposal, str(body.get("title", ""))).as_json()

    return _answer(check)


def draft_view(model_admin: Any, request: HttpRequest, proposal: FlowProposal) -> HttpResponse:
    """`POST …/edit/draft/` with {"revision", "title", "definition", "seen"}; answers {"saved_at"} or {"conflict"}."""

    def save() -> dict[str, Any]:
        body = _json_body(request)
        revision, title, seen = body.get("revision"), body.get("title"), body.get("seen")
        if type(revision) is not int or not 0 < revision < 2**31:
            raise InvalidInput("“revision” is the number of the revision that was read")
        if not isinstance(title, str) or not isinstance(seen, str | None):
            raise InvalidInput("“title” is a text, and “seen” the time of the draft that was read, or null")
        try:
            draft = draft_save(
                actor=_user(request),
                proposal_id=proposal.pk,
                revision=revision,
                title=title,
                definition=body.get("definition"),
                seen=_time(seen),
            )
        except Conflict as error:
            # Two tabs are no failure of the request: the script asks which draft to go on with.
            if isinstance(error.details, dict) and "draft" in error.details:
                return {"conflict": error.details["draft"]}
            raise
        return {"saved_at": draft.saved_at.isoformat()}

    return _answer(save)


def discard_view(model_admin: Any, request: HttpRequest, proposal: FlowProposal) -> HttpResponse:
    """`POST …/edit/discard/`: the editor opens with the proposal again."""
    if draft_discard(actor=_user(request), proposal_id=proposal.pk):
        messages.success(request, "Your draft is discarded; this is the proposal as it stands.")
    url = reverse("admin:proposals_flowproposal_edit", args=[proposal.pk])
    query = request.GET.urlencode()
    return HttpResponseRedirect(f"{url}?{query}" if query else url)


def _publish(request: HttpRequest, editing: Editing, form: PublishForm) -> FlowProposal | None:
    """The published proposal; None where something is wrong, which form and page then tell."""
    if editing.refused or not form.is_valid():
        return None
    data = form.cleaned_data
    data.pop("seen")
    base_version = data.pop("base_version")
    # The form does not ask for it: it comes from the words that were chosen.
    description = editing.draft.description if editing.draft is not None else None
    on_version = {"base_version": base_version} if base_version else {}
    proposal = editing.proposal
    try:
        decided = proposal_publish(
            actor=_user(request), proposal_id=proposal.pk, description=description, **data, **on_version
        )
    except InvalidFlow as error:
        form.add_error("definition", sentences(error.errors))
    except ServiceError as error:
        # The page comes back with everything that was typed.
        form.add_error(None, f"Nothing was published: {error.message}.")
        details = error.details if isinstance(error.details, dict) else {}
        editing.changes += [str(change) for change in details.get("changes", ())]
    else:
        title, definition = data["title"], data["definition"]
        draft_after_publishing(actor=_user(request), decided=decided, title=title, definition=definition)
        return decided
    # The proposal or its flow may have moved on since this request began.
    proposal.refresh_from_db()
    return None


def _keep(request: HttpRequest, editing: Editing) -> None:
    _save(request, editing, _time(editing.seen))


def _keep_mine(request: HttpRequest, editing: Editing) -> None:
    _save(request, editing, _time(request.POST.get("other")))


def _take_other(request: HttpRequest, editing: Editing) -> None:
    if editing.draft is not None:
        editing.take(editing.draft.definition, editing.draft.title)
        editing.keep(editing.draft)
        editing.told.append("This is the draft that was saved elsewhere.")


def _go_on(request: HttpRequest, editing: Editing) -> None:
    """The reviewer has read what changed: the edit counts as one of the present revision."""
    editing.revision = editing.proposal.revision
    _save(request, editing, _time(editing.seen))


def _merge(request: HttpRequest, editing: Editing) -> None:
    merge(editing)
    if not editing.refused:
        _save(request, editing, _time(editing.seen))


_DOINGS = {"keep": _keep, "mine": _keep_mine, "take": _take_other, "go-on": _go_on, "merge": _merge}


def _save(request: HttpRequest, editing: Editing, seen: datetime | None) -> None:
    if editing.value is None or editing.refused:
        editing.refused = editing.refused or ["Not kept as a draft: the text cannot be read as a flow"]
        return
    try:
        draft = draft_save(
            actor=_user(request),
            proposal_id=editing.proposal.pk,
            revision=editing.revision,
            title=editing.title,
            definition=editing.value,
            seen=seen,
        )
    except Conflict as error:
        editing.other = editing.draft if "draft" in (error.details or {}) else None
        editing.refused.append(f"Not kept: {error.message}")
    except ServiceError as error:
        editing.refused.append(f"Not kept: {error.message}")
    else:
        editing.keep(draft)
        editing.told.append("Kept as your draft. Nothing is published yet.")


def _page(model_admin: Any, request: HttpRequest, editing: Editing, form: PublishForm) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Edit & publish: {editing.proposal.title}",
        "opts": model_admin.opts,
        "filters_name": FILTERS,
        "filters": kept_filters(request),
        **page_context(request, editing, form),
    }
    return TemplateResponse(request, "proposals/editor.html", context)


def _editable(model_admin: Any, request: HttpRequest, pk: int) -> FlowProposal:
    proposal: FlowProposal | None = model_admin.get_object(request, str(pk))
    if proposal is None:
        raise Http404("There is no such proposal.")
    if not model_admin.has_decide_permission(request, proposal):
        raise PermissionDenied
    return proposal


def _answer(act: Callable[[], dict[str, Any]]) -> JsonResponse:
    try:
        return JsonResponse(act())
    except ServiceError as error:
        answer = {"code": error.code, "message": error.message, "details": error.details}
        return JsonResponse(answer, status=error.status)


def _json_body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is not JSON") from error
    if not isinstance(body, dict):
        raise InvalidInput("the body is not a JSON object")
    return body


def _time(text: str | None) -> datetime | None:
    try:
        return parse_datetime(text) if text else None
    except ValueError:
        return None


def _user(request: HttpRequest) -> Any:
    return request.user
