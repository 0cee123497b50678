"""The library of scripts in the admin: the list, one template with its versions, and what was generated."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Count, Q
from django.http import Http404, HttpRequest
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import ReadOnlyAdmin
from sessions.scripts import editing
from sessions.scripts.access import ADD, CHANGE
from sessions.scripts.models import GeneratedScript, ScriptTemplate, ScriptTemplateVersion
from sessions.scripts.render import segments_of
from sessions.scripts.selectors import escalations_of, flagged_for, risk_style

LATEST = 20


class ScriptStatusFilter(admin.SimpleListFilter):
    """What can be generated first; a retired template is asked for."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("current", "Current"), *ScriptTemplate.Status.choices, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or "current") == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value() or "current"
        if value == "current":
            return queryset.exclude(status=ScriptTemplate.Status.RETIRED)
        return queryset.filter(status=value) if value in ScriptTemplate.Status.values else queryset


class RiskFilter(admin.SimpleListFilter):
    title = "risk"
    parameter_name = "risk"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(ScriptTemplateVersion.Risk.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        known = value in ScriptTemplateVersion.Risk.values
        return queryset.filter(current_version__risk=value) if known else queryset


@admin.register(ScriptTemplate)
class ScriptTemplateAdmin(ReadOnlyAdmin):
    list_display = ["name", "shell", "risk", "problem_domain", "whose", "version", "generated", "state"]
    list_display_links = ["name"]
    list_filter = [ScriptStatusFilter, RiskFilter, "shell", "account"]
    list_select_related = ["current_version", "account"]
    search_fields = ["title", "key", "keywords", "problem_domain"]
    ordering = ["title"]
    change_form_template = "scripts/template.html"
    change_list_template = "scripts/templates.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        # The viewer's own scripts, of everybody's templates too.
        own = GeneratedScript.objects.for_user(request.user)
        counted = Count("versions__generated", filter=Q(versions__generated__in=own))
        return super().get_queryset(request).annotate(script_count=counted)

    def get_urls(self) -> list[URLPattern]:
        return [*editing.urls(self), *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Everybody's templates are seen by whoever sees templates."""
        if obj is not None and obj.account_id is None:
            return self._has(request, "view", None)
        return super().has_view_permission(request, obj)

    @admin.display(description="Template", ordering="title")
    def name(self, obj: ScriptTemplate) -> SafeString:
        return format_html('{}<span class="fp-sub">{}</span>', obj.title, obj.key)

    @admin.display(description="Risk", ordering="current_version__risk")
    def risk(self, obj: ScriptTemplate) -> SafeString | str:
        version = obj.current_version
        return risk_badge(version.risk, version.get_risk_display()) if version else "–"

    @admin.display(description="Of", ordering="account")
    def whose(self, obj: ScriptTemplate) -> str:
        return str(obj.account) if obj.account_id else "Everybody"

    @admin.display(description="Version")
    def version(self, obj: ScriptTemplate) -> str:
        return f"v{obj.current_version.number}" if obj.current_version else "–"

    @admin.display(description="Generated", ordering="script_count")
    def generated(self, obj: Any) -> int:
        return int(obj.script_count)

    @admin.display(description="Status", ordering="status")
    def state(self, obj: ScriptTemplate) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.status, obj.get_status_display())

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"can_add": request.user.has_perm(ADD), "flagged": flagged_for(request.user)}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        template = self.get_object(request, unquote(object_id))
        context = template_page(request, template) if template is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})


@admin.register(GeneratedScript)
class GeneratedScriptAdmin(ReadOnlyAdmin):
    list_display = ["script", "session", "created_by", "created_at", "reported"]
    list_display_links = ["script"]
    list_filter = ["outcome", "account", "created_at"]
    list_select_related = ["template_version__template", "session", "created_by", "account"]
    search_fields = ["template_version__template__title", "session__external_id", "node_id"]
    change_form_template = "scripts/generated.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("template_version__template", "session", "created_by")

    @admin.display(description="Script")
    def script(self, obj: GeneratedScript) -> str:
        return str(obj.template_version)

    @admin.display(description="Outcome", ordering="outcome", empty_value="–")
    def reported(self, obj: GeneratedScript) -> SafeString | None:
        return outcome_badge(obj) if obj.outcome else None

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        script = self.get_object(request, unquote(object_id))
        context = {"script": script} if script is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})


def risk_badge(risk: str, label: str) -> SafeString:
    return format_html('<span class="fp-badge fp-{}">{}</span>', risk_style(risk), label or "Not said")


def outcome_badge(script: GeneratedScript) -> SafeString:
    return format_html('<span class="fp-badge fp-{}">{}</span>', script.outcome, script.get_outcome_display())


def template_page(request: HttpRequest, template: Any) -> dict[str, Any]:
    """The version asked for by `?version=N`, else the current one, and what the viewer's own scripts led to."""
    versions = list(template.versions.select_related("created_by").defer("body").order_by("-number"))
    wanted = request.GET.get("version", "")
    shown = version_of(template, wanted) if wanted else template.current_version
    own: Any = GeneratedScript.objects.for_user(request.user).filter(template_version__template=template)
    accounts = [membership.account_id for membership in getattr(request.user, "active_memberships", [])]
    return {
        "template": template,
        "versions": versions,
        "shown": shown,
        "risk_style": risk_style(shown.risk) if shown else "neutral",
        "segments": segments_of(shown.body) if shown else [],
        "parameters": shown.read_parameters if shown else [],
        "generated": list(own.select_related("template_version", "session", "created_by")[:LATEST]),
        "escalations": [item for pk in accounts for item in escalations_of(request.user, pk, [template.pk])],
        "can_change": request.user.has_perm(CHANGE, template),
    }


def version_of(template: ScriptTemplate, number: str) -> ScriptTemplateVersion:
    """The version of that number. Raises Http404."""
    # Longer numbers are none that the database could hold.
    found = number.isdecimal() and len(number) < 10 and template.versions.filter(number=int(number)).first()
    if not found:
        raise Http404(f"{template} has no version {number}")
    return found
