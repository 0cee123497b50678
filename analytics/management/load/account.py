"""The scratch account itself: found again by its name, filled, removed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from django.core.management.base import CommandError
from django.db import connection, transaction
from django.utils import timezone

from analytics.management.load.proposals import proposals_copy
from analytics.management.load.rows import Maker
from analytics.management.load.world import TEAMS, starts_of, world_make
from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import membership_create
from proposals.management.scratch import account_remove

SLUG, NAME, TIME_ZONE = "bench-analytics", "Scratch account of bench_load", "America/New_York"
BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    sessions: int
    days: int
    seed: int


def scratch_account() -> Account | None:
    """The account that an earlier run made. Raises CommandError where somebody else's has its name."""
    account = Account.objects.filter(slug=SLUG).first()
    if account and account.name != NAME:
        raise CommandError(f"there is an account {SLUG} that is not of this command's making: nothing was done")
    return account


def scratch_remove() -> None:
    if account := scratch_account():
        account_remove(account)


def scratch_fill(wanted: Wanted, say: Callable[[str], None]) -> Account:
    """A new account with its sessions and all that belongs to them, committed batch by batch."""
    rng, now = Random(wanted.seed), timezone.now()  # noqa: S311
    start = (now - timedelta(days=wanted.days)).replace(hour=0, minute=0, second=0, microsecond=0)
    account = Account.objects.create(slug=SLUG, name=NAME, time_zone=TIME_ZONE)
    world = world_make(account, start=start, end=now, sessions=wanted.sessions, rng=rng)
    _analysts(account)
    maker = Maker(world, rng, now)
    starts = starts_of(start, now, wanted.sessions, rng)
    for first in range(0, len(starts), BATCH):
        with transaction.atomic():
            maker.make(starts[first : first + BATCH], first)
            maker.copy()
        say(f"{min(first + BATCH, len(starts)):,} sessions")
    with transaction.atomic():
        proposals = proposals_copy(world, maker.of_topic, now, rng)
    for table in maker.tables.values():
        say(f"{table.copied:>10,} {table.name}")
    say(f"{proposals:>10,} proposals")
    vacuum([table.name for table in maker.tables.values()])
    return account


def analyst_of(account: Account, *, team: bool = False) -> User:
    """Who looks at all of the account, or at its first team only."""
    return User.objects.get(email=_address("team-analyst" if team else "analyst", account))


def vacuum(tables: list[str]) -> None:
    """What autovacuum does a while later anyway."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {connection.ops.quote_name(table)}")


def size_of(tables: list[str]) -> int:
    """Bytes of these tables with their indexes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(t::regclass))::bigint FROM unnest(%s::text[]) t", [tables])
        return int(cursor.fetchone()[0] or 0)


def _analysts(account: Account) -> None:
    team = Team.objects.get(account=account, name=TEAMS[0])
    for name, limit in (("analyst", None), ("team-analyst", team)):
        membership_create(actor=None, account=account, email=_address(name, account), role=Role.ANALYST, team=limit)


def _address(name: str, account: Account) -> str:
    return f"{name}@{account.slug}.invalid"
