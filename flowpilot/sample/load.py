"""The sample account into the database, through the same services as everybody's data."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.db import transaction

from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.services import account_create, membership_create
from flowpilot.common.errors import Conflict
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import flow_create
from flowpilot.sample.cast import ACCOUNT_NAME, ACCOUNT_SLUG, PEOPLE, TEAMS
from flowpilot.sample.generate import DEFAULT_DAYS, generate_sessions
from flowpilot.sample.generated import scripts_make
from flowpilot.sample.published import published_flows
from flowpilot.sample.pushes import pushes_make
from flowpilot.sample.reopened import with_reopened
from flowpilot.sample.worked import worked_make
from sessions.ingest.store import sessions_ingest
from sessions.records import record_from_object

TIME_ZONE = "Europe/Berlin"
BATCH = 500


def sample_load(
    *, password: str | None, count: int, seed: int, until: datetime, progress: Callable[[int], None] = lambda _: None
) -> Account:
    """Make the account with `count` sessions up to `until`; `password` is every demo log-in's (None: nobody logs in).

    One transaction: a load that is stopped leaves nothing. `progress` gets the number of sessions stored so far.
    Raises Conflict where the account is there already.
    """
    with transaction.atomic():
        if Account.objects.filter(slug=ACCOUNT_SLUG).exists():
            raise Conflict(f"there is an account {ACCOUNT_SLUG} already")
        account = account_create(slug=ACCOUNT_SLUG, name=ACCOUNT_NAME, time_zone=TIME_ZONE)
        teams = {name: Team.objects.create(account=account, name=name) for name in TEAMS}
        owner = _add_people(account, teams, password)
        for weeks, flow in enumerate(published_flows(), start=1):
            version = flow_create(actor=None, account=account, **{**flow, "team": teams.get(flow["team"])})
            _date_back(version, until - timedelta(days=DEFAULT_DAYS, weeks=weeks))
        done = 0
        for batch in _batches(with_reopened(generate_sessions(until=until, count=count, seed=seed), seed=seed)):
            done += len(sessions_ingest(actor=None, account=account, records=[record_from_object(o) for o in batch]))
            progress(done)
        worked_make(account=account, seed=seed, until=until)
        scripts_make(account=account, seed=seed)
        pushes_make(account=account, owner=owner, seed=seed, until=until)
    return account


def _add_people(account: Account, teams: dict[str, Team], password: str | None) -> User:
    """Gives the owner."""
    owners = []
    for person in PEOPLE:
        membership = membership_create(
            actor=None,
            account=account,
            email=person.email,
            full_name=person.name,
            role=person.role,
            team=teams[person.team] if person.team else None,
        )
        if person.role == "owner":
            owners.append(membership.user)
    if password is not None:
        # Hashing is made to take long: once is enough. Who had a log-in before keeps their password.
        new = User.objects.filter(memberships__account=account, password__startswith=UNUSABLE_PASSWORD_PREFIX)
        new.update(password=make_password(password))
    return owners[0]


def _date_back(version: FlowVersion, when: datetime) -> None:
    """What guided the account's first sessions was published before them; a service knows no other time than now."""
    FlowVersion.objects.filter(pk=version.pk).update(created_at=when)
    Flow.objects.filter(pk=version.flow_id).update(created_at=when, updated_at=when)


def _batches(objects: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(objects, BATCH)):
        yield batch
