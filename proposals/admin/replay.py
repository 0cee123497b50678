"""Replay before you publish: start it, watch it, and open the sessions behind each count.

`POST …/replay/` starts; `GET …/replay/` shows the report (`fragment=1`: only what the page around it fetches);
`GET …/replay/?list=proposed&outcome=right` lists sessions (`list` is proposed, now, resolved, resolved_now, better,
worse or same).
"""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from flowpilot.common.errors import ServiceError
from proposals.admin.evidence import readable
from proposals.models import FlowProposal
from proposals.replays import (
    OUTCOME_WORDS,
    Change,
    Outcome,
    Result,
    is_behind,
    replay_report_of,
    replay_report_start,
    results_of,
    summarize,
)
from sessions.models import AISession

PER_PAGE = 50

CHANGE_WORDS = {
    Change.BETTER: ("Better", "come to a better end than today"),
    Change.WORSE: ("Worse", "come to a worse end than today"),
    Change.SAME: ("Same", "end as today"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: how many end so as proposed, and in the version published now (None: there is none)."""

    outcome: str
    label: str
    about: str
    proposed: int
    now: int | None


def urls(model_admin: Any) -> list[URLPattern]:
    view = model_admin.admin_site.admin_view(lambda request, pk: replay_view(model_admin, request, pk))
    return [path("<int:pk>/replay/", view, name="proposals_flowproposal_replay")]


def replay_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """A POST starts the report of the proposal's revision, a GET shows it or lists its sessions."""
    proposal = readable(model_admin, request, pk)
    fragment = "fragment" in request.GET or "fragment" in request.POST
    if request.method == "POST":
        try:
            replay_report_start(actor=request.user, proposal_id=pk)
        except ServiceError as error:
            messages.warning(request, f"Nothing was replayed: {error.message}.")
        if not fragment:
            return HttpResponseRedirect(f"{reverse('admin:proposals_flowproposal_change', args=[pk])}#replay")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Replay: {proposal.title}",
        "opts": model_admin.opts,
        "proposal": proposal,
        **replay_context(proposal),
    }
    if "list" in request.GET:
        return TemplateResponse(
            request, "proposals/replay_sessions.html", {**context, **_session_list(request, proposal)}
        )
    template = "proposals/replay_report.html" if fragment else "proposals/replay.html"
    return TemplateResponse(request, template, context)


def replay_context(proposal: FlowProposal) -> dict[str, Any]:
    """What the report's template reads; the report is None before anybody has asked for it."""
    report = replay_report_of(proposal)
    context: dict[str, Any] = {"report": report, "replay_url": _url(proposal)}
    if report is None or not report.results:
        return context
    summary = summarize(results_of(report))
    now = summary.now
    rows = [
        Row(
            outcome.value,
            *OUTCOME_WORDS[outcome],
            summary.proposed.counts.get(outcome, 0),
            now.counts.get(outcome, 0) if now else None,
        )
        for outcome in Outcome
    ]
    changes = [(change.value, *CHANGE_WORDS[change], summary.changes.get(change, 0)) for change in Change]
    return {
        **context,
        "summary": summary,
        "outcome_rows": rows,
        "change_rows": changes if now else [],
        "is_behind": is_behind(report, proposal),
    }


def _url(proposal: FlowProposal) -> str:
    return reverse("admin:proposals_flowproposal_replay", args=[proposal.pk])


def _session_list(request: HttpRequest, proposal: FlowProposal) -> dict[str, Any]:
    report = replay_report_of(proposal)
    if report is None:
        raise Http404("Nothing has been replayed yet.")
    heading, chosen = _chosen(request, results_of(report))
    ids = [result.session_id for result in chosen]
    sessions = AISession.objects.for_user(request.user).filter(account=proposal.account_id, pk__in=ids)
    rows = sessions.select_related("client", "technician").defer("transcript").order_by("-started_at", "-pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    by_id = {result.session_id: result for result in chosen}
    query = request.GET.copy()
    query.pop("page", None)
    return {
        "heading": heading,
        "page": page,
        "rows": [(session, _words(by_id[session.pk])) for session in page],
        "query": query.urlencode(),
        "hidden": len(ids) - page.paginator.count,
    }


def _chosen(request: HttpRequest, results: list[Result]) -> tuple[str, list[Result]]:
    """What a count counts, in words, and its results. Raises Http404 for a list that there is none of."""
    which, outcome = request.GET["list"], request.GET.get("outcome", "")
    if which in set(Change):
        label, about = CHANGE_WORDS[Change(which)]
        return f"{label}: sessions that {about}", [result for result in results if result.change == which]
    if which in ("resolved", "resolved_now"):
        side = "as proposed" if which == "resolved" else "in the version published now"
        found = [
            r for r in results if r.is_escalated and (r.outcome if which == "resolved" else r.now) == Outcome.OTHER
        ]
        return f"Escalated sessions that would have reached a resolution {side}", found
    if which in ("proposed", "now") and outcome in set(Outcome):
        label, about = OUTCOME_WORDS[Outcome(outcome)]
        side = "as proposed" if which == "proposed" else "in the version published now"
        found = [r for r in results if (r.outcome if which == "proposed" else r.now) == outcome]
        return f"{label} {side}: {about}", found
    raise Http404("There is no such list.")


def _words(result: Result) -> str:
    words = [f"as proposed: {OUTCOME_WORDS[result.outcome][0].lower()}"]
    if result.now is not None:
        words.append(f"now: {OUTCOME_WORDS[result.now][0].lower()}")
    if result.saved is not None:
        words.append(
            "no step saved"
            if not result.saved
            else f"{_steps(abs(result.saved))} {'saved' if result.saved > 0 else 'more'}"
        )
    return " · ".join(words)


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"
