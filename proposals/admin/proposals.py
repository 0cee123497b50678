"""The review queue and its pages: what is shown where; each page has its own module."""

from itertools import chain
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from flowpilot.common.admin import ReadOnlyAdmin
from proposals.admin import decide, editor, evidence, notices, presence, replay, views, wording
from proposals.admin.bulk import bulk_decision
from proposals.admin.columns import OF_TAB, QueueColumns
from proposals.admin.detail import detail_context
from proposals.admin.queue import QueueList
from proposals.models import FlowProposal
from proposals.queue import Tab


@admin.register(FlowProposal)
class FlowProposalAdmin(QueueColumns, ReadOnlyAdmin):
    # The columns of what is pending; each tab has its own.
    list_display = [*OF_TAB[Tab.PENDING]]
    list_display_links = ["name"]
    list_select_related = ["target_flow", "account", "reviewed_by", "claimed_by"]
    ordering = ["-impact", "-id"]
    sortable_by = ()
    change_list_template = "proposals/queue.html"
    change_form_template = "proposals/proposal.html"
    actions = ["approve", "edit_and_publish", "dismiss", "reject", "merge"]

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("proposals.decide_flowproposal", obj)

    def get_urls(self) -> list[URLPattern]:
        own = [page.urls(self) for page in (decide, editor, evidence, notices, presence, replay, views, wording)]
        return [*chain.from_iterable(own), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QueueList]:
        return QueueList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        shown = {"notices": notices.notices_above_queue(request)} if request.method == "GET" else {}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

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

    @admin.action(description="Merge two…", permissions=["decide"])
    def merge(self, request: HttpRequest, queryset: QuerySet[FlowProposal]) -> HttpResponse | None:
        return bulk_decision(self, request, queryset, "merge")
