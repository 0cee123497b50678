"""The list of flows, and one flow: the tree as graph and text, how its versions do, and its history."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import ReadOnlyAdmin
from flowpilot.common.models import AuditEvent
from flowpilot.flows.admin import compare, transfer, upkeep
from flowpilot.flows.admin.changes import may_change, version_of
from flowpilot.flows.admin.filters import DomainFilter, OwnerFilter, ReviewFilter, StatusFilter
from flowpilot.flows.models import Flow
from flowpilot.flows.outline import outline
from flowpilot.flows.services import CHANGE

HISTORY = 20


@admin.register(Flow)
class FlowAdmin(ReadOnlyAdmin):
    list_display = ["name", "problem_domain", "version", "sessions", "owner", "review", "state", "updated_at"]
    list_display_links = ["name"]
    list_filter = [StatusFilter, ReviewFilter, OwnerFilter, DomainFilter, "account", "team"]
    list_select_related = ["current_version", "account", "owner"]
    search_fields = ["title", "key", "description", "problem_domain"]
    ordering = ["title"]
    change_form_template = "flows/flow.html"
    change_list_template = "flows/flows.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        # The viewer's own sessions, as the list shows them that the number leads to.
        sessions: Any = self.model._meta.get_field("sessions").related_model
        own = sessions.objects.for_user(request.user)
        return super().get_queryset(request).annotate(session_count=Count("sessions", filter=Q(sessions__in=own)))

    def get_urls(self) -> list[URLPattern]:
        return [*compare.urls(self), *upkeep.urls(self), *transfer.urls(self), *super().get_urls()]

    @admin.display(description="Flow", ordering="title")
    def name(self, obj: Flow) -> SafeString:
        return format_html('{}<span class="fp-sub">{}</span>', obj.title, obj.key)

    @admin.display(description="Version")
    def version(self, obj: Flow) -> str:
        return f"v{obj.current_version.number}" if obj.current_version else "–"

    @admin.display(description="Sessions", ordering="session_count")
    def sessions(self, obj: Any) -> SafeString:
        return format_html('{}<span class="fp-card-word"> sessions</span>', obj.session_count)

    @admin.display(description="Review by", ordering="review_by")
    def review(self, obj: Flow) -> SafeString | None:
        if obj.review_by is None:
            return None
        day = f"{obj.review_by:%-d %b %Y}"
        badge = format_html(' <span class="fp-badge fp-failed">{}</span>', "Overdue") if obj.is_overdue else ""
        return format_html('<span class="fp-nowrap">{}</span>{}', day, badge)

    @admin.display(description="Status", ordering="status")
    def state(self, obj: Flow) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.status, obj.get_status_display())

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"can_import": request.user.has_perm(CHANGE)}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        flow = self.get_object(request, unquote(object_id))
        context = _page(request, flow) if flow is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})


def _page(request: HttpRequest, flow: Any) -> dict[str, Any]:
    """The version asked for by `?version=N`, else the current one, drawn and told."""
    versions = list(flow.versions.select_related("created_by").defer("definition", "examples").order_by("-number"))
    wanted = request.GET.get("version", "")
    shown = version_of(flow, wanted) if wanted else flow.current_version
    definition = shown.definition if shown else None
    return {
        "flow": flow,
        "versions": versions,
        "current": next((v for v in versions if v.pk == flow.current_version_id), None),
        "shown": shown,
        "definition": definition,
        "outline": outline(definition) if definition else [],
        "can_change": may_change(request, flow),
        "history": _history(request, flow),
    }


def _history(request: HttpRequest, flow: Flow) -> list[tuple[AuditEvent, str]]:
    """What happened to the flow beside its versions, newest first, for those who may read audit events."""
    events = AuditEvent.objects.for_user(request.user).filter(
        account_id=flow.account_id, object_type="flows.flow", object_id=flow.pk
    )
    newest = events.exclude(action__in=["flow.published", "flow.rolled_back"])[:HISTORY]
    return [(event, _sentence(event)) for event in newest]


def _sentence(event: AuditEvent) -> str:
    verb = {"flow.archived": "archived it", "flow.restored": "restored it"}.get(event.action)
    if verb is None and event.action == "flow.changed":
        changes = [_change(name, event.before.get(name), value) for name, value in event.after.items()]
        verb = f"changed {'; '.join(changes)}"
    return f"{event.actor_label} {verb or event.action.removeprefix('flow.').replace('_', ' ')}"


def _change(name: str, before: Any, after: Any) -> str:
    """Such as "owner from nobody to Alice"; long texts are only named."""
    words = name.replace("_", " ")
    if name == "description":
        return words
    old, new = (value[1] if isinstance(value, list) else value or "none" for value in (before, after))
    return f"{words} from {old} to {new}"
