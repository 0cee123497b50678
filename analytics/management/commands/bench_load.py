"""`manage.py bench_load`: a large account for benchmarks, by COPY."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from analytics.management.load.account import Wanted, scratch_account, scratch_fill, scratch_remove, size_of
from analytics.management.load.rows import COLUMNS


class Command(BaseCommand):
    help = (
        "Fill a scratch account of the connected database as a busy provider fills it in a year: sessions with steps, "
        "hand-overs, scripts, pushes, analyses and proposals. bench_analytics measures on it; --remove takes it away."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sessions", type=int, default=1_000_000, help="with seven steps each, on average")
        parser.add_argument("--days", type=int, default=365)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--remove", action="store_true", help="remove the account of an earlier run, and stop")
        parser.add_argument("--yes", action="store_true", help="write into the connected database without asking")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sessions"] < 1 or options["days"] < 1:
            raise CommandError("--sessions and --days are at least 1")
        if not options["yes"]:
            name = connection.settings_dict["NAME"]
            raise CommandError(f"this writes {options['sessions']:,} sessions into {name}; say --yes if it may")
        if options["remove"]:
            return scratch_remove()
        if scratch_account():
            raise CommandError("the account of an earlier run is there: use it, or say --remove first")
        started = time.perf_counter()
        tables = [model._meta.db_table for model in COLUMNS]
        before = size_of(tables)
        scratch_fill(Wanted(options["sessions"], options["days"], options["seed"]), self.stdout.write)
        grown = (size_of(tables) - before) / 2**20
        self.stdout.write(f"filled in {(time.perf_counter() - started) / 60:.1f} minutes, {grown:,.0f} MiB")
        return None
