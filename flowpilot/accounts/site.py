"""The admin site: the one place where people work, each in their own account's rows."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from flowpilot.accounts.logins import LogIn, login_code, two_factor_page
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
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("home"))
        context = {
            **self.each_context(request),
            "title": "Log in",
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **(extra_context or {}),
        }
        answer: Any = LogIn.as_view(extra_context=context)(request)
        return answer

    def get_urls(self) -> list[Any]:
        own = [
            path("login/code/", lambda request: login_code(request, self.each_context(request)), name="login_code"),
            path("two-factor/", self.admin_view(self.two_factor), name="two_factor"),
        ]
        return [*own, *super().get_urls()]

    def two_factor(self, request: HttpRequest) -> HttpResponse:
        return two_factor_page(request, self.each_context(request))

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
