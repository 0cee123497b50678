"""`manage.py bench_gaps`: how well gaps are found in simulated accounts, and how long that takes in a large one."""

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from analytics.gaps import simulation
from analytics.gaps.detect import gaps_detect
from analytics.gaps.workspace import workspace_fill
from analytics.management.scratch import sessions_fill
from flowpilot.accounts.models import Account
from proposals.management.scratch import account_remove

SLUG = "bench-gaps"


class Command(BaseCommand):
    help = (
        "Simulate accounts whose bad domains are known, and tell the false discovery rate and the power of the test "
        "of gaps beside the plain one; with --sessions, fill a scratch account of the connected database and time a "
        "detection there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--runs", type=int, default=200, help="simulated accounts (default %(default)s)")
        parser.add_argument("--sessions", type=int, default=0, help="size of the scratch account (default: none)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["runs"] < 1 or options["sessions"] < 0:
            raise CommandError("--runs: at least 1; --sessions: not negative")
        self._simulate(options["runs"])
        if options["sessions"]:
            self._time(options["sessions"])

    def _simulate(self, runs: int) -> None:
        self.stdout.write(f"{runs} accounts of 200 domains; of those with bad ones 20 are at 35 % against 15 %")
        self.stdout.write(f"{'sizes: sigma':<14} {'test':<8} {'FDR':>6} {'power':>6} {'any false, none bad':>20}")
        for spread in (0.8, 1.0, 1.2):
            for name, flagger in (("plain", simulation.by_plain_test), ("ours", simulation.by_our_test)):
                found = simulation.simulate(flagger, runs=runs, spread=spread)
                null = simulation.simulate(flagger, runs=runs, spread=spread, bad=0)
                self.stdout.write(
                    f"{spread:<14} {name:<8} {found.false_share:>6.3f} {found.power:>6.3f} {null.any_false:>20.3f}"
                )

    def _time(self, sessions: int) -> None:
        if Account.objects.filter(slug=SLUG).exists():
            raise CommandError(f"there is an account {SLUG} already: another bench is at work, or was stopped")
        account = Account.objects.create(slug=SLUG, name="Scratch account of bench_gaps")
        try:
            sessions_fill(account, sessions)
            began = time.perf_counter()
            with transaction.atomic():
                now = timezone.now()
                workspace_fill(account.pk, now - timedelta(days=180), now)
            gathered = time.perf_counter() - began
            self.stdout.write(f"{sessions} sessions: gathered in {gathered:.1f} s")
            for name in ("first", "second"):
                began = time.perf_counter()
                done = gaps_detect(account_id=account.pk)
                self.stdout.write(f"{name} detection: {time.perf_counter() - began:.1f} s, {done}")
        finally:
            account_remove(account)
