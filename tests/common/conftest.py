"""The world of the tenant matrix."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role
from sessions.models import IngestJob
from tests.common.rows import limited_member, make_rows, other_team_rows
from tests.common.tenants import EVERYONE, FOREIGN, HOME, OTHER_TEAM, World
from tests.conftest import Cast, MadeOnce, make_cast


@contextmanager
def rolled_back() -> Iterator[None]:
    """Whatever is written in it is as if it had never been."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def made_world(made_once: MadeOnce) -> World:
    found: World = made_once(lambda: make_world(make_cast()))
    return found


@pytest.fixture
def world(made_world: World, db: None) -> World:
    """Each test works in a transaction within that of its module, and leaves no trace."""
    return made_world


def make_world(cast: Cast) -> World:
    """Northwind and a foreign account with a row of every kind; Tess and Ted are of one team only."""
    foreign_team = Team.objects.create(account=cast.other_account, name=FOREIGN)
    Account.objects.filter(pk=cast.other_account.pk).update(name=FOREIGN, slug=FOREIGN.lower())
    User.objects.filter(pk=cast.mallory.pk).update(email=f"mallory@{FOREIGN.lower()}.test", full_name=FOREIGN)
    cast.other_account.refresh_from_db()
    Account.objects.filter(pk=cast.account.pk).update(name=HOME)
    home = make_rows(cast.account, HOME, cast.olivia, cast.team)
    cast.team.refresh_from_db()
    of_team = {
        "tess": limited_member(cast.account, Role.TEAM_ADMIN, cast.team, "tess@northwind.test"),
        "ted": limited_member(cast.account, Role.ANALYST, cast.team, "ted@northwind.test"),
    }
    # Who is there for one team sees only what they sent themselves.
    IngestJob.objects.filter(account=cast.account).update(created_by=of_team["tess"])
    people = {name: getattr(cast, name) for name in EVERYONE - of_team.keys()} | of_team
    elsewhere = other_team_rows(cast.account, OTHER_TEAM, cast.olivia)
    foreign = make_rows(cast.other_account, FOREIGN, cast.mallory, foreign_team)
    _, key = api_key_create(actor=cast.olivia, account=cast.account, name="Another service")
    return World(cast, people, home, elsewhere, foreign, key)


@pytest.fixture
def callers(world: World) -> Any:
    """`callers(name)` gives a client of the API: a person's, `key` with an API key, `nobody` with nothing."""

    def as_caller(name: str) -> APIClient:
        client = APIClient()
        if name == "key":
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {world.key}")
        elif name != "nobody":
            client.force_authenticate(world.people[name])
        return client

    return as_caller


@pytest.fixture(scope="session")
def schema() -> Any:
    """The API's description, as it is served."""
    generator: Any = SchemaGenerator
    return generator(api_version="v1").get_schema(request=None, public=True)
