"""A session's scripts: what fits, a template's form with its preview, the script, and what came of it.

Every address answers as a whole page, or to htmx as the part of the session's page that is replaced. A script with
secrets stands in the answer to the POST that made it, and nowhere else.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from flowpilot.common.errors import ServiceError
from sessions.models.session import AISession
from sessions.scripts.access import GENERATE, may_run
from sessions.scripts.editing import is_fragment
from sessions.scripts.forms import ValuesForm
from sessions.scripts.models import GeneratedScript, ScriptTemplate
from sessions.scripts.parameters import Shell
from sessions.scripts.prefill import prefilled
from sessions.scripts.render import preview
from sessions.scripts.selectors import can_generate, facts_of_session, panel_for, risk_style, usable_templates
from sessions.scripts.services import InvalidValues, script_generate, script_outcome_report

ENDINGS = {Shell.POWERSHELL: "ps1", Shell.BASH: "sh", Shell.CMD: "cmd"}
LONGEST_QUERY = 200


def _in_site(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Within the admin site: log-in, no caching, refusals as sentences."""

    def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return admin.site.admin_view(view)(request, **kwargs)

    return page


@require_http_methods(["GET", "HEAD"])
@_in_site
def panel(request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/scripts/?node=n2&q=words`: what fits the session, or what is found by the words."""
    session = _session(request, pk)
    query = request.GET.get("q", "").replace("\0", "")[:LONGEST_QUERY]
    shown = panel_for(request.user, session, _node(request), query)
    return _answer(request, session, "scripts/panel.html", "Scripts", {"panel": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@_in_site
def form(request: HttpRequest, pk: int, template_pk: int) -> HttpResponse:
    """The template's form. A POST with `do` preview shows the script so far, with generate or download makes it."""
    session = _session(request, pk)
    if not request.user.has_perm(GENERATE, GeneratedScript(account_id=session.account_id, team_id=session.team_id)):
        raise PermissionDenied
    template = _template(request, session, template_pk)
    version: Any = template.current_version
    parameters, shell = version.read_parameters, Shell(template.shell)
    known = prefilled(shell, parameters, facts_of_session(session))
    values = ValuesForm(request.POST or None, parameters=parameters, known=known)
    if request.method == "POST" and request.POST.get("do") in ("generate", "download"):
        answer = _generated(request, session, template, values)
        if answer is not None:
            return answer
    raw = values.values() if request.method == "POST" else values.initial_values()
    segments, faults = preview(shell, version.body, parameters, raw)
    context = {
        "template": template,
        "version": version,
        "risk_style": risk_style(version.risk),
        "form": values,
        "segments": segments,
        "faults": faults if request.method == "POST" else [],
        "node_id": _node(request),
        "can_generate": can_generate(request.user, session),
        "may_run": may_run(request.user, session.account_id, version.minimum_role),
    }
    if is_fragment(request) and request.POST.get("do") == "preview":
        return TemplateResponse(request, "scripts/preview.html", context)
    if request.POST.get("do") == "preview":
        values.tell(faults)
    return _answer(request, session, "scripts/form.html", template.title, context)


@require_http_methods(["GET", "HEAD", "POST"])
@_in_site
def generated(request: HttpRequest, pk: int, script_pk: int) -> HttpResponse:
    """A script as it is kept, its secrets marked. A POST with `outcome` says what came of it; `?download` is a file."""
    session = _session(request, pk)
    rows: Any = GeneratedScript.objects.for_user(request.user).filter(session=session)
    script = rows.select_related("template_version__template", "created_by").filter(pk=script_pk).first()
    if script is None:
        raise Http404("There is no such script.")
    if request.method == "POST":
        script_outcome_report(actor=_user(request), script_id=script_pk, outcome=request.POST.get("outcome", ""))
        if not is_fragment(request):
            messages.success(request, "Noted. It helps to rank the scripts for the next session.")
            return HttpResponseRedirect(reverse("scripts:generated", args=[pk, script_pk]))
        script.refresh_from_db()
    if "download" in request.GET and not script.has_secrets:
        return _file(script.template_version.template, script.text)
    return _answer(
        request, session, "scripts/result.html", str(script.template_version), {"script": script, "text": script.text}
    )


def _generated(
    request: HttpRequest, session: AISession, template: ScriptTemplate, values: ValuesForm
) -> HttpResponse | None:
    """The script as a page or a file; None where it was refused, with the reasons in the form."""
    number = request.POST.get("number", "")
    try:
        script, rendered = script_generate(
            actor=_user(request),
            template_id=template.pk,
            number=int(number) if number.isdecimal() and len(number) < 10 else 0,
            values=values.values(),
            session_id=session.pk,
            node_id=_node(request),
            confirmed=bool(request.POST.get("confirmed")),
        )
    except InvalidValues as error:
        values.tell(error.faults)
        return None
    except ServiceError as error:
        values.add_error(None, f"{error.message[:1].upper()}{error.message[1:]}.")
        return None
    if request.POST["do"] == "download":
        return _file(template, rendered.text)
    context = {"script": script, "text": rendered.text, "is_fresh": True}
    return _answer(request, session, "scripts/result.html", template.title, context)


def _file(template: ScriptTemplate, text: str) -> HttpResponse:
    shell = Shell(template.shell)
    # cmd loses its way in a file with Unix line ends. The key is a slug: it needs no quoting.
    content = text.replace("\n", "\r\n") if shell == Shell.CMD else text
    name = f"{template.key}.{ENDINGS[shell]}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type="text/plain; charset=utf-8", headers=headers)


def _session(request: HttpRequest, pk: int) -> AISession:
    """The session, if the viewer may see it. Raises Http404, PermissionDenied."""
    if not request.user.has_perm("ai_sessions.view_aisession"):
        raise PermissionDenied
    rows = AISession.objects.for_user(request.user).select_related("client", "flow_version", "team", "account")
    session = rows.filter(pk=pk).first()
    if session is None:
        raise Http404("There is no such session.")
    return session


def _template(request: HttpRequest, session: AISession, pk: int) -> ScriptTemplate:
    found = next((row for row in usable_templates(request.user, session.account_id) if row.pk == pk), None)
    if found is None:
        raise Http404("There is no such script template, or it is not approved.")
    return found


def _node(request: HttpRequest) -> str:
    return (request.POST.get("node") or request.GET.get("node") or "").replace("\0", "")[:100]


def _answer(request: HttpRequest, session: AISession, part: str, title: str, context: dict[str, Any]) -> HttpResponse:
    context = {**context, "session": session}
    if is_fragment(request):
        response: HttpResponse = TemplateResponse(request, part, context)
    else:
        frame = {**admin.site.each_context(request), "title": title, "part": part}
        response = TemplateResponse(request, "scripts/page.html", {**frame, **context})
    response["Vary"] = "HX-Request"
    return response


def _user(request: HttpRequest) -> Any:
    return request.user
