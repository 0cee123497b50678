"""Logging in: a password, and a code where somebody has a second factor; and the page where they look after it."""

import time
from typing import Any

import segno
from django.contrib import messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from flowpilot.accounts.models import User
from flowpilot.accounts.twofactor import (
    TooManyTries,
    enrolment_opened,
    enrolment_sealed,
    recovery_codes_left,
    recovery_codes_renew,
    totp_secret,
    totp_uri,
    two_factor_disable,
    two_factor_enable,
    two_factor_verify,
)
from flowpilot.common.errors import ServiceError
from flowpilot.common.vault import SealBroken

# In the session: whose password was right, and the secret that an app is taking.
PENDING, ENROLLING = "log_in_pending", "two_factor_enrolling"
# Seconds from the password to the code.
PATIENCE_S = 600


class LogIn(LoginView):
    """The log-in page. After the right password of somebody with a second factor it asks for the code."""

    template_name = "admin/login.html"
    authentication_form = AdminAuthenticationForm

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if user.two_factor_at is None:
            return super().form_valid(form)
        self.request.session.cycle_key()
        self.request.session[PENDING] = {
            "user": user.pk,
            "hash": user.get_session_auth_hash(),
            "backend": user.backend,
            "next": self.get_success_url(),
            "at": time.time(),
        }
        return HttpResponseRedirect(reverse("admin:login_code"))


@sensitive_post_parameters()
@csrf_protect
@never_cache
def login_code(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """`/admin/login/code/`: the second step. Nobody is logged in before it."""
    pending = request.session.get(PENDING) or {}
    user = _pending_user(pending)
    if user is None:
        request.session.pop(PENDING, None)
        return HttpResponseRedirect(reverse("admin:login"))
    context = {**context, "title": "Your code", "wrong": False, "until": None, "email": user.email}
    if request.method != "POST":
        return render(request, "admin/login_code.html", context)
    try:
        is_right = two_factor_verify(actor=user, code=request.POST.get("code", "")[:100])
    except TooManyTries as error:
        answer = render(request, "admin/login_code.html", {**context, "until": error.until}, status=429)
        answer["Retry-After"] = str(error.seconds)
        return answer
    if not is_right:
        return render(request, "admin/login_code.html", {**context, "wrong": True})
    del request.session[PENDING]
    login(request, user, backend=pending["backend"])
    return HttpResponseRedirect(pending["next"])


@sensitive_post_parameters()
@never_cache
def two_factor_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """`/admin/two-factor/`: switch it on, renew the recovery codes, switch it off."""
    user: Any = request.user
    context = {**context, "title": "Two-factor log-in", "has_password": user.has_usable_password()}
    if request.method == "POST":
        act = {"enable": _enable, "renew": _renew, "disable": _disable}.get(request.POST.get("act", ""))
        try:
            if act is not None and (codes := act(request)) is not None:
                return render(request, "accounts/recovery_codes.html", {**context, "codes": codes})
            return HttpResponseRedirect(request.path)
        except ServiceError as error:
            context["fault"] = f"Nothing was changed: {error.message}."
    if user.two_factor_at is None:
        secret = _enrolling(request)
        context |= {"qr": _qr(totp_uri(user, secret)), "secret": " ".join(_fours(secret))}
    else:
        context["codes_left"] = recovery_codes_left(user)
    return render(request, "accounts/two_factor.html", context)


def _enable(request: HttpRequest) -> list[str]:
    user: Any = request.user
    codes = two_factor_enable(actor=user, secret=_enrolling(request), **_typed(request))
    del request.session[ENROLLING]
    update_session_auth_hash(request, user)
    return codes


def _renew(request: HttpRequest) -> list[str]:
    user: Any = request.user
    return recovery_codes_renew(actor=user, **_typed(request))


def _disable(request: HttpRequest) -> None:
    user: Any = request.user
    two_factor_disable(actor=user, **_typed(request))
    update_session_auth_hash(request, user)
    messages.success(request, "Two-factor log-in is off: your password alone opens your account.")


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "")[:200] for name in ("password", "code")}


def _pending_user(pending: dict[str, Any]) -> User | None:
    """Whose password was right a while ago and still is."""
    if not pending or not 0 <= time.time() - pending["at"] < PATIENCE_S:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True).exclude(two_factor_at=None).first()
    # A password that was changed since, or a second factor that was, begins anew.
    return user if user and constant_time_compare(pending["hash"], user.get_session_auth_hash()) else None


def _enrolling(request: HttpRequest) -> str:
    """The secret that the page shows: the same one until it is taken, so that a second tab does not spoil the first."""
    user: Any = request.user
    try:
        return enrolment_opened(user, request.session.get(ENROLLING, ""))
    except SealBroken:
        secret = totp_secret()
        request.session[ENROLLING] = enrolment_sealed(user, secret)
        return secret


def _qr(text: str) -> SafeString:
    """Dark on light in every theme: that is what cameras read."""
    drawn = segno.make(text, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308  # made of squares by segno, none of it is anybody's text


def _fours(secret: str) -> list[str]:
    return [secret[i : i + 4] for i in range(0, len(secret), 4)]
