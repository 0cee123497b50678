"""`manage.py bench_gaps`: how well gaps are found in simulated accounts, and how long that takes in a large one."""

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from analytics.gaps import simulation
from analytics.gaps.detect import gaps_detect, gaps_read
from analytics.gaps.judge import Window
from analytics.gaps.workspace import workspace_fill
from analytics.management.load.account import scratch_account
from analytics.management.shuffling import false_alarms
from flowpilot.accounts.models import Account
from flowpilot.common.statistics import Rate
from flowpilot.common.templatetags.flowpilot import percent, percent_interval
from sessions.models import AISession


class Command(BaseCommand):
    help = (
        "Simulate accounts whose bad domains are known, and tell the false discovery rate and the power of the test "
        "of gaps beside the plain one. Where bench_load has filled its account, time a detection there, too. With "
        "--account, shuffle the outcomes of that account and tell how often something is flagged where nothing is "
        "worse than anything else: nothing of it is kept, but its sessions are locked meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--runs", type=int, default=200, help="simulated accounts (default %(default)s)")
        parser.add_argument("--account", metavar="SLUG", help="shuffle this account's outcomes")
        parser.add_argument("--shuffles", type=int, default=100, help="with --account, how often (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("runs", "shuffles"):
            if options[name] < 1:
                raise CommandError(f"--{name}: at least 1")
        if options["account"]:
            self._shuffle(options["account"], options["shuffles"])
            return
        self._simulate(options["runs"])
        account = scratch_account()
        if account is not None:
            self._time(account)

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

    def _shuffle(self, slug: str, shuffles: int) -> None:
        account = Account.objects.filter(slug=slug).first()
        if account is None:
            raise CommandError(f"there is no account {slug}")
        alarms = Rate(false_alarms(_window(account), shuffles), shuffles)
        self.stdout.write(
            f"{account}: {alarms.count} of {shuffles} shuffles flagged something, {percent(alarms.share)} "
            f"({percent_interval(alarms.interval)})"
        )

    def _time(self, account: Account) -> None:
        window = _window(account)
        ended = AISession.objects.filter(account=account, ended_at__gte=window.start).ended().count()
        began = time.perf_counter()
        with transaction.atomic():
            workspace_fill(account.pk, window.start, window.end)
        gathered = time.perf_counter()
        gaps_read(window)
        read = time.perf_counter()
        done = gaps_detect(account_id=account.pk)
        took = time.perf_counter() - read
        self.stdout.write(
            f"{ended:,} ended sessions: gathered in {gathered - began:.1f} s, gathered and judged in "
            f"{read - gathered:.1f} s, a whole detection in {took:.1f} s ({done})"
        )


def _window(account: Account) -> Window:
    now = timezone.now()
    return Window(account.pk, now - timedelta(days=settings.GAPS_DAYS), now, account.time_zone)
