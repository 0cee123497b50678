"""What all of the technician's views share: the admin's frame, the session that is theirs to work."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from sessions.models import AISession, Handover
from sessions.runner.lock import CHANGE
from sessions.runner.start import ADD

VIEW = "ai_sessions.view_aisession"
View = Callable[..., HttpResponse]


def at_work(view: View) -> View:
    """A page of the admin site's frame for whoever may add sessions somewhere."""
    return _in_site(view, ADD)


def to_read(view: View) -> View:
    """The same for whoever may read sessions somewhere."""
    return _in_site(view, VIEW)


def _in_site(view: View, permission: str) -> View:
    @functools.wraps(view)
    def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        def inside(inner: HttpRequest) -> HttpResponse:
            if not inner.user.has_perm(permission):
                raise PermissionDenied
            return view(inner, **kwargs)

        return admin.site.admin_view(inside)(request)

    return page


def frame(request: HttpRequest, title: str, **context: Any) -> dict[str, Any]:
    return {**admin.site.each_context(request), "title": title, **context}


def own_session(request: HttpRequest, pk: int) -> AISession:
    """The session, if the viewer may work it, or take it up; 404 for one that is not theirs to see."""
    # Only what every page of a session shows: this is read at every step. Examples are large, and
    # wanted only where a typed answer is read.
    rows = AISession.objects.filter(pk=pk).select_related("flow", "flow_version", "client")
    rows = rows.defer("flow_version__examples")
    session = rows.for_user(request.user).first()
    if session is None:
        session = rows.filter(pk__in=Handover.objects.waiting_for(request.user).values("session")).first()
        if session is None:
            raise Http404("There is no such session.")
    elif not request.user.has_perm(CHANGE, session):
        raise PermissionDenied
    return session


def run_url(pk: int) -> str:
    return reverse("work:run", args=[pk])
