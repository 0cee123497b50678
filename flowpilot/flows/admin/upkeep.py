"""What a reviewer does to a flow: change what stands beside it, roll back, archive, restore."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from flowpilot.common.errors import Conflict, InvalidInput, ServiceError
from flowpilot.flows.admin.changes import change_context, changeable_flow, version_of
from flowpilot.flows.admin.forms import FlowForm, ReasonForm, RollBackForm
from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_roll_back
from flowpilot.flows.upkeep import flow_archive, flow_restore, flow_update

View = Callable[[Any, HttpRequest, Flow], HttpResponse]


def urls(model_admin: Any) -> list[URLPattern]:
    def address(suffix: str, name: str, view: View) -> URLPattern:
        def page(request: HttpRequest, pk: int) -> HttpResponse:
            return view(model_admin, request, changeable_flow(model_admin, request, pk))

        return path(f"<int:pk>/{suffix}/", model_admin.admin_site.admin_view(page), name=f"flows_flow_{name}")

    return [
        address("edit", "edit", edit_view),
        address("roll-back", "roll_back", roll_back_view),
        address("archive", "archive", archive_view),
        address("restore", "restore", restore_view),
    ]


def edit_view(model_admin: Any, request: HttpRequest, flow: Flow) -> HttpResponse:
    """Title, description, domain, team, owner and the day of the next review."""
    if request.method != "POST":
        form = FlowForm(flow=flow, initial=FlowForm.initial_of(flow))
        return _page(model_admin, request, flow, "flows/edit.html", f"Edit {flow.title}", {"form": form})
    form = FlowForm(request.POST, flow=flow)
    if form.is_valid():
        try:
            flow_update(actor=_user(request), flow_id=flow.pk, **form.cleaned_data)
        except ServiceError as error:
            form = _refused(request, form, flow, error)
        else:
            messages.success(request, "Saved.")
            return _to_flow(flow)
    return _page(model_admin, request, flow, "flows/edit.html", f"Edit {flow.title}", {"form": form})


def roll_back_view(model_admin: Any, request: HttpRequest, flow: Flow) -> HttpResponse:
    """`?to=N` shows what going back to version N would change; a POST does it, as a new version."""
    current = flow.current_version
    numbers = list(flow.versions.order_by("-number").values_list("number", flat=True))
    others = [number for number in numbers if current and number != current.number]
    wanted = request.GET.get("to") or (str(others[0]) if others else "")
    former = version_of(flow, wanted) if wanted else None
    made_from = {"version": former.number if former else None, "base": current.number if current else None}
    form = RollBackForm(request.POST or None, initial=made_from)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            version = flow_roll_back(
                actor=_user(request),
                flow_id=flow.pk,
                version_number=data["version"],
                base_number=data["base"],
                reason=data["reason"],
            )
        except ServiceError as error:
            # What is shown below is what the next attempt is made from.
            form = RollBackForm({**request.POST.dict(), **made_from})
            form.add_error(None, f"Nothing was published: {error.message}.")
        else:
            messages.success(request, f"Version {version.number} says what version {data['version']} said.")
            return _to_flow(flow)
    context: dict[str, Any] = {"form": form, "former": former, "current": current, "numbers": others}
    if former and current:
        context |= change_context(current.definition, former.definition)
        context |= {"from_name": f"Version {current.number}, now", "to_name": f"Version {former.number}"}
    return _page(model_admin, request, flow, "flows/roll_back.html", f"Roll back {flow.title}", context)


def archive_view(model_admin: Any, request: HttpRequest, flow: Flow) -> HttpResponse:
    return _set_status(model_admin, request, flow, flow_archive, "Archive", "Archived. It guides nobody any more.")


def restore_view(model_admin: Any, request: HttpRequest, flow: Flow) -> HttpResponse:
    return _set_status(model_admin, request, flow, flow_restore, "Restore", "Restored. It guides sessions again.")


def _set_status(
    model_admin: Any, request: HttpRequest, flow: Flow, service: Callable[..., Flow], verb: str, done: str
) -> HttpResponse:
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            service(actor=_user(request), flow_id=flow.pk, **form.cleaned_data)
        except Conflict as error:
            messages.warning(request, f"Nothing was done: {error.message}.")
            return _to_flow(flow)
        except ServiceError as error:
            form.add_error(None, f"Nothing was done: {error.message}.")
        else:
            messages.success(request, done)
            return _to_flow(flow)
    context = {"form": form, "verb": verb}
    return _page(model_admin, request, flow, "flows/status.html", f"{verb} {flow.title}", context)


def _refused(request: HttpRequest, form: FlowForm, flow: Flow, error: ServiceError) -> FlowForm:
    """The form with all that was typed and why it was not taken; after a conflict, ready to be sent again."""
    if isinstance(error, InvalidInput) and isinstance(error.details, dict):
        for name, fault in error.details.items():
            form.add_error(name, fault)
        return form
    flow.refresh_from_db()
    now = FlowForm.initial_of(flow)
    changed = error.details.get("changed", []) if isinstance(error.details, dict) else []
    fresh = FlowForm({**request.POST.dict(), "seen": now["seen"]}, flow=flow)
    fresh.add_error(None, f"Nothing was saved: {error.message}. Below stands what you typed; save it again to keep it.")
    for name in changed:
        value = getattr(flow, name)
        fresh.add_error(name, f"It is “{value}” now." if value else "It is empty now.")
    return fresh


def _page(
    model_admin: Any, request: HttpRequest, flow: Flow, template: str, title: str, context: dict[str, Any]
) -> HttpResponse:
    base = {**model_admin.admin_site.each_context(request), "title": title, "opts": model_admin.opts, "flow": flow}
    return TemplateResponse(request, template, {**base, **context})


def _to_flow(flow: Flow) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:flows_flow_change", args=[flow.pk]))


def _user(request: HttpRequest) -> Any:
    return request.user
