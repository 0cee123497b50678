"""The tenant matrix of the dashboards and the API, and what a team limits."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from analytics.rows.registry import SOURCES
from flowpilot.accounts.models import Team, User
from tests.common.conftest import rolled_back
from tests.common.operations import (
    DELIVERY,
    FLOW,
    GAP,
    NO_CHOICE_OF_ROWS,
    OPERATIONS,
    PLAIN_NUMBERS,
    PROPOSAL,
    PUSH,
    ROW_PARAMETERS,
    SESSION,
    TEMPLATE,
    WEBHOOK,
    address_of,
)
from tests.common.rows import Rows
from tests.common.tenants import (
    ABSENT,
    ABSENT_WORD,
    ADMIN,
    DASHBOARDS,
    DASHBOARDS_OF_ROW,
    EVERYONE,
    FIGURES,
    FOREIGN,
    GAP_PAGES,
    GAPS,
    HOME,
    OF_ONE_TEAM,
    OTHER_TEAM,
    READERS,
    REVIEWERS,
    SCRIPTS,
    Walk,
    World,
    open_address,
    told,
)


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_dashboards(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    addresses = [(reverse(name), allowed) for name, allowed in DASHBOARDS.items()]
    addresses += [(reverse("analytics:rows", args=[kind, fact]), allowed) for kind, (allowed, fact) in FIGURES.items()]
    assert set(FIGURES) == set(SOURCES)
    for url, allowed in addresses:
        walk.get(url, 200 if name in allowed else 403)
        hidden = {field: world.foreign.pk(ROW_PARAMETERS[field]) for field in ("team", "client", "flow")}
        asked = f"{url}?{urlencode(hidden)}", f"{url}?{urlencode(dict.fromkeys(hidden, ABSENT))}"
        if name == "root":
            walk.get(asked[0], 200)
        else:
            walk.alike_urls(asked, 400 if name in READERS else 403, [*hidden.values(), ABSENT])
        if name in OF_ONE_TEAM:
            # The account's other team is counted by those who see it only.
            other = Team.objects.get(account=world.cast.account, name__contains=OTHER_TEAM).pk
            walk.alike(f"{url}?team={{}}", other, ABSENT, 400)
    for address, (allowed, row, more) in DASHBOARDS_OF_ROW.items():
        may = name in allowed
        walk.get(reverse(address, args=[world.home.pk(row), *more]), 200 if may else 403)
        if name == "root":
            walk.get(reverse(address, args=[world.foreign.pk(row), *more]), 200)
        else:
            walk.alike(open_address(address, *more), world.foreign.pk(row), ABSENT, 404 if may else 403)
    assert walk.wrong == [], "\n".join(walk.wrong)


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_gaps(world: World, login: Any, api: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    row = "analytics_knowledgegap"
    for address, allowed in GAPS.items():
        walk.get(reverse(address), 200 if name in allowed else 403)
    for address, (allowed, answer) in GAP_PAGES.items():
        may = name in allowed
        walk.get(reverse(address, args=[world.home.pk(row)]), answer if may or answer == 405 else 403)
        if name == "root":
            walk.get(reverse(address, args=[world.foreign.pk(row)]), answer)
            continue
        for rows in (world.foreign, *([world.elsewhere] if name in OF_ONE_TEAM else [])):
            if answer != 405:
                walk.alike(open_address(address), rows.pk(row), ABSENT, 404 if may else 403)
            change = {"revision": 1, "state": "working"}
            walk.alike(open_address(address), rows.pk(row), ABSENT, 404 if name in READERS else 403, data=change)
    patch = api(world.people[name]).patch
    url = reverse("api:gap-detail", args=[world.foreign.pk(row)])
    if name != "root":
        assert patch(url, {"revision": 1, "notes": "mine"}).status_code == (404 if name in REVIEWERS else 403)
        sessions = walk.get(f"{reverse('admin:ai_sessions_aisession_changelist')}?gap={world.foreign.pk(row)}", 200)
        assert sessions.context["cl"].result_count == 0
    own = patch(reverse("api:gap-detail", args=[world.home.pk(row)]), {"revision": 1, "notes": "mine"})
    assert own.status_code == (200 if name in REVIEWERS else 403)
    assert walk.wrong == [], "\n".join(walk.wrong)


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
        of_own = reverse(address, args=[own, ABSENT]).replace(str(ABSENT), "{}")
        walk.alike(of_own, world.foreign.pk(row), ABSENT, 404 if may else 403)
        if name == "root":
            walk.get(reverse(address, args=[foreign, world.foreign.pk(row)]), 200)
            continue
        of_session = open_address(address, world.foreign.pk(row))
        for session in (foreign, *([world.elsewhere.pk(SESSION)] if name in OF_ONE_TEAM else [])):
            walk.alike(of_session, session, ABSENT, 404)
            walk.alike(of_session, session, ABSENT, 404, data={"do": "generate"})
    assert walk.wrong == [], "\n".join(walk.wrong)


def test_every_operation_is_in_the_table(schema: Any) -> None:
    found = {
        f"{method.upper()} {path.removeprefix('/api/v1/')}" for path, ones in schema["paths"].items() for method in ones
    }
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("name", [*sorted(EVERYONE), "key"])
def test_api(world: World, callers: Any, name: str) -> None:
    """Each operation with the own row; with a foreign one, or another team's, it is as with one that never was."""
    walk = Walk(callers(name), name, [])
    tried = 0
    for key, operation in OPERATIONS.items():
        # A key is of a service.
        may = ("sam" if name == "key" else name) in operation.may
        answer = (name == "root" and operation.root) or operation.answer
        call(walk, key, world.home.pk(operation.row) if operation.row else "", answer if may else 403)
        if not operation.row:
            continue
        absent = 404 if may else 403
        if name == "root":
            call(walk, key, ABSENT, absent)
            call(walk, key, world.foreign.pk(operation.row), operation.answer)
            continue
        for rows in (world.foreign, *([world.elsewhere] if name in OF_ONE_TEAM else [])):
            if operation.row in rows.by_name:
                answers = [
                    told(call(walk, key, pk, absent), rows.pk(operation.row), ABSENT)
                    for pk in (rows.pk(operation.row), ABSENT)
                ]
                tried += 1
                if answers[0] != answers[1]:
                    walk.wrong.append(f"{key} tells {rows.word}: {answers}")
    assert walk.wrong == [], "\n".join(walk.wrong)
    assert tried >= 10 or name == "root"


def call(walk: Walk, key: str, pk: Any, expected: int) -> Any:
    """One operation, which leaves nothing behind."""
    method, url = key.partition(" ")[0], address_of(key, pk)
    with rolled_back():
        response = getattr(walk.client, method.lower())(url, OPERATIONS[key].body, format="json")
    return walk._check(method, url, response, expected, walk.name == "root")


@pytest.mark.parametrize("name", ["alice", "tess"])
def test_a_filter_by_something_foreign_tells_nothing(world: World, callers: Any, schema: Any, name: str) -> None:
    """Every parameter of every query, with what another account, or another team, has and with what nobody has."""
    walk = Walk(callers(name), name, [])
    hidden = {FOREIGN: world.foreign, **({OTHER_TEAM: world.elsewhere} if name in OF_ONE_TEAM else {})}
    tried = 0
    for key in (one for one in OPERATIONS if one.startswith("GET ")):
        path = f"/api/v1/{key.removeprefix('GET ')}"
        parameters = [p for p in schema["paths"][path]["get"].get("parameters", []) if p["in"] == "query"]
        row = OPERATIONS[key].row
        url = address_of(key, world.home.pk(row) if row else "")
        for parameter in parameters:
            for word, rows in hidden.items():
                for foreign, absent in values(parameter, word, rows):
                    walk.alike(f"{url}?{parameter['name']}={{}}", foreign, absent, None, echoes=True)
                    tried += 1
    assert walk.wrong == [], "\n".join(walk.wrong)
    assert tried > 50


def values(parameter: Any, word: str, rows: Rows) -> list[tuple[Any, Any]]:
    """What is hidden and what never was, for a parameter: a row's number where it is one, else words."""
    name, kind = parameter["name"], parameter["schema"]
    if "enum" in kind or kind.get("format") in {"date", "date-time"} or name in NO_CHOICE_OF_ROWS:
        return []
    if kind.get("type") in {"integer", "number"}:
        assert name in ROW_PARAMETERS or name in PLAIN_NUMBERS, f"say in tests/common/operations.py what {name} names"
        row = ROW_PARAMETERS.get(name, "")
        return [(rows.pk(row), ABSENT)] if row in rows.by_name else []
    absent = ABSENT_WORD if len(word) == len(ABSENT_WORD) else ABSENT_WORD * 2
    exact = {"client": f"{word} client", "technician": f"{word}@{word}.test", "owner": f"{word}@{word}.test"}
    texts = {word, exact.get(name, word), f"{word} team" if name == "team" else word}
    return [(text, text.replace(word, absent[: len(word)])) for text in sorted(texts)]


@pytest.mark.parametrize("name", sorted(EVERYONE - {"root"}))
def test_api_lists_hold_own_rows_only(world: World, callers: Any, name: str) -> None:
    lists = {
        "sessions": SESSION, "flows": FLOW, "proposals": PROPOSAL, "gaps": GAP, "script-templates": TEMPLATE,
        "psa-pushes": PUSH, "webhooks": WEBHOOK, "webhook-deliveries": DELIVERY,
    }  # fmt: skip
    for page, row in lists.items():
        if name not in OPERATIONS[f"GET {page}/"].may:
            continue
        ids = {item["id"] for item in callers(name).get(f"/api/v1/{page}/").json()["results"]}
        expected = {world.home.pk(row)}
        # Templates are of no team.
        if row == TEMPLATE or (name not in OF_ONE_TEAM and row in world.elsewhere.by_name):
            model = type(world.home.by_name[row])
            expected = set(model._default_manager.filter(account=world.cast.account).values_list("pk", flat=True))
        assert ids == expected, page


def test_sessions_cannot_be_sent_to_a_foreign_account(world: World, api: Any) -> None:
    walk = Walk(api(world.people["alice"]), "alice", [])
    walk.alike("/api/v1/sessions/?account={}", FOREIGN.lower(), "no-such-account", 404, data=[], echoes=True)
    assert walk.wrong == [], "\n".join(walk.wrong)


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_home_is_a_place_that_the_role_may_open(world: World, login: Any, name: str) -> None:
    response = login(world.people[name]).get(reverse("home"), follow=True)
    assert response.status_code == 200
    assert response.redirect_chain


def test_nobody_without_a_log_in(world: World, callers: Any, api: Any, client: Client) -> None:
    nobody = Walk(callers("nobody"), "nobody", [])
    for key, operation in OPERATIONS.items():
        call(nobody, key, world.home.pk(operation.row) if operation.row else "", 401)
    assert nobody.wrong == []
    for model in ADMIN:
        for url in (
            reverse(f"admin:{model}_changelist"),
            reverse(f"admin:{model}_change", args=[world.home.pk(model)]),
        ):
            assert re.match(r"/admin/login/\?next=", client.get(url)["Location"]), url
    assert client.get(reverse("analytics:overview")).status_code == 302
    stranger = User.objects.create_user("stranger@nowhere.test", "a long enough phrase")
    assert api(stranger).get("/api/v1/sessions/").status_code == 403


def test_a_member_of_one_team_sees_that_team_only(world: World, login: Any, callers: Any) -> None:
    alice = login(world.people["alice"])
    pages = [
        *(reverse(f"admin:{m}_changelist") for m, p in ADMIN.items() if "ted" in p.see),
        *(reverse(name) for name in (*DASHBOARDS, *GAPS)),
        *(reverse("analytics:rows", args=[kind, fact]) for kind, (_, fact) in FIGURES.items()),
    ]
    shown_to_alice = sum(OTHER_TEAM in alice.get(page).content.decode() for page in pages)
    assert shown_to_alice >= 5, "the word shows where the whole account is seen, so its absence means something"
    for name in OF_ONE_TEAM:
        client = login(world.people[name])
        assert [page for page in pages if OTHER_TEAM in client.get(page).content.decode()] == []
        for key, operation in OPERATIONS.items():
            if key.startswith("GET ") and not operation.row and name in operation.may:
                assert OTHER_TEAM not in callers(name).get(address_of(key)).content.decode(), key


def test_a_superuser_sees_every_account(world: World, login: Any, api: Any) -> None:
    root = world.people["root"]
    for model in ADMIN.keys() - {"proposals_analysisrun"}:
        text = login(root).get(reverse(f"admin:{model}_changelist")).content.decode().lower()
        assert FOREIGN.lower() in text, model
        assert HOME.lower() in text, model
    assert len(api(root).get("/api/v1/sessions/").json()["results"]) == 3
