"""`manage.py bench_queue`: server time of the review queue in a large account, beside an empty list of the same run."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.urls import reverse

from flowpilot.accounts.models import Account, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import membership_create
from flowpilot.common.benchmarks import Case, browser_of, compare, require_static_files, table_of
from proposals.impact import impacts_refresh
from proposals.management import scratch
from proposals.models import FlowProposal

SLUG, NAME = "bench-queue", "Scratch account of bench_queue"
EMPTY_SLUG = "bench-queue-empty"
MOST_RATIO = 3.0
MOST_RATIO_OF_SEARCH = 5.0


class Command(BaseCommand):
    help = (
        "Fill a scratch account of the connected database with proposals, time the queue's pages, and remove it again. "
        "Fails where a page takes more than three times what an empty admin list takes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--proposals", type=int, default=200_000)
        parser.add_argument("--pending", type=int, default=50_000)
        parser.add_argument("--rounds", type=int, default=30)
        parser.add_argument("--yes", action="store_true", help="write into the connected database without asking")
        parser.add_argument("--keep", action="store_true", help="leave the scratch account for a look at it")

    def handle(self, *args: Any, **options: Any) -> None:
        require_static_files()
        if not 0 < options["pending"] <= options["proposals"] or options["rounds"] < 1:
            raise CommandError("--pending is at least 1 and at most --proposals; --rounds at least 1")
        if not options["yes"]:
            name = connection.settings_dict["NAME"]
            raise CommandError(f"this writes {options['proposals']:,} proposals into {name}; say --yes if it may")
        for slug in (SLUG, EMPTY_SLUG):
            self._remove(slug)
        try:
            self._run(options)
        finally:
            if not options["keep"]:
                for slug in (SLUG, EMPTY_SLUG):
                    self._remove(slug)

    def _remove(self, slug: str) -> None:
        """Remove what a run left; never an account that happens to have the same name."""
        account = Account.objects.filter(slug=slug).first()
        if account is None:
            return
        if account.name != NAME:
            raise CommandError(f"there is an account {slug} that is not of this command's making: nothing was done")
        scratch.account_remove(account)

    def _run(self, options: dict[str, Any]) -> None:
        started = time.perf_counter()
        full, empty = self._reviewer(SLUG), self._reviewer(EMPTY_SLUG)
        account_id = full.active_memberships[0].account_id
        scratch.queue_fill(account_id, full.pk, proposals=options["proposals"], pending=options["pending"])
        self.stdout.write(
            f"{options['proposals']:,} proposals, {options['pending']:,} pending, filled in "
            f"{time.perf_counter() - started:.0f} s"
        )
        scratch.vacuum()
        started = time.perf_counter()
        changed = impacts_refresh(account_id)
        again = time.perf_counter()
        assert impacts_refresh(account_id) == 0  # noqa: S101  # the second run finds nothing to change
        self.stdout.write(
            f"impact of {changed:,} counted in {again - started:.1f} s, again in {time.perf_counter() - again:.1f} s"
        )
        scratch.vacuum()
        self._measure(full, empty, account_id, options["rounds"])

    def _reviewer(self, slug: str) -> User:
        account = Account.objects.create(slug=slug, name=NAME)
        return membership_create(
            actor=None, account=account, email=f"reviewer@{slug}.invalid", role=Role.TEAM_ADMIN
        ).user

    def _measure(self, full: User, empty: User, account_id: int, rounds: int) -> None:
        baseline = Case("an empty admin list", browser_of(empty), reverse("admin:ai_sessions_aisession_changelist"))
        client, queue = browser_of(full), reverse("admin:proposals_flowproposal_changelist")
        cases = [Case(name, client, f"{queue}?{query}") for name, query in _queries(account_id).items()]
        timings = compare(baseline, cases, rounds)
        self.stdout.write(table_of(timings))
        # A search reads what it finds before it can rank it.
        slow = [t.name for t in timings if t.ratio > (MOST_RATIO_OF_SEARCH if "search" in t.name else MOST_RATIO)]
        if slow:
            raise CommandError(f"slower than {MOST_RATIO:g} times an empty list: {', '.join(slow)}")


def _queries(account_id: int) -> dict[str, str]:
    middle = FlowProposal.objects.filter(account=account_id, status="pending").order_by("-impact", "-id")
    at = middle.values_list("pk", flat=True)[middle.count() // 2]
    return {
        "default": "",
        "waiting longest first": "order=waiting",
        "page in the middle": f"after={at}",
        "last page": "last=1",
        "filtered by type": "proposal_type=enhancement",
        "filtered by tier, domain": "tier=guided&problem_domain=networking",
        "filtered, waiting 7 days": "waiting_days=7",
        "searched, a common word": "search=printer",
        "searched, a word begun": "search=prin",
        "searched, two words": "search=outlook+password",
        "searched, a rare word": "search=code77",
        "searched, a session's id": "search=BENCH-00077",
        "searched, no such word": "search=xyzzy",
        "mine": "tab=mine",
        "parked": "tab=parked",
        "decided": "tab=decided",
        "decided, last page": "tab=decided&last=1",
        "decided, searched": "tab=decided&search=printer",
    }
