"""Locked log-ins: too many wrong passwords for one email from one address close both to each other for a while.

django-axes counts (its table, so every web process knows); this says who is asking, what the locked-out see, and how a
lock is lifted. The settings are below `AXES_` in `flowpilot.settings`.
"""

import ipaddress
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from flowpilot.accounts.models import Membership, TotpDevice, User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import NotAllowed


def client_address(request: HttpRequest) -> str | None:
    """The address of whoever asks: the connection's, or the one that the outermost trusted proxy saw.

    Each proxy appends to `X-Forwarded-For` whom it saw; what stands left of the `TRUSTED_PROXIES` last ones the caller
    may have made up. None behind a unix socket without a proxy's word.
    """
    peer = request.META.get("REMOTE_ADDR") or None
    if not settings.TRUSTED_PROXIES:
        return peer
    seen = [one.strip() for one in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if len(seen) < settings.TRUSTED_PROXIES:
        return peer
    try:
        return str(ipaddress.ip_address(seen[-settings.TRUSTED_PROXIES]))
    except ValueError:
        return peer


def login_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
    """The email that somebody tries, as users carry it: in lower case, so that no spelling is counted apart."""
    given = (credentials or {}).get("username") or request.POST.get("username")
    return str(given).strip().lower().replace("\0", "")[:255] if given else None


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None = None) -> HttpResponse:
    """429, with the time from which the next try counts."""
    attempts = AccessAttempt.objects.filter(
        username=login_name(request, credentials), ip_address=client_address(request)
    )
    last = attempts.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    until = last + settings.AXES_COOLOFF_TIME
    page = render(request, "admin/locked_out.html", {"until": until}, status=429)
    page["Retry-After"] = str(max(1, round((until - timezone.now()).total_seconds())))
    return page


@transaction.atomic
def login_lock_lift(*, actor: User, user: User) -> bool:
    """Forget a member's wrong passwords and codes; whether there were any. Raises NotAllowed."""
    memberships = log_in_memberships(actor, user)
    forgotten, _ = AccessAttempt.objects.filter(username=user.email).delete()
    forgotten += (
        TotpDevice.objects.filter(user=user)
        .exclude(failures=0, blocked_until=None)
        .update(failures=0, blocked_until=None)
    )
    if forgotten:
        for membership in memberships:
            audit_record(actor=actor, action="login_lock.lifted", target=membership)
    return bool(forgotten)


def log_in_memberships(actor: User, user: User) -> list[Membership]:
    """All of somebody's memberships, if `actor` may mend their log-in.

    That takes an owner of every account where they are a member, for an owner can make anybody a member of their own;
    and the platform's people are mended by the platform alone. Raises NotAllowed.
    """
    memberships = list(Membership.objects.filter(user=user).select_related("account", "user", "team"))
    owns_all = all(actor.has_perm("accounts.change_membership", membership) for membership in memberships)
    if not actor.is_superuser and (user.is_superuser or not memberships or not owns_all):
        raise NotAllowed("only an owner of all accounts where this person is a member may do this")
    return memberships
