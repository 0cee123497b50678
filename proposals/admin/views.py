"""Saved views of the queue: kept, renamed and deleted by plain forms."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path

from flowpilot.accounts.savedviews import saved_view_delete, saved_view_rename, saved_view_save
from flowpilot.common.errors import NotFound, ServiceError
from proposals.admin.steps import queue_url

PAGE = "proposals_flowproposal_changelist"


def urls(model_admin: Any) -> list[URLPattern]:
    def page(view: Any) -> Any:
        return model_admin.admin_site.admin_view(lambda request, **kwargs: view(model_admin, request, **kwargs))

    return [
        path("views/", page(save_view), name="proposals_flowproposal_views"),
        path("views/<int:pk>/", page(change_view), name="proposals_flowproposal_view"),
    ]


def save_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """`POST …/views/` with `name`; `query` is the address that is shown."""
    _require(model_admin, request)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    # Read and written anew: what comes back as a link is a query and nothing else.
    query = QueryDict(request.POST.get("query", "")).urlencode()
    name = request.POST.get("name", "")

    def save() -> str:
        view = saved_view_save(actor=request.user, page=PAGE, name=name, query=query)  # type: ignore[arg-type]
        return f"This view is saved as {view.name}."

    return _answer(request, save, query)


def change_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/views/<pk>/` with `do` = rename (and `name`) or delete."""
    _require(model_admin, request)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    actor: Any = request.user
    name = request.POST.get("name", "")

    def rename() -> str:
        return f"The view is called {saved_view_rename(actor=actor, view_id=pk, name=name).name} now."

    def delete() -> str:
        return f"The view {saved_view_delete(actor=actor, view_id=pk).name} is deleted."

    act = {"rename": rename, "delete": delete}.get(request.POST.get("do", ""))
    if act is None:
        raise Http404("There is no such thing to do with a view.")
    return _answer(request, act, QueryDict(request.POST.get("query", "")).urlencode())


def _require(model_admin: Any, request: HttpRequest) -> None:
    if not model_admin.has_view_or_change_permission(request):
        raise PermissionDenied


def _answer(request: HttpRequest, act: Callable[[], str], query: str) -> HttpResponse:
    try:
        messages.success(request, act())
    except NotFound as error:
        raise Http404(f"{error.message}.") from error
    except ServiceError as error:
        messages.warning(request, f"Nothing was changed: {error.message}.")
    return HttpResponseRedirect(queue_url(query))
