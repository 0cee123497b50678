"""The pages: what is open, how a session starts, and the session itself."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_safe

from flowpilot.common.errors import ServiceError
from sessions.models import AISession, Handover, SessionStep
from sessions.runner.ending import is_claimable_by, summary_of
from sessions.runner.guide import ReadTalk, StepDraft, guide, score_among
from sessions.runner.start import session_start
from sessions.runner.steps import node_of
from sessions.runner.talk import MOST_TALK, talk_apply
from sessions.web.flow import surroundings
from sessions.web.forms import EscalateForm, StartForm, clients_known
from sessions.web.frame import VIEW, at_work, frame, own_session, run_url

SHOWN = 30


@require_safe
@at_work
def home(request: HttpRequest) -> HttpResponse:
    """What the technician has open, what was handed over and waits, and a new session."""
    context = home_context(request, StartForm(request.user))
    return TemplateResponse(request, "work/home.html", frame(request, "Work", **context))


def home_context(request: HttpRequest, form: StartForm, **more: Any) -> dict[str, Any]:
    user: Any = request.user
    own = AISession.objects.for_user(user).filter(is_worked_here=True)
    mine = own.filter(technician=user, status__in=AISession.OPEN).select_related("client", "flow")
    waiting = Handover.objects.waiting_for(user)
    waiting = waiting.select_related("session", "session__client", "given_by", "to_user", "to_team")
    return {
        "form": form,
        "clients": clients_known(user, form.chosen_account),
        "mine": mine.order_by("-touched_at", "-pk")[:SHOWN],
        "waiting": waiting.order_by("created_at", "pk")[:SHOWN],
        "ended": own.filter(technician=user).exclude(status__in=AISession.OPEN).order_by("-ended_at", "-pk")[:5],
        **more,
    }


@require_http_methods(["POST"])
@at_work
def start(request: HttpRequest) -> HttpResponse:
    """First POST shows the flows that may fit, the second (with `flow`, which may be empty) begins."""
    user: Any = request.user
    form = StartForm(user, request.POST)
    if not form.is_valid():
        return TemplateResponse(
            request, "work/home.html", frame(request, "Work", **home_context(request, form)), status=400
        )
    account = form.cleaned_data["account"]
    matches = guide().matches(user, account.pk, form.cleaned_data["problem"])
    if "flow" in request.POST:
        flow_id = _id(request.POST["flow"])
        session = session_start(
            actor=user,
            account=account,
            start=form.start(),
            flow_id=flow_id,
            score=score_among(matches, flow_id),
        )
        return HttpResponseRedirect(run_url(session.pk))
    return TemplateResponse(request, "work/start.html", frame(request, "Start a session", form=form, matches=matches))


@require_safe
@at_work
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """The session as it stands: the node, the path, and how it can go on or end."""
    session = own_session(request, pk)
    return TemplateResponse(request, "work/run.html", run_context(request, session))


@require_http_methods(["GET", "HEAD", "POST"])
@at_work
def talk(request: HttpRequest, pk: int) -> HttpResponse:
    """Paste a talk, get its steps, correct them, add them to the session."""
    session = own_session(request, pk)
    context = frame(
        request, "Paste a talk", session=session, text=request.POST.get("talk", ""), kinds=TALK_KINDS, drafts=[]
    )
    if request.method != "POST":
        return TemplateResponse(request, "work/talk.html", context)
    try:
        if "apply" in request.POST:
            talk_apply(
                actor=request.user,  # type: ignore[arg-type]
                session_id=pk,
                revision=_id(request.POST.get("revision", "")) or 0,
                steps=_drafts(request.POST),
            )
            return HttpResponseRedirect(run_url(pk))
        context["read"] = _read_talk(session, context["text"][:MOST_TALK], by_model="model" in request.POST)
        context["drafts"] = context["read"].steps
    except ServiceError as error:
        context["problem"] = error.message
        context["drafts"] = _drafts(request.POST)
    is_unsure = "apply" not in request.POST and not ("read" in context and context["read"].is_sure)
    context["may_ask_model"] = is_unsure and guide().is_model_offered(session.account_id)
    return TemplateResponse(request, "work/talk.html", context, status=400 if "problem" in context else 200)


def _read_talk(session: AISession, text: str, *, by_model: bool) -> ReadTalk:
    """Raises InvalidInput where the plain reader finds nobody who speaks, NoHelp where the model has no answer."""
    if by_model:
        return guide().read_talk_by_model(session.account_id, f"session {session.external_id}", text)
    return guide().read_talk(text)


def run_context(
    request: HttpRequest, session: AISession, *, typed: QueryDict | None = None, **more: Any
) -> dict[str, Any]:
    """What the session's page shows; `typed` is what was sent and not taken, to be shown again."""
    steps = list(session.steps.all())
    node = node_of(session)
    version = session.flow_version
    handover = session.handovers.select_related("given_by", "to_user", "to_team", "claimed_by").first()
    return frame(
        request,
        session.title or session.external_id,
        session=session,
        node=node,
        steps=steps,
        notes=[step for step in steps if step.kind == SessionStep.Kind.NOTE],
        counted=[step for step in steps if step.kind != SessionStep.Kind.NOTE],
        around=surroundings(version, node, steps) if version else None,
        handover=handover,
        may_claim=handover is not None
        and handover.claimed_at is None
        and is_claimable_by(request.user, handover, session),
        may_read=request.user.has_perm(VIEW, session),
        summary=summary_of(session),
        escalate=EscalateForm(session.account_id, initial={"to": typed.get("to", "") if typed else ""}),
        files=session.attachments.all(),
        has_scripts=any(step.kind == SessionStep.Kind.SCRIPT for step in steps),
        free_kinds=TALK_KINDS,
        typed=typed,
        is_model_offered=session.is_open and guide().is_model_offered(session.account_id),
        **more,
    )


TALK_KINDS = [
    (kind.value, kind.label) for kind in (SessionStep.Kind.QUESTION, SessionStep.Kind.ACTION, SessionStep.Kind.HELP)
]


def _drafts(data: Any) -> list[StepDraft]:
    """The steps that were kept: a row whose box is not ticked is left out."""
    rows = zip(data.getlist("kind"), data.getlist("prompt"), data.getlist("response"), strict=False)
    kept = set(data.getlist("keep"))
    return [StepDraft(kind, prompt, said) for at, (kind, prompt, said) in enumerate(rows) if str(at) in kept]


def _id(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None
