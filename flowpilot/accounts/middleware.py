"""Times are shown in the time zone of the viewer's account."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from flowpilot.accounts.models import User


class ViewerTimeZone:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        memberships = user.active_memberships if isinstance(user, User) else []
        zone = zoneinfo.ZoneInfo(memberships[0].account.time_zone) if memberships else None
        with timezone.override(zone):
            return self.get_response(request)
