"""What the account of whoever is logged in asks for: its time zone, and a second factor."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.problems import MEDIA_TYPE, problem


class ViewerTimeZone:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        memberships = user.active_memberships if isinstance(user, User) else []
        zone = zoneinfo.ZoneInfo(memberships[0].account.time_zone) if memberships else None
        with timezone.override(zone):
            return self.get_response(request)


class TwoFactorWall:
    """Where an account wants its admins to have a second factor, one without it comes to the page for it and no other.

    API keys are not asked: they are no log-ins.
    """

    OPEN = ("admin:two_factor", "admin:logout", "admin:password_change", "admin:password_change_done", "admin:jsi18n")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not user.lacks_two_factor or self._is_open(request.path):
            return self.get_response(request)
        if request.path.startswith("/api/"):
            said = "your account wants its admins to use two-factor log-in: set it up in the browser first"
            return JsonResponse(problem(403, "two_factor_needed", said), status=403, content_type=MEDIA_TYPE)
        return HttpResponseRedirect(reverse("admin:two_factor"))

    def _is_open(self, path: str) -> bool:
        return path in {reverse(name) for name in self.OPEN}
