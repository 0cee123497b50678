"""The review queue and its pages: what is shown where; each page has its own module."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import ReadOnlyAdmin
from proposals.admin import decide, editor
from proposals.admin.bulk import bulk_decision
from proposals.admin.detail import detail_context
from proposals.admin.filters import AgeFilter, PendingFirstFilter
from proposals.models import FlowProposal
from proposals.words import plural
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
    ordering = ["-impact", "-id"]
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
        return [*decide.urls(self), *editor.urls(self), *super().get_urls()]

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
            plural(obj.supporting_session_count, "session"),
            plural(obj.client_count, "client"),
            plural(obj.technician_count, "tech"),
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
