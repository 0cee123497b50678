"""Every page is walled in by its headers, and keeps to them: nothing inline, nothing from elsewhere."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from flowpilot.accounts.models import User
from flowpilot.common.tenancy import permission_name
from tests.browser.conftest import OpenPage
from tests.conftest import Cast

WANTED = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
REFUSED = ("camera=()", "microphone=()", "geolocation=()", "payment=()", "usb=()")


class Inline(HTMLParser):
    """Collects what a strict policy would refuse: inline scripts and styles, and handlers in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        data = given.get("type") in ("application/json", "text/template")
        if tag == "style" or (tag == "script" and "src" not in given and not data):
            self.found.append(f"<{tag}>")
        self.found += [name for name in given if name == "style" or name.startswith("on")]
        self.found += [f"{n}={v}" for n, v in attrs if (v or "").strip().lower().startswith("javascript:")]
        self.found += [f"{tag} of {v}" for n, v in attrs if n in ("src", "srcset") and "//" in (v or "")]


def faults(response: Any) -> list[str]:
    parser = Inline()
    parser.feed(response.content.decode())
    found = [*parser.found, *(name for name, value in WANTED.items() if response.get(name) != value)]
    found += [one for one in REFUSED if one not in response.get("Permissions-Policy", "")]
    policy = response.get("Content-Security-Policy", "")
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";") if rule.strip()}
    if rules.get("default-src") != ["'self'"] or "unsafe" in policy or "script-src" in rules or "style-src" in rules:
        found.append(f"policy: {policy}")
    return found


def test_every_page(cast: Cast, pages: dict[str, str]) -> None:
    client = Client()
    client.force_login(cast.olivia)
    answers = {name: client.get(path) for name, path in pages.items()}
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 200} == {}
    assert {name: wrong for name, answer in answers.items() if (wrong := faults(answer))} == {}


@pytest.mark.parametrize("address", ["/admin/login/", "/admin/nothing/", "/api/v1/docs/", "/healthz"])
def test_pages_for_strangers_and_of_errors(client: Client, db: None, address: str) -> None:
    assert faults(client.get(address, follow=True)) == []


def test_what_is_inline_would_be_found() -> None:
    parser = Inline()
    parser.feed(
        '<p style="x" onclick="y"><script>z</script><style>a</style><a href="javascript:b">c</a><img src="//d">'
    )
    assert len(parser.found) == 6


def forms(user: User) -> list[str]:
    """The admin's own add and change pages that the user may open, of the first row of every kind."""
    found = []
    request = RequestFactory().get("/")
    request.user = user
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        if user.has_perm(permission_name(model, "add")):
            found.append(reverse(f"{name}_add"))
        row = model_admin.get_queryset(request).order_by("pk").first()
        if row is not None:
            found.append(reverse(f"{name}_change", args=[row.pk]))
    return found


def test_the_headers_of_admin_forms(cast: Cast, pages: dict[str, str]) -> None:
    client = Client()
    client.force_login(cast.root)
    addresses = [path for path in forms(cast.root) if client.get(path).status_code == 200]
    assert len(addresses) > 20
    assert {path: wrong for path in addresses if (wrong := faults(client.get(path)))} == {}


@pytest.mark.browser
def test_admin_forms_keep_to_the_policy(open_page: OpenPage, cast: Cast, pages: dict[str, str]) -> None:
    """Django's own scripts and styles, too: `open_page` fails on whatever the browser refuses."""
    page = open_page("/admin/", user=cast.root, refused=403)
    for path in forms(cast.root):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status in (200, 403), path
