"""Pages of gaps: Django views in the admin site's frame."""

from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.gaps import words
from analytics.gaps.filters import STATES, UNRATED, UNSETTLED, KnowledgeGapFilter
from analytics.gaps.forms import GapForm
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.remedies import gap_edit, gap_propose
from analytics.gaps.selectors import gaps_visible, has_proposal, history_of, next_steps, sessions_url, sharing_of
from analytics.gaps.services import CHANGE, gap_change
from analytics.scope import NO_DOMAIN
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed

VIEW = "analytics.view_knowledgegap"
PER_PAGE = 50
# Filters by a row, and the column that it is called by.
_NAMED = (("team", "__name"), ("client", "__name"), ("flow", "__title"))


@require_safe
def gaps(request: HttpRequest) -> HttpResponse:
    """The viewer's gaps, worst first, filtered by the address as the API's are."""
    return admin.site.admin_view(_gaps)(request)


@require_http_methods(["GET", "HEAD", "POST"])
def gap(request: HttpRequest, pk: int) -> HttpResponse:
    """One gap: why it is flagged, its sessions and weeks, what to do; a POST changes what people say of it."""
    return admin.site.admin_view(_gap)(request, pk)


@require_POST
def propose(request: HttpRequest, pk: int) -> HttpResponse:
    """Let analysis mine a proposal from the gap's sessions."""
    return admin.site.admin_view(_propose)(request, pk)


@require_POST
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Open the editor at the step that the gap names, in the proposal that waits or one begun for it."""
    return admin.site.admin_view(_edit)(request, pk)


def _gaps(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    visible = gaps_visible(request.user)
    given = request.GET.copy()
    given.setdefault("state", UNSETTLED)
    found = KnowledgeGapFilter(given, queryset=visible, request=request)
    rows = found.qs if found.form.is_valid() else visible.none()
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    sharing = sharing_of(request.user, page)
    context = {
        **admin.site.each_context(request),
        "title": "Knowledge gaps",
        "page": page,
        "rows": [{"gap": row, "sign": words.trend_sign(row), "sharing": sharing.get(row.pk)} for row in page],
        "errors": found.form.errors,
        "given": given,
        "choices": _choices(visible, given),
        "is_filtered": any(value and name not in ("state", "page") for name, value in given.items()),
        "has_any": page.paginator.count > 0 or visible.exists(),
        "query": _query_without_page(request),
    }
    return TemplateResponse(request, "analytics/gaps.html", context)


def _choices(visible: Any, given: Any) -> list[dict[str, Any]]:
    """The selects of the filter bar: name, label, choices. One query, for what any of the gaps has."""
    names = [f"{name}{part}" for name, text in _NAMED for part in ("", text)]
    columns = ("problem_domain", "owner__email", "owner__full_name", *names)
    rows = list(visible.order_by().select_related(None).values(*columns).distinct())
    domains = sorted({row["problem_domain"] for row in rows} - {""})
    owners = {row["owner__email"]: row["owner__full_name"] for row in rows if row["owner__email"]}
    severities = [*KnowledgeGap.SEVERITIES.items(), (UNRATED, "Unrated")]
    people = [("me", "Me"), ("nobody", "Nobody"), *((email, name or email) for email, name in sorted(owners.items()))]
    scope = []
    for name, text in _NAMED:
        found = {str(row[name]): row[f"{name}{text}"] for row in rows if row[name]}
        scope.append(_choice(name, name.capitalize(), sorted(found.items(), key=itemgetter(1)), given))
    return [
        {"name": "state", "label": "State", "choices": STATES, "chosen": given.get("state", "")},
        _choice("kind", "Kind", KnowledgeGap.Kind.choices, given),
        _choice("severity", "Severity", severities, given),
        _choice("domain", "Domain", [*zip(domains, domains, strict=True), (NO_DOMAIN, "Without one")], given),
        *scope,
        _choice("owner", "Owner", people, given),
    ]


def _choice(name: str, label: str, choices: Any, given: Any) -> dict[str, Any]:
    chosen = given.get(name, "")
    known = list(choices)
    if chosen and chosen not in {value for value, _ in known}:
        known.append((chosen, chosen))  # what the address asks for is shown, whether the list offers it or not
    return {"name": name, "label": label, "choices": [("", "All"), *known], "chosen": chosen}


def _query_without_page(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


def _found(request: HttpRequest, pk: int) -> KnowledgeGap:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    found = gaps_visible(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such gap.")
    return found


def _gap(request: HttpRequest, pk: int) -> HttpResponse:
    row = _found(request, pk)
    may_change = request.user.has_perm(CHANGE, row)
    form = GapForm(row, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if form.is_valid() and (answer := _change(request, row, form)) is not None:
            return answer
    return TemplateResponse(request, "analytics/gap.html", _context(request, row, form, may_change))


def _change(request: HttpRequest, row: KnowledgeGap, form: GapForm) -> HttpResponseRedirect | None:
    """Where to go once it is changed; None where the form says what is wrong."""
    try:
        gap_change(actor=request.user, gap_id=row.pk, **form.changes())  # type: ignore[arg-type]
    except Conflict as error:
        messages.error(request, f"Nothing was changed: {error.message}.")
        return redirect("gaps:detail", row.pk)
    except InvalidInput as error:
        details = error.details if isinstance(error.details, dict) else {}
        for name in details or {"": ""}:
            form.add_error(name if name in form.fields else None, f"{error.message[:1].upper()}{error.message[1:]}.")
        return None
    messages.success(request, "Saved.")
    return redirect("gaps:detail", row.pk)


def _context(request: HttpRequest, row: KnowledgeGap, form: GapForm, may_change: bool) -> dict[str, Any]:
    user: Any = request.user
    return {
        **admin.site.each_context(request),
        "title": row.title,
        "gap": row,
        "why": words.why(row),
        "recovery": words.recovery(row),
        "counted_from": words.evidence_from(row),
        "columns": words.columns_of(row.kind),
        "trend": words.trend_rows(row),
        "sharing": sharing_of(user, [row]).get(row.pk),
        "steps": next_steps(user, row),
        "may_propose": bool(row.topic_id)
        and row.is_unsettled
        and user.has_perm("proposals.requeue_sessionanalysis", row)
        and not has_proposal(row),
        "sessions_url": sessions_url(row),
        "bad_url": sessions_url(row, bad_only=True),
        "history": history_of(row),
        "may_change": may_change,
        "form": form,
    }


def _propose(request: HttpRequest, pk: int) -> HttpResponse:
    row = _found(request, pk)
    if not request.user.has_perm("proposals.requeue_sessionanalysis", row):
        raise PermissionDenied
    try:
        count = gap_propose(actor=request.user, gap_id=row.pk)  # type: ignore[arg-type]
    except Conflict as error:
        messages.error(request, f"Nothing was started: {error.message}.")
    else:
        messages.success(request, f"{count} sessions wait for analysis, which proposes what it can learn from them.")
    return redirect("gaps:detail", row.pk)


def _edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = _found(request, pk)
    if not request.user.has_perm(CHANGE, row):
        raise PermissionDenied
    try:
        opened = gap_edit(actor=request.user, gap_id=row.pk)  # type: ignore[arg-type]
    except (Conflict, NotAllowed) as error:
        messages.error(request, f"Nothing was begun: {error.message}.")
        return redirect("gaps:detail", row.pk)
    if opened.is_new:
        told = "A proposal is begun from the published version: change the step, then publish it."
    else:
        told = "A change of this flow waits already, and a flow has one at a time: this is it, at the step."
    messages.success(request, f"{told} The gap is being worked.")
    url = reverse("admin:proposals_flowproposal_edit", args=[opened.proposal.pk])
    return redirect(f"{url}?{urlencode({'node': opened.node_id})}")
