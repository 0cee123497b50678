"""`manage.py bench_confidence`: predicted confidence against what replay does with sessions kept out."""

import random
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proposals.mining.confidence import flow_confidence, replays_well
from proposals.mining.engine import mine_topic
from proposals.mining.jsonl import read_records
from proposals.mining.records import Record
from proposals.mining.replay import FlowReader
from proposals.mining.topics import group_topics

BINS = 5
SIZES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
KEPT_OUT = 60


@dataclass(frozen=True, slots=True)
class Trial:
    """One flow mined from `size` sessions of a topic: its confidence, and its success on others of that topic."""

    size: int
    predicted: float
    succeeded: int
    tried: int


class Command(BaseCommand):
    help = "Bin predicted confidence against replay success on sessions kept out; the last line names the worst bin."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sessions", help="JSON Lines of session records")
        parser.add_argument("--repeats", type=int, default=3, help="random draws for each topic and size (default 3)")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        records = [record for record in _read(options["sessions"]) if record.status in ("resolved", "escalated")]
        trials = list(_trials(records, options["repeats"], random.Random(options["seed"])))  # noqa: S311
        if not trials:
            raise CommandError("no topic has sessions enough to keep some out")
        self._print(trials)

    def _print(self, trials: Sequence[Trial]) -> None:
        self.stdout.write(f"{'predicted':>11} {'flows':>6} {'replays':>8} {'mean':>6} {'success':>8} {'off by':>7}")
        worst = 0.0
        for low, members in _bins(trials):
            tried = sum(t.tried for t in members)
            # Each flow counts the same, however many sessions it was tried on.
            predicted = sum(t.predicted for t in members) / len(members)
            success = sum(t.succeeded / t.tried for t in members) / len(members)
            worst = max(worst, abs(predicted - success))
            self.stdout.write(
                f"{low:.1f} to {low + 1 / BINS:.1f} {len(members):>6} {tried:>8} {predicted:>6.2f} {success:>8.2f} "
                f"{success - predicted:>+7.2f}"
            )
        self.stdout.write(f"worst bin off by {worst:.2f}")


def _read(path: str) -> list[Record]:
    try:
        with Path(path).open(encoding="utf-8") as lines:
            return [item for item in read_records(lines) if isinstance(item, Record)]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}") from error


def _bins(trials: Sequence[Trial]) -> list[tuple[float, list[Trial]]]:
    bins: dict[int, list[Trial]] = defaultdict(list)
    for trial in trials:
        bins[min(BINS - 1, int(trial.predicted * BINS))].append(trial)
    return [(number / BINS, members) for number, members in sorted(bins.items())]


def _trials(records: Sequence[Record], repeats: int, rng: random.Random) -> Iterator[Trial]:
    for group in group_topics(records):
        members = [records[i] for i in group]
        for size in SIZES:
            if len(members) < size + min(KEPT_OUT, 10):
                break
            for _ in range(repeats):
                yield _trial(rng.sample(members, len(members)), size)


def _trial(shuffled: Sequence[Record], size: int) -> Trial:
    kept, out = shuffled[:size], shuffled[size : size + KEPT_OUT]
    flow = mine_topic(kept)
    if flow is None:
        return Trial(size, 0.0, 0, len(out))
    reader = FlowReader(flow.definition, flow.examples)
    return Trial(size, flow_confidence(kept), sum(replays_well(reader, record) for record in out), len(out))
