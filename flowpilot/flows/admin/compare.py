"""Any two versions of a flow, compared."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from flowpilot.flows.admin.changes import change_context, may_change, seen_flow, version_of
from flowpilot.flows.models import Flow, FlowVersion


def urls(model_admin: Any) -> list[URLPattern]:
    def page(request: HttpRequest, pk: int) -> HttpResponse:
        return diff_view(model_admin, request, pk)

    return [path("<int:pk>/diff/", model_admin.admin_site.admin_view(page), name="flows_flow_diff")]


def diff_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/diff/?from=2&to=5`; without numbers the current version against the one before it."""
    flow = seen_flow(model_admin, request, pk)
    numbers = list(flow.versions.order_by("-number").values_list("number", flat=True))
    before, after = _chosen(request, flow, numbers)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Versions of {flow.title}",
        "opts": model_admin.opts,
        "flow": flow,
        "numbers": numbers,
        "before": before,
        "after": after,
        "can_change": may_change(request, flow),
    }
    if before and after:
        context |= change_context(before.definition, after.definition)
        context |= {"from_name": f"Version {before.number}", "to_name": f"Version {after.number}"}
    return TemplateResponse(request, "flows/diff.html", context)


def _chosen(request: HttpRequest, flow: Flow, numbers: list[int]) -> tuple[FlowVersion | None, FlowVersion | None]:
    after = version_of(flow, request.GET["to"]) if request.GET.get("to") else flow.current_version
    if request.GET.get("from"):
        return version_of(flow, request.GET["from"]), after
    earlier = next((number for number in numbers if after and number < after.number), None)
    return (version_of(flow, str(earlier)) if earlier else None), after
