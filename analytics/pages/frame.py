"""The frame of every dashboard: who may open it, the scope bar, the ways to the others, and CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import resolve, reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.gaps.selectors import gaps_url
from analytics.pages.parts import Block, Card, Later
from analytics.scope import Scope, ScopeForm
from flowpilot.common.csvfile import csv_response
from flowpilot.common.errors import InvalidInput

# Label and URL name of each dashboard, in the order of the bar.
PAGES = (
    ("Overview", "analytics:overview"),
    ("Coverage", "analytics:coverage"),
    ("Flows", "analytics:flows"),
    ("Ticketing", "analytics:psa"),
    ("Scripts", "analytics:scripts"),
    ("Review", "analytics:review"),
    ("Language model", "analytics:language_model"),
)

AnyResponse = HttpResponse | StreamingHttpResponse


@dataclass(frozen=True)
class Page:
    """What a dashboard shows. `has_data` is whether there is anything to tell; `filled_by` says what would fill it."""

    title: str
    cards: Sequence[Card] = ()
    blocks: Sequence[Block | Later] = ()
    has_data: bool = True
    filled_by: str = "Figures appear as sessions end."
    template: str = "analytics/dashboard.html"
    context: dict[str, Any] = field(default_factory=dict)


def scoped_view(view: Callable[..., AnyResponse]) -> Callable[..., AnyResponse]:
    """A view of the admin site that gets the scope of its address, or answers 400 with what is wrong in it."""

    @wraps(view)
    @require_safe
    def outer(request: HttpRequest, **kwargs: Any) -> AnyResponse:
        return admin.site.admin_view(inner)(request, **kwargs)

    def inner(request: HttpRequest, **kwargs: Any) -> AnyResponse:
        if not request.user.has_perm("analytics.view_metrics"):
            raise PermissionDenied
        form = ScopeForm(request.user, request.GET)
        if not form.is_valid():
            return _invalid(request, form)
        scope = Scope.of(request.user, form.cleaned_data)
        try:
            with timezone.override(scope.zone):
                response = view(request, scope, **kwargs)
                # Times are told in the scope's zone: it has to be drawn before the zone is the account's again.
                return response.render() if isinstance(response, TemplateResponse) else response
        except InvalidInput as error:
            return _invalid(request, form, str(error))

    return outer


def dashboard(build: Callable[..., Page], later: Sequence[Callable[[Scope], Later]] = ()) -> Callable[..., AnyResponse]:
    """A page made from a scope and what its address names; `later` are the makers of its blocks that come after it.

    `?csv=KEY` downloads the table of one of its blocks, `?block=KEY` is one that comes later, made without the rest of
    the page, and `?whole=1` leaves none for later.
    """

    @scoped_view
    @wraps(build)
    def view(request: HttpRequest, scope: Scope, **kwargs: Any) -> AnyResponse:
        if key := request.GET.get("block"):
            return _later(request, scope, later, key)
        page = build(scope, **kwargs)
        if key := request.GET.get("csv"):
            return _csv(page, key)
        context = {**page.context, "title": page.title, "page": page, "is_whole": "whole" in request.GET}
        return dashboard_response(request, scope, page.template, context)

    view.build = build  # type: ignore[attr-defined]
    return view


def page_maker(name: str) -> Callable[[Scope], Page] | None:
    """What makes the dashboard of an address's name; None where that is no dashboard."""
    if name not in [address for _, address in PAGES]:
        return None
    found: Callable[[Scope], Page] | None = getattr(resolve(reverse(name)).func, "build", None)
    return found


def dashboard_response(
    request: HttpRequest, scope: Scope, template: str, context: dict[str, Any], status: int = 200
) -> TemplateResponse:
    """A page in the frame, with the scope bar as it stands."""
    given = {**request.GET.dict(), "zone": scope.zone} | ({"days": scope.days} if scope.days else {})
    frame = {"form": ScopeForm(request.user, given), "scope": scope, "before": scope.before()}
    response = _framed(request, template, {**frame, **context}, status)
    # The address of a swapped dashboard is as short as a link to it would be.
    response["HX-Push-Url"] = f"{request.path}?{scope.query()}"
    return response


def _invalid(request: HttpRequest, form: ScopeForm, problem: str = "") -> HttpResponse:
    context = {"title": "Analytics", "form": form, "problem": problem}
    return _framed(request, "analytics/dashboard.html", context, 400)


def _framed(request: HttpRequest, template: str, context: dict[str, Any], status: int) -> TemplateResponse:
    scope: Scope | None = context.get("scope")
    query = f"?{scope.query()}" if scope else ""
    pages = [(label, f"{reverse(name)}{query}", reverse(name) == request.path) for label, name in PAGES]
    gaps = gaps_url(scope) if scope else reverse("gaps:list")
    context = {**admin.site.each_context(request), "pages": pages, "gaps_url": gaps, **context}
    return TemplateResponse(request, template, context, status=status)


def _later(request: HttpRequest, scope: Scope, later: Sequence[Callable[[Scope], Later]], key: str) -> TemplateResponse:
    for make in later:
        if (block := make(scope)).key == key:
            return TemplateResponse(request, "analytics/block.html", {"block": block.block, "scope": scope})
    raise Http404("There is no such block on this page.")


def _csv(page: Page, key: str) -> StreamingHttpResponse:
    for block in page.blocks:
        if block.key == key:
            return csv_response(block.key, block.csv_header(), block.csv_lines())
    raise Http404("There is no such table on this page.")
