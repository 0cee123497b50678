"""Role × address × own, foreign or absent row: what each may open, and that no answer holds a foreign word.

The tables of `tenants` name every address of the admin, the dashboards and the API; a new address without an entry
fails here. A foreign row answers as an absent one does, 404; a missing right is 403.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django.utils import timezone

from flowpilot.accounts.models import ApiKey, Membership, Team
from flowpilot.webhooks.models import WebhookDelivery
from proposals.models import FlowProposal, SessionAnalysis
from sessions.models import PsaPush
from tests.common.operations import OPERATIONS, address_of
from tests.common.rows import tenant_models, text_fields
from tests.common.tenants import (
    ABSENT,
    ABSENT_WORD,
    ADMIN,
    ADMIN_OF_ROW,
    ADMIN_OF_SITE,
    API_FOR_ALL,
    DASHBOARDS,
    DASHBOARDS_OF_ROW,
    EVERYONE,
    FILLED,
    FOREIGN,
    GAP_PAGES,
    GAPS,
    HOME,
    OF_ONE_TEAM,
    OPEN,
    PLAIN,
    SCRIPTS,
    WORK,
    WORK_OF_ROW,
    WORK_TO_READ,
    WORKERS,
    Walk,
    World,
    open_address,
)


def addresses(patterns: list[Any], prefix: str = "", before: str = "") -> Iterator[tuple[str | None, str]]:
    """Every address: its name, `namespace:name`, and its path with `FILLED` for what it takes."""
    for pattern in patterns:
        path = before + filled(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else prefix
            yield from addresses(pattern.url_patterns, inner, path)
        elif isinstance(pattern, URLPattern):
            yield (prefix + pattern.name if pattern.name else None), f"/{path}"


def filled(pattern: Any) -> str:
    """A route such as `<int:pk>/do/`, or a regular expression such as `^flows/(?P<pk>[^/.]+)/$`, as a path."""
    return re.sub(
        r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>",
        lambda found: FILLED[found[1] or found[2]],
        str(pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z"),
    )


def test_every_address_is_in_the_tables() -> None:
    usual = ("changelist", "add", "history", "delete", "change")
    expected = {f"admin:{name}_{page}" for name in ADMIN for page in usual}
    expected |= {f"admin:{name}" for name in (*ADMIN_OF_ROW, *ADMIN_OF_SITE)}
    expected |= {f"api:{name}" for name in API_FOR_ALL}
    expected |= {resolve(address_of(key, "1")).view_name for key in OPERATIONS}
    expected |= {
        *DASHBOARDS,
        *DASHBOARDS_OF_ROW,
        "analytics:rows",
        "analytics:reports",
        *GAPS,
        *GAP_PAGES,
        *SCRIPTS,
        *WORK,
        *WORK_OF_ROW,
    }
    found = list(addresses(get_resolver().url_patterns))
    assert {name for name, _ in found if name} == expected | PLAIN
    # Django's own without a name: a row's address without what to do with it, and whatever else is below /admin/.
    models = {f"/admin/{m._meta.app_label}/{m._meta.model_name}/1/" for m in admin.site._registry}
    assert {path for name, path in found if not name} == models | {"/admin/nothing"}


def test_a_stranger_opens_nothing(world: World, client: Client) -> None:
    """Every address there is, whatever it takes: a log-in is asked for, or it is not there; it is never answered."""
    wrong = []
    for _, path in addresses(get_resolver().url_patterns):
        for method in ("get", "post"):
            response = getattr(client, method)(path)
            to_login = response.status_code == 302 and "/admin/login/" in response["Location"]
            refused = response.status_code in {401, 403, 404, 405}
            if not (to_login or refused) and path not in OPEN:
                wrong.append(f"{method} {path}: {response.status_code} {response.get('Location', '')}")
    assert wrong == []


def test_the_foreign_word_is_in_every_text_of_the_foreign_rows(world: World) -> None:
    """A column that the fixture forgets would make the tests below blind to it."""
    for model in tenant_models():
        rows = list(model._default_manager.filter(account=world.cast.other_account))
        assert rows, f"{model.__name__} has no foreign row"
        blind = [
            f.name for r in rows for f in text_fields(model) if FOREIGN.lower() not in str(getattr(r, f.name)).lower()
        ]
        assert not blind, f"{model.__name__}: {blind}"


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_admin_pages(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    for model, pages in ADMIN.items():
        listed = walk.get(reverse(f"admin:{model}_changelist"), 200 if name in pages.see else 403)
        if name in pages.see and name != "root":
            require_own_count(walk, world, model, listed)
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


def require_own_count(walk: Walk, world: World, model: str, listed: Any) -> None:
    """What the list counts is no more than the account has; a foreign row is in no number."""
    changes = listed.context["cl"]
    account = world.cast.account
    rows: Any = changes.model._default_manager
    path = {"accounts_account": "pk", "accounts_user": "memberships__account"}.get(model, "account")
    own = rows.filter(**{path: account.pk}).distinct().count()
    if model == "ai_sessions_scripttemplate":
        own += rows.filter(account=None).count()
    if max(changes.result_count, changes.full_result_count or 0) > own:
        walk.wrong.append(f"{model}: counts {changes.result_count} of {own}")


def open_rows(walk: Walk, world: World, address: str, row: str, allowed: set[str]) -> None:
    """The own row's page; those of a foreign row, and of another team's, are as one of a row that never was."""
    may = walk.name in allowed
    walk.get(reverse(address, args=[world.home.pk(row)]), 200 if may else 403)
    if walk.name == "root":
        walk.get(reverse(address, args=[world.foreign.pk(row)]), 200 if may else 403)
        walk.get(reverse(address, args=[ABSENT]), 404 if may else 403)
        return
    page = open_address(address)
    walk.alike(page, world.foreign.pk(row), ABSENT, 404 if may else 403)
    if walk.name in OF_ONE_TEAM and row in world.elsewhere.by_name:
        walk.alike(page, world.elsewhere.pk(row), ABSENT, 404 if may else 403)


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
    for page, (model, deciders, answer) in ADMIN_OF_ROW.items():
        refused = 403 if name in ADMIN[model].see else 404
        own = walk.client.get(reverse(f"admin:{page}", args=[world.home.pk(model)])).status_code
        assert own == (answer if name in deciders else refused) or (own == 403 and name not in deciders), page
        if name != "root":
            absent = walk.client.get(reverse(f"admin:{page}", args=[ABSENT])).status_code
            assert absent in ({404} if name in deciders else {403, 404}), f"{page}: {absent}"
            walk.alike(open_address(f"admin:{page}"), world.foreign.pk(model), ABSENT, absent)
            if answer == 405:
                walk.alike(open_address(f"admin:{page}"), world.foreign.pk(model), ABSENT, absent, data={})
            if name in OF_ONE_TEAM and model in world.elsewhere.by_name:
                walk.alike(open_address(f"admin:{page}"), world.elsewhere.pk(model), ABSENT, absent)
    assert walk.wrong == []


@pytest.mark.parametrize("name", sorted(EVERYONE))
def test_pages_of_work(world: World, login: Any, name: str) -> None:
    walk = Walk(login(world.people[name]), name, [])
    may = name in WORKERS
    for page, answer in WORK.items():
        walk.get(reverse(page), answer if may or answer == 405 else 403)
    for page, answer in WORK_OF_ROW.items():
        more = ["0" * 32] if page == "work:file" else []
        may = name in WORKERS or page in WORK_TO_READ
        session, absent = "ai_sessions_aisession", 404 if may else 403
        walk.get(reverse(page, args=[world.home.pk(session), *more]), answer if may or answer == 405 else 403)
        if name == "root":
            walk.get(reverse(page, args=[world.foreign.pk(session), *more]), answer)
            continue
        hidden = [world.foreign, *([world.elsewhere] if name in OF_ONE_TEAM else [])]
        for rows in hidden:
            address = open_address(page, *more)
            walk.alike(address, rows.pk(session), ABSENT, 405 if answer == 405 else absent)
            if answer == 405:
                walk.alike(address, rows.pk(session), ABSENT, absent, data={"act": "note", "text": "mine"})
    if name in WORKERS and name != "root":
        walk.alike(f"{reverse('work:clients')}?q={{}}", FOREIGN, ABSENT_WORD, 200)
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
    walk = Walk(client, name, [])
    for model, model_admin in admin.site._registry.items():
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        if name not in ADMIN[label].see:
            continue
        url = reverse(f"admin:{label}_changelist")
        queries: list[Any] = [("q", FOREIGN, ABSENT_WORD)] if model_admin.search_fields else []
        for item in model_admin.list_filter:
            field = model._meta.get_field(item) if isinstance(item, str) else None
            remote = getattr(field, "related_model", None)
            if remote is not None:
                foreign = world.foreign.pk(f"{remote._meta.app_label}_{remote._meta.model_name}")
                queries.append((f"{item}__id__exact", foreign, ABSENT))
        for parameter, of_foreign, of_absent in queries:
            response = client.get(url, {parameter: of_foreign})
            assert response.status_code == 200, f"{url} {parameter}"
            assert response.context["cl"].result_count == 0, f"{url} {parameter}"
            walk.alike(f"{url}?{parameter}={{}}", of_foreign, of_absent, 200, echoes=True)
    assert walk.wrong == []


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
    push = PsaPush.objects.filter(pk=foreign.pk("ai_sessions_psapush"))
    push.update(state="exhausted", next_attempt_at=None, settled_at=timezone.now())
    chosen = {"_selected_action": [push.get().pk], "action": "requeue"}
    olivia.post(reverse("admin:ai_sessions_psapush_changelist"), chosen)
    assert push.get().state == "exhausted"
    delivery = WebhookDelivery.objects.filter(pk=foreign.pk("webhooks_webhookdelivery"))
    delivery.update(state="exhausted", next_attempt_at=None, settled_at=timezone.now())
    chosen = {"_selected_action": [delivery.get().pk], "action": "replay"}
    olivia.post(reverse("admin:webhooks_webhookdelivery_changelist"), chosen)
    assert delivery.get().state == "exhausted"
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
