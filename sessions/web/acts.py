"""What a technician does in a session: one address for all of it, each a thin caller of a service."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from flowpilot.common.errors import InvalidInput, ServiceError
from sessions.models import AISession
from sessions.runner import ending, start, steps
from sessions.runner.find import matches_of
from sessions.runner.guide import NoHelp, guide
from sessions.web.forms import EscalateForm
from sessions.web.frame import at_work, own_session, run_url
from sessions.web.pages import run_context

Call = dict[str, Any]
Act = Callable[[Call, QueryDict, AISession], Any]


def _answer(call: Call, data: QueryDict, session: AISession) -> Any:
    return steps.step_answer(
        **call, node_id=data.get("node", ""), option_id=data.get("option", ""), response=data.get("response", "")
    )


def _none(call: Call, data: QueryDict, session: AISession) -> Any:
    return steps.step_none_of_these(**call, node_id=data.get("node", ""), response=data.get("response", ""))


def _free(call: Call, data: QueryDict, session: AISession) -> Any:
    return steps.step_free(
        **call, kind=data.get("kind", ""), prompt=data.get("prompt", ""), response=data.get("response", "")
    )


def _escalate(call: Call, data: QueryDict, session: AISession) -> Any:
    form = EscalateForm(session.account_id, data)
    if not form.is_valid():
        raise InvalidInput(" ".join(str(error) for errors in form.errors.values() for error in errors).rstrip("."))
    return ending.session_escalate(**call, reason=form.cleaned_data["reason"], **form.receiver())


def _guide(call: Call, data: QueryDict, session: AISession) -> Any:
    match = next(
        (match for match in matches_of(call["actor"], session) if str(match.version.flow_id) == data.get("flow")), None
    )
    if match is None:
        raise InvalidInput("choose one of the flows that are shown")
    return start.session_guide(**call, flow_id=match.version.flow_id, score=match.score)


def _feedback(call: Call, data: QueryDict, session: AISession) -> Any:
    rating, right = data.get("rating", ""), data.get("right", "")
    return ending.session_feedback(
        actor=call["actor"],
        session_id=call["session_id"],
        rating=int(rating) if rating.isdecimal() and len(rating) < 3 else None,
        flow_was_right={"yes": True, "no": False}.get(right),
        text=data.get("text", ""),
    )


def _claim(call: Call, data: QueryDict, session: AISession) -> Any:
    return ending.handover_claim(actor=call["actor"], session_id=call["session_id"])


ACTS: dict[str, Act] = {
    "answer": _answer,
    "none": _none,
    "free": _free,
    "note": lambda call, data, _: steps.note_add(**call, text=data.get("text", "")),
    "back": lambda call, _data, _: steps.step_back(**call),
    "jump": lambda call, data, _: steps.step_jump(**call, node_id=data.get("node", "")),
    "pause": lambda call, _data, _: ending.session_pause(**call),
    "resume": lambda call, _data, _: ending.session_resume(**call),
    "resolve": lambda call, data, _: ending.session_resolve(**call, summary=data.get("summary", "")),
    "abandon": lambda call, data, _: ending.session_abandon(**call, reason=data.get("reason", "")),
    "escalate": _escalate,
    "claim": _claim,
    "guide": _guide,
    "feedback": _feedback,
    "domain": lambda call, data, _: start.session_domain_set(**call, domain=data.get("domain", "")),
}


# What asks the account's language model, and changes nothing.
HELP = {"draft", "suggest"}


@require_http_methods(["POST"])
@at_work
def do(request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/do/` with `act`, the `revision` that was shown, and what the act needs.

    A refusal shows the session as it stands now, says why, and keeps what was typed.
    """
    session = own_session(request, pk)
    name = request.POST.get("act", "")
    if name == "read":
        return _read(request, session)
    if name in HELP:
        return _help(request, session, name)
    if name not in ACTS:
        raise Http404(f"There is nothing like {name[:40]} to do.")
    revision = request.POST.get("revision", "")
    call = {
        "actor": request.user,
        "session_id": pk,
        "revision": int(revision) if revision.isdecimal() and len(revision) < 10 else -1,
    }
    try:
        ACTS[name](call, request.POST, session)
    except ServiceError as error:
        fresh = own_session(request, pk)
        context = run_context(request, fresh, problem=error.message, tried=name, typed=request.POST)
        return TemplateResponse(request, "work/run.html", context, status=error.status)
    if name == "feedback":
        messages.success(request, "Thank you: it helps to see which flows are right.")
    return HttpResponseRedirect(run_url(pk))


def _help(request: HttpRequest, session: AISession, name: str) -> HttpResponse:
    """What the account's language model suggests, to be taken or not; without an answer the page says why."""
    typed = request.POST.copy()
    shown: dict[str, Any] = {"typed": typed, "tried": "resolve" if name == "draft" else name}
    try:
        if name == "draft":
            typed["summary"] = guide().draft_summary(session)
            shown["is_draft"] = True
        else:
            shown["domain"] = guide().suggest_domain(session)
    except NoHelp as error:
        shown["no_help"] = error.message
    return TemplateResponse(request, "work/run.html", run_context(request, session, **shown))


def _read(request: HttpRequest, session: AISession) -> HttpResponse:
    """What a typed answer means at this node: shown first, and taken when it is confirmed.

    Where the session stands elsewhere by now the answer is kept, and nothing read.
    """
    text = request.POST.get("response", "").strip()
    node_id = request.POST.get("node", "")
    if not text:
        return HttpResponseRedirect(run_url(session.pk))
    context = run_context(request, session, typed=request.POST, tried="read")
    node = context["node"]
    if node is None or node["id"] != node_id or session.flow_version is None:
        moved = {"problem": "the session stands at another step by now; here is which"}
        return TemplateResponse(request, "work/run.html", {**context, **moved}, status=409)
    found = guide().answer_of(session.flow_version, node_id, text[:20_000])
    option = next((option for option in node["options"] if option["id"] == found), None)
    return TemplateResponse(request, "work/run.html", {**context, "said": text, "meant": option, "was_read": True})
