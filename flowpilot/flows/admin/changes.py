"""Two definitions side by side, for the pages that compare them; and what these pages share."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from flowpilot.flows.definition import Definition
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.edit import told
from flowpilot.flows.inline import base_lines, inline_diff, proposed_lines
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import CHANGE

# A drawing of more nodes than this takes the browser seconds: the outline opens first.
DRAWN_AT_ONCE = 150


def change_context(before: Definition, after: Definition) -> dict[str, Any]:
    """The difference of two valid definitions for `flows/change.html`: in words, as one outline and as two."""
    diff = diff_definitions(before, after)
    return {
        "diff": diff,
        "told": told(diff, before, after),
        "definition": after,
        "is_large": len(after["nodes"]) > DRAWN_AT_ONCE,
        "inline": inline_diff(before, after, diff),
        "left": base_lines(before, diff),
        "right": proposed_lines(after, diff),
    }


def seen_flow(model_admin: Any, request: HttpRequest, pk: int) -> Flow:
    """The flow, if the viewer may see it. Raises Http404, PermissionDenied."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    flow: Flow | None = model_admin.get_object(request, str(pk))
    if flow is None:
        raise Http404("There is no such flow.")
    return flow


def changeable_flow(model_admin: Any, request: HttpRequest, pk: int) -> Flow:
    """The flow, if the viewer may change it. Raises Http404, PermissionDenied."""
    flow = seen_flow(model_admin, request, pk)
    if not may_change(request, flow):
        raise PermissionDenied
    return flow


def may_change(request: HttpRequest, flow: Flow) -> bool:
    return request.user.has_perm(CHANGE, flow)


def version_of(flow: Flow, number: str) -> FlowVersion:
    """The version of that number. Raises Http404."""
    # Longer numbers are none that the database could hold.
    found = (
        number.isdecimal() and len(number) < 10 and FlowVersion.objects.filter(flow=flow, number=int(number)).first()
    )
    if not found:
        raise Http404(f"{flow} has no version {number}")
    return found
