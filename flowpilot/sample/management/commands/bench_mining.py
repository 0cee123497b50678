"""`manage.py bench_mining`: how the cost of mining grows with the number of sessions. Needs no database."""

import resource
import subprocess
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flowpilot.sample.generate import DEFAULT_SEED, generate_sessions
from proposals.mining.engine import mine
from proposals.mining.jsonl import read_records
from proposals.mining.records import Record, record_from_json

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = (1_000, 10_000)


class Command(BaseCommand):
    help = "Time mining on generated sessions of growing number, and on a file of your own; prints a table."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sizes", type=int, nargs="+", default=SIZES, help="numbers of sessions (default %(default)s)"
        )
        parser.add_argument("--file", type=Path, help="also mine these session records (JSON Lines)")
        parser.add_argument("--one", help="internal: measure one case in this process")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["one"]:
            self._measure(options["one"])
            return
        self.stdout.write(f"{'sessions':>9} {'steps':>9} {'flows':>6} {'seconds':>8} {'x time':>7} {'peak MB':>8}")
        before: tuple[int, float] | None = None
        for size in options["sizes"]:
            count, steps, flows, seconds, peak = _in_own_process(str(size))
            growth = "" if before is None else f"{seconds / before[1]:.1f}"
            self.stdout.write(f"{count:>9.0f} {steps:>9.0f} {flows:>6.0f} {seconds:>8.2f} {growth:>7} {peak:>8.0f}")
            before = (size, seconds)
        if options["file"]:
            count, steps, flows, seconds, peak = _in_own_process(str(options["file"].resolve()))
            self.stdout.write(f"{count:>9.0f} {steps:>9.0f} {flows:>6.0f} {seconds:>8.2f} {'file':>7} {peak:>8.0f}")

    def _measure(self, case: str) -> None:
        records = _records(case)
        start = time.perf_counter()
        flows = mine(records)
        seconds = time.perf_counter() - start
        steps = sum(len(record.steps) + len(record.transcript or ()) for record in records)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.stdout.write(f"{len(records)} {steps} {len(flows)} {seconds} {peak}")


def _records(case: str) -> list[Record]:
    if case.isdecimal():
        sessions = generate_sessions(until=UNTIL, count=int(case), seed=DEFAULT_SEED)
        return [r for r in map(record_from_json, sessions) if r.status in ("resolved", "escalated")]
    with Path(case).open(encoding="utf-8") as lines:
        return [item for item in read_records(lines) if isinstance(item, Record)]


def _in_own_process(case: str) -> tuple[float, ...]:
    """Each case starts cold and has a peak memory of its own."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, sys.argv[0], "bench_mining", "--one", case], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{case} failed")
    return tuple(float(word) for word in done.stdout.split())
