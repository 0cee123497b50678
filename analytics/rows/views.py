"""The list behind a figure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from analytics.pages.frame import dashboard_response, scoped_view
from analytics.rows.registry import SOURCES
from analytics.rows.source import Source
from analytics.scope import Scope
from flowpilot.common.csvfile import csv_response
from flowpilot.common.errors import InvalidInput

PER_PAGE = 50
_CHUNK = 2000


@scoped_view
def rows(request: HttpRequest, scope: Scope, source: str, fact: str) -> HttpResponse | StreamingHttpResponse:
    """The rows of a scope that have a fact, newest first; `?format=csv` gives all of them, `?count=1` how many."""
    found = SOURCES.get(source)
    condition = found.fact(fact) if found else None
    if found is None or condition is None:
        raise Http404("There is no such list.")
    if not request.user.has_perm(found.permission):
        raise PermissionDenied
    if request.GET.get("count"):
        return TemplateResponse(request, "analytics/count.html", {"count": found.counted(scope, fact)})
    matching = found.matching(scope, condition).select_related(*found.related).order_by(f"-{found.time}", "-pk")
    if request.GET.get("format") == "csv":
        labels = [column.label for column in found.columns]
        lines = ([column.value(row) for column in found.columns] for row in matching.iterator(_CHUNK))
        return csv_response(f"{found.name}-{fact}", labels, lines)
    page, following = _page(found, scope, fact, matching, request.GET.get("after", ""))
    is_all = not following and not request.GET.get("after")
    base = f"{reverse('analytics:rows', args=[source, fact])}?{scope.query()}"
    context = {
        "title": found.plural.capitalize(),
        "source": found,
        "label": condition.label,
        "about": found.about(scope, fact) if found.about else "",
        # What is not kept is counted after the page, which asks for it at once: that may take longer than the rows.
        "count": len(page) if is_all else found.kept(scope, fact),
        "count_url": f"{base}&count=1",
        "more_than": PER_PAGE,
        "lines": list(_lines(found, page)),
        "first_url": base if request.GET.get("after") else "",
        "next_url": f"{base}&{following}" if following else "",
        "csv_url": f"{base}&format=csv",
    }
    return dashboard_response(request, scope, "analytics/rows.html", context)


def _page(source: Source, scope: Scope, name: str, matching: QuerySet[Any], after: str) -> tuple[list[Any], str]:
    """One page, from the row that the address names on, and the parameter of the page after it ("" for none).

    By the last row and not by a number: the thousandth page costs what the first does.
    """
    time: datetime | None = None
    if after:
        time, pk = _position(after)
        beyond = Q(**{f"{source.time}__lt": time}) | Q(**{source.time: time, "pk__lt": pk})
        # The first condition says nothing that the second does not, but an index can begin there.
        matching = matching.filter(Q(**{f"{source.time}__lte": time}), beyond)
    found = source.newest(scope, name, matching, PER_PAGE + 1, time)
    if len(found) <= PER_PAGE:
        return found, ""
    last = found[PER_PAGE - 1]
    moment: datetime = getattr(last, source.time)
    return found[:PER_PAGE], f"after={moment:%Y-%m-%dT%H:%M:%S.%fZ}_{last.pk}"


def _position(after: str) -> tuple[datetime, int]:
    moment, _, pk = after.partition("_")
    try:
        time = datetime.fromisoformat(moment)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not pk.isdecimal() or len(pk) > 18:
        raise InvalidInput("This page of the list does not exist: “after” names no row.")
    return time, int(pk)


def _lines(source: Source, page: list[Any]) -> Iterator[dict[str, Any]]:
    for row in page:
        yield {"url": source.link(row), "values": [column.value(row) for column in source.columns]}
