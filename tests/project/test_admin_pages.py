"""Entering the admin site, and what its first page offers to each role."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import Membership, User
from proposals.models import AnalysisRun
from tests.conftest import Cast
from tests.factories import PASSWORD


def log_in(email: str, password: str = PASSWORD) -> Any:
    return Client().post("/admin/login/?next=/admin/", {"username": email, "password": password})


def test_members_log_in_by_email_in_any_case(cast: Cast) -> None:
    assert log_in("Alice@Northwind.TEST")["Location"] == "/admin/"


def test_who_may_not_enter(cast: Cast) -> None:
    User.objects.create_user("stranger@nowhere.test", PASSWORD)
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    for email, password in (
        ("stranger@nowhere.test", PASSWORD),
        ("bob@northwind.test", PASSWORD),
        ("alice@northwind.test", "wrong"),
        ("nobody@northwind.test", PASSWORD),
    ):
        response = log_in(email, password)
        assert response.status_code == 200, email
        assert "Please enter the correct email" in response.content.decode(), email


def test_the_user_of_an_api_key_has_no_password(cast: Cast) -> None:
    key, text = api_key_create(actor=cast.olivia, account=cast.account, name="Bridge")
    for password in (text, text.rpartition("_")[2], ""):
        assert log_in(key.membership.user.email, password).status_code == 200


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("bob", {"Account", "Team", "AISession", "Client", "Flow", "ScriptTemplate", "GeneratedScript", "IngestJob"}),
        (
            "carol",
            {
                *("Account", "Team", "AISession", "Client", "Flow", "ScriptTemplate", "GeneratedScript"),
                *("FlowProposal", "AnalysisRun", "SessionAnalysis", "PsaPush"),
            },
        ),
    ],
)
def test_the_first_page_offers_what_the_role_may_see(cast: Cast, login: Any, name: str, offered: set[str]) -> None:
    response = login(getattr(cast, name)).get("/admin/")
    assert response.status_code == 200
    assert {m["object_name"] for app in response.context["app_list"] for m in app["models"]} == offered


def test_groups_would_grant_nothing_and_have_no_page(cast: Cast, login: Any) -> None:
    with pytest.raises(NoReverseMatch):
        reverse("admin:auth_group_changelist")


def test_losing_the_membership_ends_the_visit(cast: Cast, login: Any) -> None:
    browser = login(cast.bob)
    assert browser.get("/admin/").status_code == 200
    Membership.objects.filter(user=cast.bob).delete()
    assert browser.get("/admin/").status_code == 302
    assert browser.get("/api/v1/sessions/").status_code == 403


@pytest.mark.parametrize("address", ["/admin/", "/admin/analytics/", "/admin/ai_sessions/aisession/", "/api/v1/docs/"])
def test_pages_carry_a_strict_content_security_policy(cast: Cast, login: Any, address: str) -> None:
    policy = login(cast.alice).get(address)["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_root_address_leads_into_the_admin(client: Client) -> None:
    assert client.get("/")["Location"].startswith("/admin/")


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("proposals_flowproposal", "Review queue"),
        ("proposals_analysisrun", "Analysis"),
        ("ai_sessions_aisession", "Sessions"),
        ("accounts_apikey", "API keys"),
    ],
)
def test_a_tab_is_called_by_its_page(cast: Cast, login: Any, address: str, title: str) -> None:
    page = login(cast.olivia).get(reverse(f"admin:{address}_changelist")).content.decode()
    assert f"<title>{title} | FlowPilot</title>" in page


def test_a_run_is_called_by_the_time_of_its_account(cast: Cast, login: Any) -> None:
    cast.account.time_zone = "Europe/Berlin"
    cast.account.save()
    run = AnalysisRun.objects.create(account=cast.account, lease_token=1, status="done", sessions_failed=2)
    AnalysisRun.objects.filter(pk=run.pk).update(
        started_at=datetime(2026, 7, 1, 23, 30, tzinfo=UTC), finished_at=datetime(2026, 7, 1, 23, 31, tzinfo=UTC)
    )
    browser = login(cast.olivia)
    one = browser.get(reverse("admin:proposals_analysisrun_change", args=[run.pk])).content.decode()
    assert "Analysis of 2 Jul 2026, 01:30" in one
    listed = browser.get(reverse("admin:proposals_analysisrun_changelist")).content.decode()
    assert "2 failed" in listed
    assert "60 s" in listed
