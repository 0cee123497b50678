"""The tenant matrix of the dashboards and the API, and what a team limits."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.rows.registry import SOURCES
from flowpilot.accounts.models import User
from tests.common.rows import other_team_rows
from tests.common.tenants import (
    ABSENT,
    ADMIN,
    API_OF_LIST,
    API_OF_ROW,
    DASHBOARDS,
    DASHBOARDS_OF_ROW,
    EVERYONE,
    FIGURES,
    FOREIGN,
    GAP,
    GAPS,
    HOME,
    OTHER_TEAM,
    READERS,
    REVIEWERS,
    SCRIPTS,
    Walk,
    World,
)


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_dashboards(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    addresses = [(reverse(name), allowed) for name, allowed in DASHBOARDS.items()]
    addresses += [(reverse("analytics:rows", args=[kind, fact]), allowed) for kind, (allowed, fact) in FIGURES.items()]
    assert set(FIGURES) == set(SOURCES)
    for url, allowed in addresses:
        walk.get(url, 200 if name in allowed else 403)
        for field, row in (("team", "accounts_team"), ("client", "ai_sessions_client")):
            wanted = 200 if name == "root" else 400
            walk.get(f"{url}?{field}={world.foreign.pk(row)}", wanted if name in allowed else 403)
            walk.get(f"{url}?{field}={ABSENT}", 400 if name in allowed else 403)
    for address, (allowed, row, more) in DASHBOARDS_OF_ROW.items():
        may = name in allowed
        walk.get(reverse(address, args=[world.home.pk(row), *more]), 200 if may else 403)
        foreign = 200 if name == "root" else 404
        walk.get(reverse(address, args=[world.foreign.pk(row), *more]), foreign if may else 403)
        walk.get(reverse(address, args=[ABSENT, *more]), 404 if may else 403)
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_gaps(world: World, login: Any, api: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    row = "analytics_knowledgegap"
    for address, allowed in GAPS.items():
        walk.get(reverse(address), 200 if name in allowed else 403)
    for address, (allowed, answer) in GAP.items():
        may = name in allowed
        walk.get(reverse(address, args=[world.home.pk(row)]), answer if may or answer == 405 else 403)
        if answer != 405:
            walk.get(reverse(address, args=[world.foreign.pk(row)]), (200 if name == "root" else 404) if may else 403)
            walk.get(reverse(address, args=[ABSENT]), 404 if may else 403)
        for pk in (world.foreign.pk(row), ABSENT):
            if name != "root":
                sees = name in READERS
                status = walk.client.post(reverse(address, args=[pk]), {"revision": 1, "state": "working"}).status_code
                assert status == (404 if sees else 403), f"{address} {pk}: {status}"
    patch = api(world.people[name]).patch
    url = reverse("api:gap-detail", args=[world.foreign.pk(row)])
    if name != "root":
        assert patch(url, {"revision": 1, "notes": "mine"}).status_code == (404 if name in REVIEWERS else 403)
        sessions = walk.get(f"{reverse('admin:ai_sessions_aisession_changelist')}?gap={world.foreign.pk(row)}", 200)
        assert sessions.context["cl"].result_count == 0
    own = patch(reverse("api:gap-detail", args=[world.home.pk(row)]), {"revision": 1, "notes": "mine"})
    assert own.status_code == (200 if name in REVIEWERS else 403)
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_scripts_of_a_session(world: World, login: Any, name: str) -> None:
    """The own session with an own, a foreign and an absent row; a foreign and an absent session."""
    walk = Walk(login(world.people[name]), name, [])
    own, foreign = world.home.pk("ai_sessions_aisession"), world.foreign.pk("ai_sessions_aisession")
    for address, (allowed, row) in SCRIPTS.items():
        may = name in allowed
        extra = [] if row is None else [world.home.pk(row)]
        walk.get(reverse(address, args=[own, *extra]), 200 if may else 403)
        walk.get(reverse(address, args=[ABSENT, *extra]), 404)
        if row is None:
            walk.get(reverse(address, args=[foreign]), 200 if name == "root" else 404)
            walk.get(f"{reverse(address, args=[own])}?q={FOREIGN[:4]}", 200)
            continue
        for pk in (world.foreign.pk(row), ABSENT):
            walk.get(reverse(address, args=[own, pk]), 404 if may else 403)
        walk.get(reverse(address, args=[foreign, world.foreign.pk(row)]), 200 if name == "root" else 404)
        if name != "root":
            walk.post(reverse(address, args=[foreign, world.foreign.pk(row)]), {"do": "generate"}, 404)
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_api(world: World, api: Any, name: str) -> None:
    walk = Walk(api(world.people[name]), name, [])
    for page, allowed in API_OF_LIST.items():
        walk.get(reverse(f"api:{page}"), 200 if name in allowed else 403)
    for page, (allowed, row, answer) in API_OF_ROW.items():
        # What a read answers is 200; a decision without a word in it is refused.
        call = walk.get if answer == 200 else lambda url, expected: walk.post(url, {}, expected)
        may = name in allowed
        call(reverse(f"api:{page}", args=[world.home.pk(row)]), answer if may else 403)
        foreign = answer if name == "root" else 404
        call(reverse(f"api:{page}", args=[world.foreign.pk(row)]), foreign if may else 403)
        call(reverse(f"api:{page}", args=[ABSENT]), 404 if may else 403)
    for field, row in (("team", "accounts_team"), ("client", "ai_sessions_client")):
        url = f"{reverse('api:metrics-summary')}?{field}={world.foreign.pk(row)}"
        walk.get(url, (200 if name == "root" else 400) if name in READERS else 403)
    for pk in (world.foreign.pk("flows_flow"), ABSENT):
        url = f"{reverse('api:proposal-list')}?target_flow={pk}"
        walk.get(url, (200 if name == "root" and pk != ABSENT else 400) if name in READERS else 403)
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE - {"root"}))
def test_api_lists_hold_own_rows_only(world: World, api: Any, name: str) -> None:
    client = api(world.people[name])
    for page, row in (
        ("session", "ai_sessions_aisession"),
        ("flow", "flows_flow"),
        ("proposal", "proposals_flowproposal"),
        ("gap", "analytics_knowledgegap"),
    ):
        if name not in API_OF_LIST[f"{page}-list"]:
            continue
        ids = [item["id"] for item in client.get(reverse(f"api:{page}-list")).json()["results"]]
        assert ids == [world.home.pk(row)]


def test_sessions_cannot_be_sent_to_a_foreign_account(world: World, api: Any) -> None:
    url = f"{reverse('api:session-list')}?account={FOREIGN.lower()}"
    response = api(world.people["alice"]).post(url, [])
    absent = api(world.people["alice"]).post(f"{reverse('api:session-list')}?account=no-such-account", [])
    assert (response.status_code, absent.status_code) == (404, 404)
    assert response.json()["code"] == absent.json()["code"] == "not_found"


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_home_is_a_place_that_the_role_may_open(world: World, login: Any, name: str) -> None:
    response = login(world.people[name]).get(reverse("home"), follow=True)
    assert response.status_code == 200
    assert response.redirect_chain


def test_nobody_without_a_log_in(world: World, api: Any, client: Client) -> None:
    for page in API_OF_LIST:
        assert api(None).get(reverse(f"api:{page}")).status_code == 401, page
    for page, (_, row, _) in API_OF_ROW.items():
        url = reverse(f"api:{page}", args=[world.home.pk(row)])
        response = api(None).get(url) if page.endswith("detail") else api(None).post(url, {})
        assert response.status_code == 401, page
    for model in ADMIN:
        for url in (
            reverse(f"admin:{model}_changelist"),
            reverse(f"admin:{model}_change", args=[world.home.pk(model)]),
        ):
            assert re.match(r"/admin/login/\?next=", client.get(url)["Location"]), url
    assert client.get(reverse("analytics:overview")).status_code == 302
    stranger = User.objects.create_user("stranger@nowhere.test", "a long enough phrase")
    assert api(stranger).get(reverse("api:session-list")).status_code == 403


def test_a_member_of_one_team_sees_that_team_only(world: World, login: Any, api: Any) -> None:
    proposal = other_team_rows(world.cast.account, OTHER_TEAM, world.cast.olivia)
    session = proposal.source_session
    assert session is not None
    tess, alice = world.people["tess"], world.people["alice"]
    pages = [
        *(reverse(f"admin:{m}_changelist") for m, p in ADMIN.items() if "tess" in p.see),
        *(reverse(name) for name in (*DASHBOARDS, *GAPS)),
        *(reverse("analytics:rows", args=[kind, fact]) for kind, (_, fact) in FIGURES.items()),
    ]
    shown_to_alice = 0
    for page in pages:
        assert OTHER_TEAM not in login(tess).get(page).content.decode(), page
        shown_to_alice += OTHER_TEAM in login(alice).get(page).content.decode()
    assert shown_to_alice >= 5, "the word shows where the whole account is seen, so its absence means something"
    for address, pk in (("ai_sessions_aisession", session.pk), ("proposals_flowproposal", proposal.pk)):
        assert login(tess).get(reverse(f"admin:{address}_change", args=[pk])).status_code == 404
    for address, pk in (("session", session.pk), ("proposal", proposal.pk)):
        assert api(tess).get(reverse(f"api:{address}-detail", args=[pk])).status_code == 404
        assert OTHER_TEAM not in api(tess).get(reverse(f"api:{address}-list")).content.decode()
    assert api(tess).post(reverse("api:proposal-dismiss", args=[proposal.pk]), {"revision": 1}).status_code == 404


def test_a_superuser_sees_every_account(world: World, login: Any, api: Any) -> None:
    root = world.people["root"]
    for model in ADMIN.keys() - {"proposals_analysisrun"}:
        text = login(root).get(reverse(f"admin:{model}_changelist")).content.decode().lower()
        assert FOREIGN.lower() in text, model
        assert HOME.lower() in text, model
    assert len(api(root).get(reverse("api:session-list")).json()["results"]) == 2
