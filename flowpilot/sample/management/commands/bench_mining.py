"""`manage.py bench_mining`: how the cost of mining grows with the number of sessions. Needs no database."""

import hashlib
import json
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
from proposals.mining.jsonl import flows_to_json, read_records
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
        self.stdout.write(_line("sessions", "steps", "flows", "seconds", "x time", "peak MB", "digest"))
        before: float | None = None
        for size in options["sizes"]:
            count, steps, flows, seconds, peak, digest = _in_own_process(str(size))
            growth = "" if before is None else f"{float(seconds) / before:.1f}"
            self.stdout.write(_line(count, steps, flows, seconds, growth, peak, digest))
            before = float(seconds)
        if options["file"]:
            count, steps, flows, seconds, peak, digest = _in_own_process(str(options["file"].resolve()))
            self.stdout.write(_line(count, steps, flows, seconds, "file", peak, digest))

    def _measure(self, case: str) -> None:
        records = _records(case)
        start = time.perf_counter()
        flows = mine(records)
        seconds = time.perf_counter() - start
        steps = sum(len(record.steps) + len(record.transcript or ()) for record in records)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        # Of all that was found: the same digest is the same structure, words and evidence.
        digest = hashlib.sha256(json.dumps(flows_to_json(flows), sort_keys=True).encode()).hexdigest()[:16]
        self.stdout.write(f"{len(records)} {steps} {len(flows)} {seconds:.2f} {peak:.0f} {digest}")


def _records(case: str) -> list[Record]:
    if case.isdecimal():
        sessions = generate_sessions(until=UNTIL, count=int(case), seed=DEFAULT_SEED)
        return [r for r in map(record_from_json, sessions) if r.status in ("resolved", "escalated")]
    with Path(case).open(encoding="utf-8") as lines:
        return [item for item in read_records(lines) if isinstance(item, Record)]


def _line(*cells: str) -> str:
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, (9, 9, 6, 8, 7, 8, 16), strict=True))


def _in_own_process(case: str) -> list[str]:
    """Each case starts cold and has a peak memory of its own."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, sys.argv[0], "bench_mining", "--one", case], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{case} failed")
    return done.stdout.split()
