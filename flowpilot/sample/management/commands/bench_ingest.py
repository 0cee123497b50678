"""`manage.py bench_ingest`: sessions taken in beside a bare COPY, and the API's reads beside an empty view."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.test import Client, override_settings

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import Account
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import membership_create
from flowpilot.common.benchmarks import Case, compare, table_of
from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_create
from flowpilot.sample.generate import generate_sessions
from flowpilot.sample.management.emptyapi import EMPTY
from flowpilot.sample.management.roads import Road, Rows, bodies, roads, seconds_of
from flowpilot.sample.published import flow_definition
from flowpilot.sample.topics import TOPICS
from proposals.management.scratch import account_remove
from proposals.models import FlowProposal, Topic
from sessions.models import AISession, IngestJob

SLUG, NAME = "bench-ingest", "Scratch account of bench_ingest"
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
LEAST_SHARE = 0.25
MOST_RATIO = 3.0
SHOWN = 50


class Command(BaseCommand):
    help = (
        "Take sessions in on each road, in turns with a bare COPY of the same rows, and read the API's lists and rows "
        "in turns with an empty view; in a scratch account that is removed again. Fails where a road is slower than a "
        "quarter of COPY's rate, or a read takes more than three times what the empty view takes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sessions", type=int, default=3_000, help="of each round (default %(default)s)")
        parser.add_argument("--rounds", type=int, default=5, help="of each road (default %(default)s)")
        parser.add_argument("--reads", type=int, default=100, help="of each address (default %(default)s)")
        parser.add_argument("--yes", action="store_true", help="write into the connected database without asking")

    def handle(self, *args: Any, **options: Any) -> None:
        if min(options["sessions"], options["rounds"], options["reads"]) < 1:
            raise CommandError("--sessions, --rounds and --reads are at least 1")
        if not options["yes"]:
            count = options["sessions"] * options["rounds"] * 3
            name = connection.settings_dict["NAME"]
            raise CommandError(f"this writes {count:,} sessions into {name}, and removes them; say --yes if it may")
        _remove()
        try:
            with override_settings(ROOT_URLCONF="flowpilot.sample.management.emptyapi", API_REQUESTS_PER_MINUTE=0):
                slow = self._run(options["sessions"], options["rounds"], options["reads"])
        finally:
            _remove()
        if slow:
            raise CommandError(f"too slow: {', '.join(slow)}")

    def _run(self, sessions: int, rounds: int, reads: int) -> list[str]:
        account = Account.objects.create(slug=SLUG, name=NAME)
        caller = _caller(account)
        ways = roads(account, caller)
        copy = Road("bare COPY", lambda body: None)
        for number in range(rounds):
            body = bodies(generate_sessions(until=UNTIL, count=sessions, seed=number + 1), f"{number}-")
            for road in ways:
                road.seconds += seconds_of(lambda: road.take(body))  # noqa: B023  # called at once
                rows = Rows.taken_out(account)
                copy.seconds += seconds_of(rows.copy) / len(ways)
                Rows.taken_out(account)
        self.stdout.write(f"{'road':<18} {'sessions/s':>10} {'of COPY':>8}")
        for road in (copy, *ways):
            rate, share = sessions * rounds / road.seconds, copy.seconds / road.seconds
            self.stdout.write(f"{road.name:<18} {rate:>10,.0f} {share:>8.2f}")
        slow = [road.name for road in ways if copy.seconds / road.seconds < LEAST_SHARE]
        ways[0].take(body)
        timings = compare(Case("an empty view", caller, EMPTY), _reads(account, caller), reads)
        self.stdout.write(table_of(timings))
        return slow + [timing.name for timing in timings if timing.ratio > MOST_RATIO]


def _caller(account: Account) -> Client:
    """Another service, with an API key of its own."""
    address = f"owner@{SLUG}.invalid"
    owner = membership_create(actor=None, account=account, email=address, role=Role.OWNER).user
    _, text = api_key_create(actor=owner, account=account, name="bench")
    return Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {text}"})


def _reads(account: Account, caller: Client) -> list[Case]:
    """A first page of each list, and a row of each."""
    topics = [topic for topic in TOPICS if topic.flow is not None]
    for number in range(SHOWN):
        definition = flow_definition(topics[number % len(topics)])
        version = flow_create(actor=None, account=account, title=f"Flow {number}", definition=definition)
        topic = Topic.objects.create(account=account, title=f"Topic {number}", flow=version.flow)
        FlowProposal.objects.create(
            account=account, topic=topic, proposal_type="enhancement", target_flow=version.flow, base_version=version,
            title=f"Proposal {number}", description="Mined from sessions", proposed_flow_data=definition,
            confidence_score=0.5, impact=number,
        )  # fmt: skip
    worked = AISession.objects.filter(account=account, transcript__isnull=True).order_by("pk").first()
    found = {
        "sessions": worked and worked.pk,
        "proposals": FlowProposal.objects.filter(account=account).values_list("pk", flat=True)[0],
        "flows": Flow.objects.filter(account=account).values_list("pk", flat=True)[0],
        "ingest-jobs": IngestJob.objects.filter(account=account).values_list("pk", flat=True)[0],
    }
    return [
        case
        for name, pk in found.items()
        for case in (
            Case(f"{name}, {SHOWN} of them", caller, f"/api/v1/{name}/?page_size={SHOWN}"),
            Case(f"{name}, one", caller, f"/api/v1/{name}/{pk}/"),
        )
    ]


def _remove() -> None:
    """Remove what a run left; never an account that happens to have the same name."""
    account = Account.objects.filter(slug=SLUG).first()
    if account is None:
        return
    if account.name != NAME:
        raise CommandError(f"there is an account {SLUG} that is not of this command's making: nothing was done")
    account_remove(account)
