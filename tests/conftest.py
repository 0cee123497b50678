"""The fixed cast of the tests, and where the shared measuring data lies."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection, transaction
from django.test import Client, TransactionTestCase
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role
from tests.factories import make_account, make_member

BASE_DIR = Path(__file__).resolve().parent.parent

# The same tree gets the same verdict each time; HYPOTHESIS_PROFILE=default looks for new examples.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_configure(config: pytest.Config) -> None:
    # A password hash that is slow on purpose would make up most of the suite's time.
    # Tests ask faster than people do; the limits have tests of their own.
    settings.API_REQUESTS_PER_MINUTE = settings.API_KEY_TRIES = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    TransactionTestCase._fixture_teardown = _empty_tables  # type: ignore[attr-defined]
    # Parallel workers have a Redis database each, as they have a PostgreSQL database each.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    settings.REDIS_URL = settings.REDIS_URL.replace("db=0", f"db={number}")
    settings.CACHES["default"]["LOCATION"] = settings.REDIS_URL
    settings.CELERY_BROKER_URL = settings.CELERY_BROKER_URL.replace("virtual_host=0", f"virtual_host={number}")


def _empty_tables(case: TransactionTestCase) -> None:
    """What Django's flush is for, fifty times as fast: most tables hold nothing or a few rows.

    Content types and permissions stay, for no test changes them. The locks are those of TRUNCATE: a request that a
    test did not wait for is waited for here. As a replica, the database asks no trigger: the audit log refuses to lose
    rows, analytics notes what goes.
    """
    keep = {ContentType._meta.db_table, Permission._meta.db_table}
    held = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - keep
    tables = [connection.ops.quote_name(table) for table in sorted(held)]
    lock = f"LOCK TABLE {', '.join(tables)};"
    emptied = "".join(f"DELETE FROM {table};" for table in tables)
    for tries_left in (4, 3, 2, 1, 0):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"{lock} SET LOCAL session_replication_role = replica; {emptied}")
            return
        except OperationalError:
            # A deadlock with such a request: it goes on, and is over by the next try.
            if not tries_left:
                raise


@dataclass
class Cast:
    """Northwind and its people, and Mallory who runs another account."""

    account: Account
    team: Team
    alice: User  # team admin of Northwind
    bob: User  # its technician
    carol: User  # its analyst
    olivia: User  # its owner
    sam: User  # a service
    other_account: Account
    mallory: User  # team admin of another account
    root: User  # platform superuser


def make_cast() -> Cast:
    account, other = make_account("northwind", "Northwind MSP"), make_account("contoso", "Contoso IT")
    return Cast(
        account=account,
        team=Team.objects.create(account=account, name="Service Desk"),
        alice=make_member(account, Role.TEAM_ADMIN, "alice@northwind.test", "Alice"),
        bob=make_member(account, Role.TECHNICIAN, "bob@northwind.test", "Bob"),
        carol=make_member(account, Role.ANALYST, "carol@northwind.test", "Carol"),
        olivia=make_member(account, Role.OWNER, "olivia@northwind.test", "Olivia"),
        sam=make_member(account, Role.SERVICE, "sam@northwind.test", "Sam"),
        other_account=other,
        mallory=make_member(other, Role.TEAM_ADMIN, "mallory@contoso.test", "Mallory"),
        root=User.objects.create_superuser("root@platform.test", "a long enough phrase"),
    )


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


MadeOnce = Callable[[Callable[[], Any]], Any]


@pytest.fixture(scope="module")
def made_once(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[MadeOnce]:
    """`made_once(make)` gives what `make()` gives, whose rows stay until the module's last test.

    Each test's own transaction lies within the one that is begun here: what a test changes is as it was for the next.
    Not for modules with tests of real transactions.
    """
    yield from _made_once(django_db_blocker)


@pytest.fixture(scope="class")
def made_for_class(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[MadeOnce]:
    """As `made_once`, until the last test of the class: the module's other tests begin with nothing."""
    yield from _made_once(django_db_blocker)


def _made_once(blocker: DjangoDbBlocker) -> Iterator[MadeOnce]:
    whole = transaction.atomic()

    def once(make: Callable[[], Any]) -> Any:
        with blocker.unblock():
            return make()

    once(whole.__enter__)
    yield once
    once(lambda: transaction.set_rollback(True))
    once(lambda: whole.__exit__(None, None, None))


@pytest.fixture
def login(client: Client) -> Any:
    """`login(user)` gives a browser-like client of that user."""

    def as_user(user: User) -> Client:
        browser = Client()
        browser.force_login(user)
        return browser

    return as_user


@pytest.fixture
def api() -> Any:
    """`api(user)` gives an API client that acts as that user."""

    def as_user(user: User | None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_authenticate(user)
        return client

    return as_user


@pytest.fixture(scope="session")
def shared() -> Path:
    """The measuring data beside the checkout, or wherever FLOWPILOT_SHARED says; its tests are skipped without it."""
    path = Path(os.environ.get("FLOWPILOT_SHARED", BASE_DIR.parent / "shared"))
    if not (path / "flodial").is_dir():
        pytest.skip(f"the measuring data is not at {path}")
    return path
