"""Flows: a read-only page that draws the tree, tells it as text, and lists its versions."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Count, Q
from django.http import Http404, HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import ReadOnlyAdmin
from flowpilot.flows.models import Flow
from flowpilot.flows.outline import outline


@admin.register(Flow)
class FlowAdmin(ReadOnlyAdmin):
    list_display = ["name", "problem_domain", "version", "sessions", "state", "updated_at"]
    list_display_links = ["name"]
    list_filter = ["account", "status", "team"]
    list_select_related = ["current_version", "account"]
    search_fields = ["title", "key", "description"]
    ordering = ["title"]
    change_form_template = "flows/flow.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        # The viewer's own sessions, as the list shows them that the number leads to.
        sessions: Any = self.model._meta.get_field("sessions").related_model
        own = sessions.objects.for_user(request.user)
        return super().get_queryset(request).annotate(session_count=Count("sessions", filter=Q(sessions__in=own)))

    @admin.display(description="Flow", ordering="title")
    def name(self, obj: Flow) -> SafeString:
        return format_html('{}<span class="fp-sub">{}</span>', obj.title, obj.key)

    @admin.display(description="Version")
    def version(self, obj: Flow) -> str:
        return f"v{obj.current_version.number}" if obj.current_version else "–"

    @admin.display(description="Sessions", ordering="session_count")
    def sessions(self, obj: Any) -> int:
        return int(obj.session_count)

    @admin.display(description="Status", ordering="status")
    def state(self, obj: Flow) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.status, obj.get_status_display())

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        flow = self.get_object(request, unquote(object_id))
        context = _page(request, flow) if flow is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})


def _page(request: HttpRequest, flow: Any) -> dict[str, Any]:
    """The version asked for by `?version=N`, else the current one, drawn and told."""
    versions = list(flow.versions.select_related("created_by").order_by("-number"))
    wanted = request.GET.get("version", "")
    shown = next((v for v in versions if str(v.number) == wanted), None)
    if wanted and shown is None:
        raise Http404(f"{flow} has no version {wanted}")
    shown = shown or flow.current_version
    definition = shown.definition if shown else None
    return {
        "flow": flow,
        "versions": versions,
        "shown": shown,
        "definition": definition,
        "outline": outline(definition) if definition else [],
    }
