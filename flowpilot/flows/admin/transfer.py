"""Flows as files: export for other places, import from them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from flowpilot.accounts.models import Account
from flowpilot.common.errors import ServiceError
from flowpilot.flows.admin.changes import change_context, seen_flow, version_of
from flowpilot.flows.admin.forms import ImportForm, PublishImportForm
from flowpilot.flows.mermaid import to_mermaid
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.outline import outline
from flowpilot.flows.portable import PortableFlow, read_portable
from flowpilot.flows.services import CHANGE
from flowpilot.flows.transfer import flow_import_new, flow_import_version, portable_of


def urls(model_admin: Any) -> list[URLPattern]:
    def export(request: HttpRequest, pk: int) -> HttpResponse:
        return export_view(model_admin, request, pk)

    def take(request: HttpRequest) -> HttpResponse:
        return import_view(model_admin, request)

    wrap = model_admin.admin_site.admin_view
    return [
        path("<int:pk>/export/", wrap(export), name="flows_flow_export"),
        path("import/", wrap(take), name="flows_flow_import"),
    ]


def export_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/export/?format=json|mermaid&version=N`; without them the current version as JSON."""
    flow = seen_flow(model_admin, request, pk)
    version = version_of(flow, request.GET["version"]) if request.GET.get("version") else flow.current_version
    if version is None:
        raise Http404(f"{flow} has no version yet")
    kind = request.GET.get("format", "json")
    if kind == "json":
        return _file(portable_of(flow, version).to_text(), f"{flow.key}-v{version.number}.json", "application/json")
    if kind == "mermaid":
        return _file(to_mermaid(version.definition), f"{flow.key}-v{version.number}.mmd", "text/plain; charset=utf-8")
    raise Http404(f"There is no format {kind}: json and mermaid are.")


def import_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """A GET asks for the file, a POST shows what it would change, a POST with `as_what` publishes it."""
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    accounts = _accounts(request)
    form = ImportForm(request.POST or None, request.FILES or None, accounts=accounts)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": "Import a flow",
        "opts": model_admin.opts,
        "form": form,
    }
    if request.method == "POST" and form.is_valid():
        portable, faults = read_portable(form.content())
        if portable is None:
            return _answer(request, {**context, "faults": faults[:50], "more": max(0, len(faults) - 50)})
        account = form.cleaned_data["account"]
        if "as_what" in request.POST:
            try:
                return _publish(request, account, portable)
            except ServiceError as error:
                messages.warning(request, f"Nothing was published: {error.message}.")
        return _answer(request, {**context, **_shown(account, portable)})
    return _answer(request, context)


def _publish(request: HttpRequest, account: Account, portable: PortableFlow) -> HttpResponse:
    form = PublishImportForm(request.POST)
    if not form.is_valid():
        raise ServiceError("the form was not complete")
    actor: Any = request.user
    data, note = form.cleaned_data, _note(portable)
    if data["as_what"] == "version":
        version = flow_import_version(
            actor=actor, flow_id=data["flow"] or 0, base_number=data["base"] or 0, portable=portable, note=note
        )
    else:
        version = flow_import_new(actor=actor, account=account, portable=portable, note=note)
    messages.success(request, f"Published as version {version.number} of {version.flow.title}.")
    return HttpResponseRedirect(reverse("admin:flows_flow_change", args=[version.flow_id]))


def _note(portable: PortableFlow) -> str:
    came_from = f" (version {portable.version} of {portable.key})" if portable.version and portable.key else ""
    return f"Imported{came_from}"


def _shown(account: Account, portable: PortableFlow) -> dict[str, Any]:
    """What the file holds, and against the flow of that key, where there is one, what it would change."""
    same = Flow.objects.select_related("current_version").filter(account=account, key=portable.key).first()
    current: FlowVersion | None = same.current_version if same else None
    context: dict[str, Any] = {
        "portable": portable,
        "text": portable.to_line(),
        "account": account,
        "same": same,
        "current": current,
        "outline": outline(portable.definition),
        "definition": portable.definition,
    }
    if current:
        context |= change_context(current.definition, portable.definition)
        context |= {"from_name": f"Version {current.number}, now", "to_name": "The file"}
    return context


def _accounts(request: HttpRequest) -> Any:
    """The accounts where the viewer may change flows."""
    grants = request.user.tenant_grants(CHANGE)  # type: ignore[union-attr]
    accounts = Account.objects.order_by("name")
    return accounts if grants is None else accounts.filter(pk__in=[account_id for account_id, _ in grants])


def _answer(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, "flows/import.html", context)


def _file(text: str, name: str, content_type: str) -> HttpResponse:
    # The key of a flow is a slug: it needs no quoting.
    return HttpResponse(
        text, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
