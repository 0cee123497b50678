"""The review queue and the analysis pages, in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import ReadOnlyAdmin
from proposals.admin_filters import AgeFilter, PendingFirstFilter
from proposals.admin_views import bulk_decision, decide_view, detail_context
from proposals.models import AnalysisRun, FlowProposal, SessionAnalysis
from proposals.services import sessions_requeue
from sessions.admin import TierFilter, tier_badge


@admin.register(FlowProposal)
class FlowProposalAdmin(ReadOnlyAdmin):
    list_display = ["name", "type_badge", "tier", "evidence_counts", "waiting", "state"]
    list_display_links = ["name"]
    list_filter = [
        PendingFirstFilter, "proposal_type", TierFilter, "team", "problem_domain", AgeFilter, "account",
    ]  # fmt: skip
    list_select_related = ["target_flow", "account"]
    search_fields = ["title", "description"]
    ordering = ["-supporting_session_count", "-id"]
    change_list_template = "proposals/queue.html"
    change_form_template = "proposals/proposal.html"
    actions = ["approve", "edit_and_publish", "dismiss", "reject"]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Whoever works for several accounts sees which one a row is of."""
        several = request.user.is_superuser or len(request.user.active_memberships) > 1  # type: ignore[union-attr]
        return [*self.list_display, "account"] if several else self.list_display

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("proposals.decide_flowproposal", obj)

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(lambda request, pk: decide_view(self, request, pk))
        return [path("<int:pk>/decide/", decide, name="proposals_flowproposal_decide"), *super().get_urls()]

    @admin.display(description="Proposal", ordering="title")
    def name(self, obj: FlowProposal) -> SafeString:
        about = " · ".join(filter(None, [obj.problem_domain, f"changes {obj.target_flow}" if obj.target_flow else ""]))
        return format_html('{}<span class="fp-sub">{}</span>', obj.title, about or "No domain")

    @admin.display(description="Type", ordering="proposal_type")
    def type_badge(self, obj: FlowProposal) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.proposal_type, obj.get_proposal_type_display())

    @admin.display(description="Confidence", ordering="confidence_score")
    def tier(self, obj: FlowProposal) -> SafeString:
        return tier_badge(obj.confidence_score, obj.tier)

    @admin.display(description="Evidence", ordering="supporting_session_count")
    def evidence_counts(self, obj: FlowProposal) -> SafeString:
        return format_html(
            '{}<span class="fp-sub">{} · {}</span>',
            _plural(obj.supporting_session_count, "session"),
            _plural(obj.client_count, "client"),
            _plural(obj.technician_count, "tech"),
        )

    @admin.display(description="Created", ordering="created_at")
    def waiting(self, obj: FlowProposal) -> SafeString:
        return format_html('<time datetime="{}">{}</time>', obj.created_at.isoformat(), f"{obj.created_at:%d %b %Y}")

    @admin.display(description="Status", ordering="status")
    def state(self, obj: FlowProposal) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.status, obj.get_status_display())

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        proposal = self.get_object(request, object_id)
        context = detail_context(request, proposal) if proposal is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    @admin.action(description="Approve…", permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[FlowProposal]) -> HttpResponse | None:
        return bulk_decision(self, request, queryset, "approve")

    @admin.action(description="Edit & publish…", permissions=["decide"])
    def edit_and_publish(self, request: HttpRequest, queryset: QuerySet[FlowProposal]) -> HttpResponse | None:
        return bulk_decision(self, request, queryset, "publish")

    @admin.action(description="Dismiss…", permissions=["decide"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[FlowProposal]) -> HttpResponse | None:
        return bulk_decision(self, request, queryset, "dismiss")

    @admin.action(description="Reject…", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[FlowProposal]) -> HttpResponse | None:
        return bulk_decision(self, request, queryset, "reject")


@admin.register(AnalysisRun)
class AnalysisRunAdmin(ReadOnlyAdmin):
    """Last runs, who holds the lease, what is pending and what failed."""

    list_display = [
        "started_at", "status", "sessions_done", "sessions_failed", "proposals_created", "proposals_updated",
        "finished_at", "owner", "error",
    ]  # fmt: skip
    list_filter = ["account", "status"]
    list_select_related = ["account"]
    change_list_template = "proposals/analysis.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        from proposals.selectors import analysis_state

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
        messages.success(request, f"{_plural(count, 'session')} queued for analysis.")
        if skipped:
            messages.warning(request, f"{_plural(skipped, 'session')} skipped: not yours to queue.")


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
