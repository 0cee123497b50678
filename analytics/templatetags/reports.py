"""The part of a dashboard that sends it by email."""

from typing import Any

from django import template

from analytics.pages.frame import page_maker
from analytics.reports.services import reports_of, schedule_choices

register = template.Library()


@register.inclusion_tag("analytics/report_panel.html", takes_context=True)
def report_panel(context: template.Context) -> dict[str, Any]:
    """The viewer's reports of this dashboard, and the form for one of the scope as it stands."""
    request, scope = context["request"], context["scope"]
    name = request.resolver_match.view_name
    return {
        "is_offered": page_maker(name) is not None,
        "report_page": name,
        "reports": reports_of(request.user, name),
        "choices": schedule_choices(),
        "query": scope.query(),
        "scope": scope,
        "page": context["page"],
        "request": request,
        "csrf_token": context.get("csrf_token"),
    }
