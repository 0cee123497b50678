"""The analysis pages: last runs, who holds the lease, what is pending and what failed."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import NONE, ReadOnlyAdmin
from proposals.models import AnalysisRun, SessionAnalysis
from proposals.selectors import analysis_state
from proposals.services import sessions_requeue
from proposals.words import plural


@admin.register(AnalysisRun)
class AnalysisRunAdmin(ReadOnlyAdmin):
    """Last runs, who holds the lease, what is pending and what failed."""

    list_display = ["started_at", "state", "sessions", "proposals", "took", "by", "error"]
    list_filter = ["account", "status"]
    list_select_related = ["account"]
    change_list_template = "proposals/analysis.html"

    @admin.display(description="Status", ordering="status")
    def state(self, obj: AnalysisRun) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.status, obj.get_status_display())

    @admin.display(description="Sessions")
    def sessions(self, obj: AnalysisRun) -> SafeString:
        failed = (
            format_html('<span class="fp-sub">{} failed</span>', obj.sessions_failed) if obj.sessions_failed else ""
        )
        return format_html("{} analysed{}", obj.sessions_done, failed)

    @admin.display(description="Proposals")
    def proposals(self, obj: AnalysisRun) -> str:
        return f"{obj.proposals_created} new, {obj.proposals_updated} updated"

    @admin.display(description="Took")
    def took(self, obj: AnalysisRun) -> str:
        return f"{(obj.finished_at - obj.started_at).total_seconds():.0f} s" if obj.finished_at else NONE

    @admin.display(description="Worker", ordering="owner")
    def by(self, obj: AnalysisRun) -> SafeString:
        return format_html('<span class="fp-break">{}</span>', obj.owner)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "analysis": analysis_state(request.user)})


@admin.register(SessionAnalysis)
class SessionAnalysisAdmin(ReadOnlyAdmin):
    list_display = ["session", "state", "outcome", "topic", "attempts", "error", "analyzed_at"]
    list_filter = ["account", "state", "outcome"]
    list_select_related = ["session", "topic"]
    search_fields = ["session__external_id", "error"]
    actions = ["requeue"]

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("proposals.requeue_sessionanalysis")

    @admin.action(description="Analyse again", permissions=["requeue"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[SessionAnalysis]) -> None:
        ids = list(queryset.values_list("session_id", flat=True))
        count = sessions_requeue(actor=request.user, session_ids=ids)
        skipped = len(ids) - count
        messages.success(request, f"{plural(count, 'session')} queued for analysis.")
        if skipped:
            messages.warning(request, f"{plural(skipped, 'session')} skipped: not yours to queue.")
