"""One's reports by email: the list of them, and the acts of the list and of the dashboards."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from analytics.reports.models import ReportSubscription
from analytics.reports.services import (
    PERMISSION,
    report_change,
    report_stop,
    report_subscribe,
    reports_of,
    schedule_choices,
    title_of,
)
from flowpilot.common.errors import InvalidInput, ServiceError


@require_http_methods(["GET", "HEAD", "POST"])
def reports(request: HttpRequest) -> HttpResponse:
    """`GET` lists the viewer's reports; `POST` with `act` subscribe, change or stop does that."""
    return admin.site.admin_view(_reports)(request)


def _reports(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST":
        return _act(request)
    context = {
        **admin.site.each_context(request),
        "title": "Reports by email",
        "reports": [(report, title_of(report.page)) for report in reports_of(request.user)],  # type: ignore[arg-type]
        "choices": schedule_choices(),
    }
    return TemplateResponse(request, "analytics/reports.html", context)


def _act(request: HttpRequest) -> HttpResponse:
    """Do it and go back to where it was asked for, saying what happened or why not."""
    try:
        report, said = _do(request)
    except ServiceError as error:
        messages.error(request, f"Nothing was changed: {_first(error)}.")
    else:
        messages.success(request, f"{title_of(report.page)} by email: {said}.")
    page, query = request.POST.get("page", ""), request.POST.get("query", "")
    # Only the dashboards' own addresses: the request cannot lead anywhere else.
    back = f"{reverse(page)}?{query}" if title_of(page) else reverse("analytics:reports")
    return HttpResponseRedirect(back)


def _do(request: HttpRequest) -> tuple[ReportSubscription, str]:
    given, actor = request.POST, request.user
    chosen: dict[str, Any] = {"frequency": given.get("frequency", ""), "hour": given.get("hour", "")}
    if given.get("act") == "subscribe":
        where = {"page": given.get("page", ""), "query": given.get("query", "")}
        report = report_subscribe(actor=actor, **where, **chosen)  # type: ignore[arg-type]
        return report, f"{report.get_frequency_display().lower()} at {report.hour}:00"
    pk = given.get("report", "")
    if not (pk.isascii() and pk.isdecimal() and len(pk) < 19):
        raise InvalidInput("this names no report")
    if given.get("act") == "change":
        report = report_change(actor=actor, report_id=int(pk), **chosen)  # type: ignore[arg-type]
        return report, f"{report.get_frequency_display().lower()} at {report.hour}:00"
    if given.get("act") == "stop":
        return report_stop(actor=actor, report_id=int(pk)), "stopped"  # type: ignore[arg-type]
    raise InvalidInput("choose to subscribe, change or stop")


def _first(error: ServiceError) -> str:
    message: str = error.message.rstrip(".")
    return message[:1].lower() + message[1:]
