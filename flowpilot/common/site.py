"""The admin site: the one place where people work, each in their own account's rows."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from flowpilot.common.errors import ServiceError


class FlowPilotAdminSite(AdminSite):
    site_header = "FlowPilot"
    site_title = "FlowPilot"
    index_title = "Set-up"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Every active member may enter; what they find is decided by role."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Without a page that was asked for, a log-in leads to the role's own first place."""
        context = {REDIRECT_FIELD_NAME: reverse("home")} if not request.GET.get(REDIRECT_FIELD_NAME) else {}
        return super().login(request, {**context, **(extra_context or {})})

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page whose service refuses comes back with the refusal as a sentence."""
        return super().admin_view(_telling_refusals(view), cacheable)


def _telling_refusals(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @functools.wraps(view)
    def told(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ServiceError as error:
            if request.method != "POST":
                raise
            messages.error(request, f"Nothing was changed: {error.message}.")
            return HttpResponseRedirect(request.get_full_path())

    return told
