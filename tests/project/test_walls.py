"""Production settings: Django finds nothing to complain of, and HTTPS brings what goes with it."""

import os
import secrets
from typing import Any

import pytest

from flowpilot.common.checks import trusted_proxies
from tests.processes import PYTHON, run

PRODUCTION = {"HTTPS": "true", "ALLOWED_HOSTS": "flowpilot.example", "DEBUG": "false", "TRUSTED_PROXIES": "1"}
ASK = """
import django; django.setup()
from django.conf import settings
from django.test import Client
plain = Client().get("/healthz", headers={"host": "flowpilot.example"})
print(plain.status_code, plain["Location"])
secure = Client().get("/healthz", headers={"host": "flowpilot.example", "x-forwarded-proto": "https"})
print(secure.status_code, secure["Strict-Transport-Security"])
print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY)
print(settings.SESSION_COOKIE_SAMESITE, settings.CSRF_COOKIE_SAMESITE)
print(Client().get("/healthz", headers={"host": "evil.example", "x-forwarded-proto": "https"}).status_code)
"""


def production() -> dict[str, str]:
    own = {"SECRET_KEY": secrets.token_urlsafe(50), "DJANGO_SETTINGS_MODULE": "flowpilot.settings"}
    return {**os.environ, **PRODUCTION, **own}


def test_the_deployment_check_is_clean() -> None:
    done = run(PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING", env=production())
    assert (done.returncode, done.stdout.strip()) == (0, "System check identified no issues (0 silenced)."), done.stderr


def test_the_deployment_check_would_complain_without_https() -> None:
    done = run(PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING", env=production() | {"HTTPS": "no"})
    assert done.returncode == 1
    assert "security.W004" in done.stderr


@pytest.mark.parametrize(("https", "proxies", "found"), [(True, 0, ["common.W001"]), (True, 1, []), (False, 0, [])])
def test_a_proxy_that_nobody_counts_is_told(settings: Any, https: bool, proxies: int, found: list[str]) -> None:
    settings.HTTPS, settings.TRUSTED_PROXIES = https, proxies
    assert [warning.id for warning in trusted_proxies(None)] == found


def test_https_brings_a_redirect_hsts_and_secure_cookies() -> None:
    done = run(PYTHON, "-c", ASK, env=production())
    assert done.stdout.splitlines() == [
        "301 https://flowpilot.example/healthz",
        "200 max-age=31536000; includeSubDomains; preload",
        "True True True",
        "Lax Lax",
        "400",
    ], done.stderr
