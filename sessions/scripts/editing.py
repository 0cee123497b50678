"""Making templates: a new one, the next version of one, its check while it is written, a trial, and its status."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from flowpilot.accounts.models import Account
from flowpilot.common.errors import ServiceError
from sessions.scripts.access import ADD, CHANGE
from sessions.scripts.forms import ParameterRows, TemplateForm, ValuesForm, described_rows, rows_of
from sessions.scripts.models import ScriptTemplate
from sessions.scripts.parameters import Fault, Shell
from sessions.scripts.render import preview
from sessions.scripts.services import (
    InvalidTemplate,
    content_faults,
    template_approve,
    template_create,
    template_retire,
    template_version_publish,
)


def urls(model_admin: Any) -> list[URLPattern]:
    wrap = model_admin.admin_site.admin_view

    def page(view: Any) -> Any:
        return wrap(lambda request, **kwargs: view(model_admin, request, **kwargs))

    return [
        path("new/", page(new_view), name="ai_sessions_scripttemplate_new"),
        path("check/", page(check_view), name="ai_sessions_scripttemplate_check"),
        path("<int:pk>/edit/", page(edit_view), name="ai_sessions_scripttemplate_edit"),
        path("<int:pk>/preview/", page(preview_view), name="ai_sessions_scripttemplate_preview"),
        path("<int:pk>/approve/", page(approve_view), name="ai_sessions_scripttemplate_approve"),
        path("<int:pk>/retire/", page(retire_view), name="ai_sessions_scripttemplate_retire"),
    ]


def is_fragment(request: HttpRequest) -> bool:
    """Whether a part of a page is asked for, by htmx."""
    return request.headers.get("HX-Request") == "true"


def new_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """A new template of one of the accounts where the viewer may add some."""
    if not request.user.has_perm(ADD):
        raise PermissionDenied
    accounts = _accounts(request)
    form = TemplateForm(request.POST or None, accounts=accounts, is_new=True)
    rows = ParameterRows(request.POST or None, prefix="row")
    faults: list[Fault] = []
    if request.method == "POST" and "more" in request.POST:
        return _form_page(model_admin, request, "New script template", form, _more_rows(request), [])
    if request.method == "POST":
        described, faults = described_rows(rows)
        form.is_valid()
        account_id = form.cleaned_data.get("account")
        if not faults and "account" not in form.errors:
            try:
                version = template_create(
                    actor=_user(request),
                    account=account_id,
                    finding=form.finding(),
                    shell=request.POST.get("shell", ""),
                    content=form.content(described),
                    note=request.POST.get("note", ""),
                )
            except InvalidTemplate as error:
                faults = error.faults
            else:
                return _saved(request, version.template, "Saved as a draft: approve it, and technicians can use it.")
    return _form_page(model_admin, request, "New script template", form, rows, faults)


def edit_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """The next version of a template, made from the one that was current when the form was opened."""
    template = changeable(model_admin, request, pk)
    version: Any = template.current_version
    title = f"New version of {template.title}"
    if request.method != "POST":
        form = TemplateForm(initial=TemplateForm.initial_of(version))
        rows = ParameterRows(initial=rows_of(version), prefix="row")
        return _form_page(model_admin, request, title, form, rows, [], template)
    form, rows = TemplateForm(request.POST), ParameterRows(request.POST, prefix="row")
    if "more" in request.POST:
        return _form_page(model_admin, request, title, form, _more_rows(request), [], template)
    described, faults = described_rows(rows)
    if not faults:
        try:
            template_version_publish(
                actor=_user(request),
                template_id=pk,
                base_number=_number(request.POST.get("base", "")),
                finding=form.finding(),
                content=form.content(described),
                note=request.POST.get("note", ""),
            )
        except InvalidTemplate as error:
            faults = error.faults
        except ServiceError as error:
            faults = [Fault("", error.message)]
        else:
            return _saved(request, template, "Saved as a new version. It is a draft until it is approved.")
    return _form_page(model_admin, request, title, form, rows, faults, template)


def check_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """`POST …/check/`: what is wrong with what is written so far, as the page's part; nothing is saved."""
    if not request.user.has_perm(ADD):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    described, faults = described_rows(ParameterRows(request.POST, prefix="row"))
    if not faults:
        content = TemplateForm(request.POST).content(described)
        faults = content_faults(request.POST.get("shell", ""), content)
    return TemplateResponse(request, "scripts/faults.html", {"faults": faults, "checked": True})


def preview_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Try the form as technicians get it. Nothing is generated, and secrets are not looked at."""
    template = seen(model_admin, request, pk)
    version: Any = template.current_version
    parameters = version.read_parameters
    form = ValuesForm(request.POST or None, parameters=parameters, known={})
    raw = form.values() if request.method == "POST" else form.initial_values()
    segments, faults = preview(Shell(template.shell), version.body, parameters, raw)
    if request.method == "POST":
        form.tell(faults)
    context = {"template": template, "version": version, "form": form, "segments": segments}
    if is_fragment(request):
        return TemplateResponse(request, "scripts/preview.html", {**context, "faults": faults})
    return _page(model_admin, request, "scripts/try.html", f"Try {template.title}", context)


def approve_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    template = changeable(model_admin, request, pk)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        template_approve(actor=_user(request), template_id=pk, number=_number(request.POST.get("number", "")))
    except ServiceError as error:
        messages.warning(request, f"Nothing was done: {error.message}.")
        return _to_template(template)
    return _saved(request, template, "Approved: technicians can generate it.")


def retire_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    template = changeable(model_admin, request, pk)
    problem = ""
    if request.method == "POST":
        try:
            template_retire(actor=_user(request), template_id=pk, reason=request.POST.get("reason", ""))
        except ServiceError as error:
            problem = error.message
        else:
            return _saved(request, template, "Retired: it is offered to nobody any more.")
    context = {"template": template, "problem": problem, "reason": request.POST.get("reason", "")}
    return _page(model_admin, request, "scripts/retire.html", f"Retire {template.title}", context)


def seen(model_admin: Any, request: HttpRequest, pk: int) -> ScriptTemplate:
    """The template, if the viewer may see it. Raises Http404, PermissionDenied."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    template: ScriptTemplate | None = model_admin.get_object(request, str(pk))
    if template is None or template.current_version is None:
        raise Http404("There is no such script template.")
    return template


def changeable(model_admin: Any, request: HttpRequest, pk: int) -> ScriptTemplate:
    """The template, if the viewer may change it. Raises Http404, PermissionDenied."""
    template = seen(model_admin, request, pk)
    if not request.user.has_perm(CHANGE, template):
        raise PermissionDenied
    return template


def _more_rows(request: HttpRequest) -> Any:
    """The rows as they were typed, with a few empty ones more."""
    data = request.POST.copy()
    data["row-TOTAL_FORMS"] = str(min(40, _number(data.get("row-TOTAL_FORMS", "0")) + 3))
    return ParameterRows(data, prefix="row")


def _form_page(
    model_admin: Any,
    request: HttpRequest,
    title: str,
    form: TemplateForm,
    rows: Any,
    faults: list[Fault],
    template: ScriptTemplate | None = None,
) -> HttpResponse:
    base = request.POST.get("base") or (template.current_version.number if template and template.current_version else 0)
    context = {"form": form, "rows": rows, "faults": faults, "template": template, "base": base}
    return _page(model_admin, request, "scripts/edit.html", title, context)


def _accounts(request: HttpRequest) -> Any:
    grants = request.user.tenant_grants(ADD)  # type: ignore[union-attr]
    accounts = Account.objects.order_by("name")
    return accounts if grants is None else accounts.filter(pk__in=[account_id for account_id, _ in grants])


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _page(model_admin: Any, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    base = {**model_admin.admin_site.each_context(request), "title": title, "opts": model_admin.opts}
    return TemplateResponse(request, template, {**base, **context})


def _saved(request: HttpRequest, template: ScriptTemplate, said: str) -> HttpResponseRedirect:
    messages.success(request, said)
    return _to_template(template)


def _to_template(template: ScriptTemplate) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:ai_sessions_scripttemplate_change", args=[template.pk]))


def _user(request: HttpRequest) -> Any:
    return request.user
