"""`manage.py bench_confidence`: what confidence promises against what replay does with sessions kept out."""

import random
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proposals.mining.confidence import Confidence, flow_confidence, replayed_well
from proposals.mining.engine import mine_topic
from proposals.mining.jsonl import read_records
from proposals.mining.records import Record
from proposals.mining.replay import FlowReader
from proposals.mining.topics import group_topics

BINS = 5
SIZES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377)
KEPT_OUT = 60  # sessions that a flow is tried on at most...
LEAST_KEPT_OUT = 10  # ...and at least
UNTRIED = "untried"  # nothing could be held out: the confidence is 0, which promises nothing
LEAST_FLOWS = 10  # in a bin that is judged; the mean of fewer is mostly chance
COLUMNS = ("flows", "expected", "success", "off by", "bound", "holds")


@dataclass(frozen=True, slots=True)
class Trial:
    """One flow mined from `size` sessions of a topic: how these replay through flows mined without them, and how many
    other sessions of that topic, of those tried, replay well through it."""

    size: int
    predicted: Confidence
    succeeded: int
    tried: int

    @property
    def success(self) -> float:
        return self.succeeded / self.tried


@dataclass(frozen=True)
class Summary:
    """Means of some flows. Each flow counts the same, however many sessions it was tried on."""

    flows: int
    expected: float
    success: float
    bound: float
    holds: float  # share of the flows whose bound is at most their success

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "Summary":
        return cls(
            len(trials),
            fmean(t.predicted.expected for t in trials),
            fmean(t.success for t in trials),
            fmean(t.predicted.bound for t in trials),
            fmean(t.predicted.bound <= t.success for t in trials),
        )

    @property
    def off_by(self) -> float:
        return self.success - self.expected

    @property
    def is_judged(self) -> bool:
        return self.flows >= LEAST_FLOWS


class Command(BaseCommand):
    help = (
        "How confidence and success grow with the sessions that a flow is mined from, then expected success in bins "
        "against success on sessions kept out; the last line names the worst bin."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sessions", help="JSON Lines of session records")
        parser.add_argument("--repeats", type=int, default=1, help="random draws for each topic and size (default 1)")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["repeats"] < 1:
            raise CommandError(f"--repeats: expected 1 or more, got {options['repeats']}")
        records = [record for record in _read(options["sessions"]) if record.status in ("resolved", "escalated")]
        trials = list(_trials(records, options["repeats"], random.Random(options["seed"])))  # noqa: S311
        if not trials:
            raise CommandError("no topic has sessions enough to keep some out")
        self._print_table("sessions", _grouped(trials, lambda trial: str(trial.size)))
        bins = _grouped(sorted(trials, key=lambda trial: trial.predicted.expected), _bin_name)
        total = Summary.of(trials)
        self._print_table("expected", bins | {"all": total})
        self._print_verdict(total, [row for name, row in bins.items() if row.is_judged and name != UNTRIED])

    def _print_table(self, key: str, rows: dict[str, Summary]) -> None:
        self.stdout.write(f"{key:>10} " + " ".join(f"{name:>8}" for name in COLUMNS))
        for name, row in rows.items():
            self.stdout.write(
                f"{name:>10} {row.flows:>8} {row.expected:>8.2f} {row.success:>8.2f} {row.off_by:>+8.2f} "
                f"{row.bound:>8.2f} {row.holds:>8.0%}"
                f"{'' if row.is_judged else '  few'}"
            )
        self.stdout.write("")

    def _print_verdict(self, total: Summary, judged: Sequence[Summary]) -> None:
        self.stdout.write(f"the bound is at most the success of {total.holds:.0%} of the flows")
        if not judged:
            self.stdout.write(f"no bin has {LEAST_FLOWS} flows: nothing to judge")
            return
        worst = max(abs(summary.off_by) for summary in judged)
        self.stdout.write(f"worst bin off by {worst:.2f} (of bins with {LEAST_FLOWS} flows or more)")


def _bin_name(trial: Trial) -> str:
    if not trial.predicted.tried:
        return UNTRIED
    low = min(BINS - 1, int(trial.predicted.expected * BINS)) / BINS
    return f"{low:.1f} to {low + 1 / BINS:.1f}"


def _grouped(trials: Sequence[Trial], name: Callable[[Trial], str]) -> dict[str, Summary]:
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[name(trial)].append(trial)
    return {key: Summary.of(members) for key, members in groups.items()}


def _read(path: str) -> list[Record]:
    try:
        with Path(path).open(encoding="utf-8") as lines:
            return [item for item in read_records(lines) if isinstance(item, Record)]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}") from error


def _trials(records: Sequence[Record], repeats: int, rng: random.Random) -> Iterator[Trial]:
    """Topics are grouped once, from all sessions, so what a flow is mined from and what it is tried on are drawn from
    one and the same group: a grouping error weighs on the prediction and on the success alike."""
    for size, members in _draws([[records[i] for i in group] for group in group_topics(records)]):
        for _ in range(repeats):
            yield _trial(rng.sample(members, len(members)), size)


def _draws(topics: Sequence[Sequence[Record]]) -> Iterator[tuple[int, Sequence[Record]]]:
    for size in SIZES:
        for members in topics:
            if len(members) >= size + LEAST_KEPT_OUT:
                yield size, members


def _trial(shuffled: Sequence[Record], size: int) -> Trial:
    kept, out = shuffled[:size], shuffled[size : size + KEPT_OUT]
    predicted = flow_confidence(kept)
    flow = mine_topic(kept)
    if flow is None:
        return Trial(size, predicted, 0, len(out))
    reader = FlowReader(flow.definition, flow.examples)
    return Trial(size, predicted, sum(replayed_well(reader, out)), len(out))
