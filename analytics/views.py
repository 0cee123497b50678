"""The dashboards: Django views in the admin site's frame."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from analytics import metrics
from analytics.scope import Scope, ScopeForm
from flowpilot.common.errors import InvalidInput
from proposals.models import FlowProposal
from sessions.models import Tier


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Sessions, rates, tiers and proposals of the viewer's scope."""
    return admin.site.admin_view(_overview)(request)


def _overview(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("analytics.view_metrics"):
        raise PermissionDenied
    form = ScopeForm(request.user, request.GET)
    try:
        scope = Scope.from_query(request.user, request.GET)
    except InvalidInput:
        context = {**admin.site.each_context(request), "title": "Overview", "form": form}
        return TemplateResponse(request, "analytics/overview.html", context, status=400)
    context = {
        **admin.site.each_context(request),
        "title": "Overview",
        # With the period that holds where the address names none.
        "form": ScopeForm(request.user, {**request.GET.dict(), "days": scope.days}),
        "scope": scope,
        "cards": _cards(scope),
        "tiers": _tiers(scope),
        "tiers_by_week": metrics.tiers_by_week(scope),
        "proposals": _proposals(scope),
    }
    return TemplateResponse(request, "analytics/overview.html", context)


def _cards(scope: Scope) -> list[dict[str, Any]]:
    """Each card with its figure, the figure before, and the rows it counts."""
    now, before = scope, scope.before()
    return [
        {
            "label": "Sessions ended",
            "count": metrics.sessions_ended(now),
            "count_before": metrics.sessions_ended(before),
            "rows": scope.rows(),
        },
        {
            "label": "Resolved",
            "rate": metrics.resolution_rate(now),
            "rate_before": metrics.resolution_rate(before),
            "rows": scope.rows(status="resolved"),
        },
        {
            "label": "Escalated",
            "rate": metrics.escalation_rate(now),
            "rate_before": metrics.escalation_rate(before),
            "rows": scope.rows(status="escalated"),
            "less_is_better": True,
        },
        {
            "label": "Mean time to resolve",
            "duration": metrics.mean_time_to_resolve(now),
            "duration_before": metrics.mean_time_to_resolve(before),
            "rows": scope.rows(status="resolved"),
            "less_is_better": True,
        },
        {
            "label": "Used a flow",
            "rate": metrics.flow_link_rate(now),
            "rate_before": metrics.flow_link_rate(before),
            "rows": scope.rows(flow__isnull="False"),
        },
    ]


def _tiers(scope: Scope) -> list[dict[str, Any]]:
    rates = metrics.tiers(scope)
    return [
        {"tier": tier, "label": Tier(tier).label, "rate": rates[tier], "rows": scope.rows(tier=tier)}
        for tier in (Tier.GUIDED, Tier.EXPLORING, Tier.DISCOVERY)
    ]


def _proposals(scope: Scope) -> list[dict[str, Any]]:
    counts = metrics.proposals_by_status(scope)
    return [
        {"status": status, "label": FlowProposal.Status(status).label, "count": counts[status]}
        for status in FlowProposal.Status.values
    ]
