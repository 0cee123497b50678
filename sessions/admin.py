"""Browse sessions, and read one as a conversation."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import NONE, ReadOnlyAdmin
from sessions.conversation import conversation_for
from sessions.ingest.admin import IngestJobAdmin
from sessions.models import AISession, Client, Tier, tier_q
from sessions.psa.admin import PsaConnectionAdmin, PsaPushAdmin
from sessions.psa.selectors import system_name
from sessions.runner.lock import CHANGE
from sessions.scripts.admin import GeneratedScriptAdmin, ScriptTemplateAdmin
from sessions.scripts.selectors import can_generate

__all__ = [
    "AISessionAdmin",
    "ClientAdmin",
    "GeneratedScriptAdmin",
    "IngestJobAdmin",
    "PsaConnectionAdmin",
    "PsaPushAdmin",
    "ScriptTemplateAdmin",
    "tier_badge",
]


class TierFilter(admin.SimpleListFilter):
    title = "confidence tier"
    parameter_name = "tier"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Tier.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        tier = self.value()
        return queryset.filter(tier_q(tier)) if tier in Tier.values else queryset


@admin.register(AISession)
class AISessionAdmin(ReadOnlyAdmin):
    list_display = ["summary", "state", "tier_badge", "problem_domain", "client", "person", "started_at"]
    list_display_links = ["summary"]
    list_filter = [
        "account", "status", TierFilter, "problem_domain", "team", "client", "flow", "started_at",
    ]  # fmt: skip
    # Filters that the rooms above put in.
    more_filters: ClassVar[list[Any]] = []
    list_select_related = ["client", "technician", "account"]
    search_fields = ["external_id", "title", "problem_summary", "psa_ticket_id"]
    change_form_template = "sessions/session.html"

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*self.more_filters, *super().get_list_filter(request)]

    @admin.display(description="Session", ordering="external_id")
    def summary(self, obj: AISession) -> SafeString:
        text = obj.title or obj.problem_summary or "No summary"
        return format_html('{}<span class="fp-sub">{}</span>', text[:120], obj.external_id)

    @admin.display(description="Status", ordering="status")
    def state(self, obj: AISession) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.status, obj.get_status_display())

    @admin.display(description="Confidence", ordering="confidence_score")
    def tier_badge(self, obj: AISession) -> SafeString:
        # Nothing is known of a session before its analysis.
        return NONE if obj.confidence_score is None else tier_badge(obj.confidence_score, obj.tier)

    @admin.display(description="Technician", ordering="technician_email")
    def person(self, obj: AISession) -> str:
        return str(obj.technician or obj.technician_email or NONE)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        session = self.get_object(request, unquote(object_id))
        context = session_page(request.user, session) if session else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})


def session_page(user: Any, session: AISession) -> dict[str, Any]:
    return {
        "session": session,
        "lines": conversation_for(user, session),
        "ticket_system": system_name(session.psa_system),
        "may_generate": can_generate(user, session),
        "may_work": session.is_worked_here and user.has_perm(CHANGE, session),
    }


@admin.register(Client)
class ClientAdmin(ReadOnlyAdmin):
    list_display = ["name", "account"]
    list_filter = ["account"]
    list_select_related = ["account"]
    search_fields = ["name"]


def tier_badge(score: float | None, tier: Tier) -> SafeString:
    """The tier in a word and the score behind it."""
    figure = "" if score is None else f" {score:.2f}"
    return format_html('<span class="fp-badge fp-{}">{}{}</span>', tier.value, tier.label, figure)
