"""Role × address × own, foreign or absent row: what each may open, and that no answer holds a foreign word.

The tables below name every address of the admin, the dashboards and the API; a new address without an entry fails here.
A foreign row answers as an absent one does, 404; a missing right is 403.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from flowpilot.accounts.models import Account, ApiKey, Membership, Team, User
from flowpilot.accounts.roles import Role
from proposals.models import FlowProposal, SessionAnalysis
from tests.common.rows import Rows, limited_member, make_rows, other_team_rows, tenant_models, text_fields
from tests.conftest import Cast

HOME, FOREIGN, OTHER_TEAM = "Homeland", "Zyzzyva", "Quixotic"
ABSENT = 987_654_321

EVERYONE = {"olivia", "alice", "bob", "carol", "sam", "tess", "root"}
READERS = EVERYONE - {"bob"}
REVIEWERS = {"olivia", "alice", "tess", "root"}
OWNERS = {"olivia", "root"}
ROOT = {"root"}
NOBODY: set[str] = set()


@dataclass(frozen=True)
class Pages:
    """Who may open a model's admin pages. `see` is the list, one row and its history."""

    see: set[str]
    add: set[str]
    change: set[str]
    delete: set[str]


ADMIN = {
    "accounts_account": Pages(EVERYONE, ROOT, OWNERS, ROOT),
    "accounts_team": Pages(EVERYONE, OWNERS, OWNERS, OWNERS),
    "accounts_membership": Pages(REVIEWERS, OWNERS, OWNERS, OWNERS),
    "accounts_user": Pages(REVIEWERS, ROOT, ROOT, ROOT),
    "accounts_apikey": Pages(OWNERS, OWNERS, OWNERS, NOBODY),
    "common_auditevent": Pages(REVIEWERS, NOBODY, NOBODY, NOBODY),
    "flows_flow": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "ai_sessions_aisession": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "ai_sessions_client": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "proposals_flowproposal": Pages(READERS, NOBODY, NOBODY, NOBODY),
    "proposals_analysisrun": Pages(READERS, NOBODY, NOBODY, NOBODY),
    "proposals_sessionanalysis": Pages(READERS, NOBODY, NOBODY, NOBODY),
}
# Addresses of one row beside Django's usual ones: who may open them, and whose right is missing (403, not 404).
ADMIN_OF_ROW = {
    "proposals_flowproposal_decide": ("proposals_flowproposal", REVIEWERS),
    "auth_user_password_change": ("accounts_user", ROOT),
}
# Addresses without a row; None is tested by itself below.
ADMIN_OF_SITE = {
    "index": EVERYONE,
    "password_change": EVERYONE,
    "password_change_done": EVERYONE,
    "jsi18n": EVERYONE,
    "app_list": None,
    "autocomplete": None,
    "view_on_site": None,
    "login": None,
    "logout": None,
}
DASHBOARDS = {"analytics:overview": READERS}
API_OF_LIST = {
    "session-list": EVERYONE,
    "proposal-list": READERS,
    "flow-list": EVERYONE,
    "metrics-summary": READERS,
    "definition-schema": EVERYONE,
}
# (who may, the row, the answer to those who may: an empty decision is refused field by field)
API_OF_ROW = {
    "session-detail": (EVERYONE, "ai_sessions_aisession", 200),
    "flow-detail": (EVERYONE, "flows_flow", 200),
    "proposal-detail": (READERS, "proposals_flowproposal", 200),
    **{
        f"proposal-{decision}": (REVIEWERS, "proposals_flowproposal", 400)
        for decision in ("approve", "publish", "dismiss", "reject")
    },
}
API_FOR_ALL = {"schema", "docs"}
PLAIN = {"healthz", "readyz"}


@dataclass
class World:
    cast: Cast
    people: dict[str, User]
    home: Rows
    foreign: Rows


@pytest.fixture
def world(cast: Cast) -> World:
    """Northwind and a foreign account with a row of every kind; Tess is a team admin of one team only."""
    foreign_team = Team.objects.create(account=cast.other_account, name=FOREIGN)
    Account.objects.filter(pk=cast.other_account.pk).update(name=FOREIGN, slug=FOREIGN.lower())
    User.objects.filter(pk=cast.mallory.pk).update(email=f"mallory@{FOREIGN.lower()}.test", full_name=FOREIGN)
    cast.other_account.refresh_from_db()
    Account.objects.filter(pk=cast.account.pk).update(name=HOME)
    home = make_rows(cast.account, HOME, cast.olivia, cast.team)
    cast.team.refresh_from_db()
    tess = limited_member(cast.account, Role.TEAM_ADMIN, cast.team, "tess@northwind.test")
    people = {name: getattr(cast, name) for name in EVERYONE - {"tess"}} | {"tess": tess}
    return World(cast, people, home, make_rows(cast.other_account, FOREIGN, cast.mallory, foreign_team))


def names(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    """Every named address, `namespace:name`."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else prefix)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield prefix + pattern.name


def test_every_address_is_in_the_tables() -> None:
    usual = ("changelist", "add", "history", "delete", "change")
    expected = {f"admin:{name}_{page}" for name in ADMIN for page in usual}
    expected |= {f"admin:{name}" for name in (*ADMIN_OF_ROW, *ADMIN_OF_SITE)}
    expected |= {f"api:{name}" for name in (*API_OF_LIST, *API_OF_ROW, *API_FOR_ALL)}
    assert set(names(get_resolver().url_patterns)) == expected | set(DASHBOARDS) | PLAIN


def test_the_foreign_word_is_in_every_text_of_the_foreign_rows(world: World) -> None:
    """A column that the fixture forgets would make the tests below blind to it."""
    for model in tenant_models():
        rows = list(model._default_manager.filter(account=world.cast.other_account))
        assert rows, f"{model.__name__} has no foreign row"
        blind = [
            f.name for r in rows for f in text_fields(model) if FOREIGN.lower() not in str(getattr(r, f.name)).lower()
        ]
        assert not blind, f"{model.__name__}: {blind}"


@dataclass
class Walk:
    """Opens addresses as one person and keeps what was not as it should be."""

    client: Any
    name: str
    wrong: list[str]

    def get(self, url: str, expected: int, *, foreign_may_show: bool = False) -> Any:
        return self._check("GET", url, self.client.get(url), expected, foreign_may_show)

    def post(self, url: str, data: Any, expected: int) -> Any:
        return self._check("POST", url, self.client.post(url, data), expected, self.name == "root")

    def _check(self, method: str, url: str, response: Any, expected: int, foreign_may_show: bool) -> Any:
        if response.status_code != expected:
            self.wrong.append(f"{method} {url}: {response.status_code}, not {expected}")
        text = b"".join(response) if response.streaming else response.content
        if not foreign_may_show and self.name != "root" and FOREIGN.lower() in text.decode().lower():
            self.wrong.append(f"{method} {url} shows a foreign word")
        return response


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_admin_pages(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    for model, pages in ADMIN.items():
        listed = walk.get(reverse(f"admin:{model}_changelist"), 200 if name in pages.see else 403)
        if (
            name in pages.see
            and HOME.lower() not in listed.content.decode().lower()
            and model != "proposals_analysisrun"
        ):
            walk.wrong.append(f"{model}: the list does not show the own row")
        walk.get(reverse(f"admin:{model}_add"), 200 if name in pages.add else 403)
        for page, allowed in (("change", pages.see), ("history", pages.see), ("delete", pages.delete)):
            open_rows(walk, world, f"admin:{model}_{page}", model, allowed)
    assert walk.wrong == []


def open_rows(walk: Walk, world: World, address: str, row: str, allowed: set[str]) -> None:
    """The own, the foreign and the absent row's page."""
    may = walk.name in allowed
    walk.get(reverse(address, args=[world.home.pk(row)]), 200 if may else 403)
    walk.get(reverse(address, args=[world.foreign.pk(row)]), (200 if walk.name == "root" else 404) if may else 403)
    walk.get(reverse(address, args=[ABSENT]), 404 if may else 403)


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_admin_forms_write_nothing_foreign_and_nothing_without_the_right(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    for model, pages in ADMIN.items():
        if name not in pages.change:
            walk.post(reverse(f"admin:{model}_change", args=[world.home.pk(model)]), {"name": "taken"}, 403)
            walk.post(reverse(f"admin:{model}_change", args=[world.foreign.pk(model)]), {"name": "taken"}, 403)
        elif name != "root":
            walk.post(reverse(f"admin:{model}_change", args=[world.foreign.pk(model)]), {"name": "taken"}, 404)
        if name not in pages.add:
            walk.post(reverse(f"admin:{model}_add"), {"name": "taken"}, 403)
        if name not in pages.delete:
            walk.post(reverse(f"admin:{model}_delete", args=[world.foreign.pk(model)]), {"post": "yes"}, 403)
        elif name != "root":
            walk.post(reverse(f"admin:{model}_delete", args=[world.foreign.pk(model)]), {"post": "yes"}, 404)
    assert walk.wrong == []
    assert not Team.objects.filter(name="taken").exists()


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_other_admin_pages(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    for page, allowed in ADMIN_OF_SITE.items():
        if allowed is not None:
            walk.get(reverse(f"admin:{page}"), 200 if name in allowed else 403)
    for app in {model.partition("_")[0] for model in ADMIN} - {"ai"} | {"ai_sessions"}:
        seen = any(name in pages.see for model, pages in ADMIN.items() if model.startswith(f"{app}_"))
        walk.get(reverse("admin:app_list", args=[app]), 200 if seen else 404)
    for row in world.foreign.by_name.values():
        content_type = ContentType.objects.get_for_model(row)
        walk.get(reverse("admin:view_on_site", args=[content_type.pk, row.pk]), 404)
    for page, (model, deciders) in ADMIN_OF_ROW.items():
        refused = 403 if name in ADMIN[model].see else 404
        own = walk.client.get(reverse(f"admin:{page}", args=[world.home.pk(model)])).status_code
        assert own == (200 if name in deciders else refused) or (own == 403 and name not in deciders), page
        if name != "root":
            for pk in (world.foreign.pk(model), ABSENT):
                status = walk.client.get(reverse(f"admin:{page}", args=[pk])).status_code
                assert status in ({404} if name in deciders else {403, 404}), f"{page} {pk}: {status}"
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_autocompletes_offer_own_rows_only(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    offered = 0
    for model, model_admin in admin.site._registry.items():
        for relation in (f for f in model._meta.fields if isinstance(f, models.ForeignKey)):
            remote: type[models.Model] = relation.remote_field.model
            target = admin.site._registry.get(remote)
            query = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": relation.name,
            }
            response = walk.client.get(reverse("admin:autocomplete"), {**query, "term": ""})
            pages = ADMIN.get(f"{remote._meta.app_label}_{remote._meta.model_name}")
            if pages is None or target is None or not target.search_fields:
                assert response.status_code in {403, 404}, f"{model_admin}.{relation.name}"
                continue
            assert response.status_code == (200 if name in pages.see else 403), f"{model_admin}.{relation.name}"
            offered += response.status_code == 200 and len(response.json()["results"])
            walk._check("GET", f"autocomplete {relation}", response, response.status_code, False)
    assert offered, "no autocomplete offered anything: the test saw nothing"
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE - {"root"}))
def test_foreign_ids_in_a_filter_or_a_search_find_nothing(world: World, login: Any, name: str) -> None:
    client = login(world.people[name])
    for model, model_admin in admin.site._registry.items():
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        if name not in ADMIN[label].see:
            continue
        url = reverse(f"admin:{label}_changelist")
        queries = [{"q": FOREIGN}] if model_admin.search_fields else []
        for item in model_admin.list_filter:
            field = model._meta.get_field(item) if isinstance(item, str) else None
            remote = getattr(field, "related_model", None)
            if remote is not None:
                foreign = world.foreign.pk(f"{remote._meta.app_label}_{remote._meta.model_name}")
                queries.append({f"{item}__id__exact": str(foreign)})
        for query in queries:
            response = client.get(url, query)
            assert response.status_code == 200, f"{url} {query}"
            assert response.context["cl"].result_count == 0, f"{url} {query}"


def test_actions_reach_own_rows_only(world: World, login: Any) -> None:
    foreign = world.foreign
    olivia = login(world.people["olivia"])
    chosen = {"_selected_action": [foreign.pk("accounts_apikey")], "action": "revoke"}
    olivia.post(reverse("admin:accounts_apikey_changelist"), chosen)
    assert ApiKey.objects.get(pk=foreign.pk("accounts_apikey")).revoked_at is None
    for model in ("accounts_team", "accounts_membership"):
        chosen = {"_selected_action": [foreign.pk(model)], "action": "delete_selected", "post": "yes"}
        olivia.post(reverse(f"admin:{model}_changelist"), chosen)
        assert foreign.by_name[model].__class__._default_manager.filter(pk=foreign.pk(model)).exists()
    chosen = {"_selected_action": [foreign.pk("proposals_sessionanalysis")], "action": "requeue"}
    before = SessionAnalysis.objects.select_related("session").get(pk=foreign.pk("proposals_sessionanalysis"))
    olivia.post(reverse("admin:proposals_sessionanalysis_changelist"), chosen)
    before.session.refresh_from_db()
    assert before.session.analysis_due_at == SessionAnalysis.objects.get(pk=before.pk).session.analysis_due_at
    pk = foreign.pk("proposals_flowproposal")
    confirmed = {"_selected_action": [pk], "action": "dismiss", "confirmed": "1", "item": [f"{pk}:1"], "notes": "mine"}
    olivia.post(reverse("admin:proposals_flowproposal_changelist"), confirmed)
    assert FlowProposal.objects.get(pk=pk).is_pending


def test_forms_refuse_foreign_choices(world: World, login: Any) -> None:
    """The select boxes hold no foreign row; a hand-made request that names one is refused by the same list."""
    olivia = login(world.people["olivia"])
    foreign_account, foreign_team = world.cast.other_account.pk, world.foreign.pk("accounts_team")
    response = olivia.post(reverse("admin:accounts_team_add"), {"account": foreign_account, "name": "Trojan"})
    assert "account" in response.context["adminform"].form.errors
    member = {
        "account": world.cast.account.pk,
        "email": "new@x.test",
        "role": "technician",
        "password": "a long new phrase",
    }
    response = olivia.post(reverse("admin:accounts_membership_add"), {**member, "team": foreign_team})
    assert "team" in response.context["adminform"].form.errors
    bob = Membership.objects.get(user=world.cast.bob)
    url = reverse("admin:accounts_membership_change", args=[bob.pk])
    response = olivia.post(url, {"role": "technician", "team": foreign_team})
    assert "team" in response.context["adminform"].form.errors
    response = olivia.post(
        reverse("admin:accounts_apikey_add"), {"account": foreign_account, "name": "k", "role": "owner"}
    )
    assert "account" in response.context["adminform"].form.errors


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_dashboards(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    for address, allowed in DASHBOARDS.items():
        url = reverse(address)
        walk.get(url, 200 if name in allowed else 403)
        for field, row in (("team", "accounts_team"), ("client", "ai_sessions_client")):
            wanted = 200 if name == "root" else 400
            walk.get(f"{url}?{field}={world.foreign.pk(row)}", wanted if name in allowed else 403)
            walk.get(f"{url}?{field}={ABSENT}", 400 if name in allowed else 403)
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_api(world: World, api: Any, name: str) -> None:
    walk = Walk(api(world.people[name]), name, [])
    for page, allowed in API_OF_LIST.items():
        walk.get(reverse(f"api:{page}"), 200 if name in allowed else 403)
    for page, (allowed, row, answer) in API_OF_ROW.items():
        call = walk.get if page.endswith("detail") else lambda url, expected: walk.post(url, {}, expected)
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
    pages = [reverse(f"admin:{m}_changelist") for m, p in ADMIN.items() if "tess" in p.see] + [
        reverse("analytics:overview")
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
    assert api(root).get(reverse("api:session-list")).json()["count"] == 2
