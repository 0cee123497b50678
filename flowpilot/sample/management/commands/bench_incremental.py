"""`manage.py bench_incremental`: whether sessions that arrive in batches end in the topics that all at once make."""

import random
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from flowpilot.sample.generate import DEFAULT_SEED, generate_sessions
from proposals.mining.jsonl import read_records
from proposals.mining.records import Record, record_from_json
from proposals.mining.topicindex import Exemplar, sketch
from proposals.mining.topics import ANCHORS, group_topics, regroup, young_topics
from proposals.mining.transcript import counted_steps

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = ("resolved", "escalated")


class Command(BaseCommand):
    help = "Compare the topics of sessions that arrive in batches, in random order, with those of all at once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="session records (JSON Lines)")
        parser.add_argument("--sessions", type=int, default=2000, help="generated without a file (default %(default)s)")
        parser.add_argument("--batches", type=int, default=10, help="default %(default)s")
        parser.add_argument("--seed", type=int, default=0, help="the first order of arrival (default %(default)s)")
        parser.add_argument("--orders", type=int, default=1, help="orders of arrival (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batches"] < 1 or options["orders"] < 1:
            raise CommandError("--batches and --orders: at least 1")
        records = [r for r in _records(options["file"], options["sessions"]) if counted_steps(r)]
        if not records:
            raise CommandError("no session with a step")
        whole = {records[i].key: k for k, group in enumerate(group_topics(records)) for i in group}
        self.stdout.write(f"{len(records)} sessions, {len(set(whole.values()))} topics at once")
        for seed in range(options["seed"], options["seed"] + options["orders"]):
            began = time.perf_counter()
            arrived = arrive(records, options["batches"], seed)
            seconds = time.perf_counter() - began
            self.stdout.write(
                f"order {seed}: {options['batches']} batches, {len(set(arrived.values()))} topics, "
                f"sessions_b3 {b_cubed(arrived, whole):.3f} of batches and at once, {seconds:.1f} s"
            )


def arrive(records: Sequence[Record], batches: int, seed: int) -> dict[str, int]:
    """The topic of each record (by key) after all have come in `batches` of a random order, as analysis places them."""
    order = list(records)
    random.Random(seed).shuffle(order)  # noqa: S311  # an order of arrival
    topics: dict[int, list[Record]] = {}
    for batch in np.array_split(np.arange(len(order)), batches):
        _place([order[i] for i in batch], topics)
    return {record.key: key for key, members in topics.items() for record in members}


def _place(newcomers: Sequence[Record], topics: dict[int, list[Record]]) -> None:
    known = {key: sketch(map(Exemplar.of, members)) for key, members in topics.items()}
    young = {key: topics[key] for key in young_topics({key: len(members) for key, members in topics.items()})}

    def anchors(keys: Sequence[int]) -> dict[int, list[Record]]:
        chosen = {key: {exemplar.key for exemplar in known[key][:ANCHORS]} for key in keys}
        return {key: [r for r in topics[key] if r.key in chosen[key]] for key in keys}

    groups = regroup(newcomers, known, young, anchors)
    for key in young:
        del topics[key]
    fresh = max([*topics, *young], default=0) + 1
    for place, group in enumerate(groups):
        key = group.key if group.key is not None else fresh + place
        topics.setdefault(key, []).extend(group.members)


def b_cubed(one: Mapping[str, Hashable], other: Mapping[str, Hashable]) -> float:
    """B-cubed F1 (Bagga and Baldwin 1998) of two groupings of the same keys; 1 where they are the same."""
    groups: tuple[dict[Hashable, set[str]], ...] = (defaultdict(set), defaultdict(set))
    for sets, grouping in zip(groups, (one, other), strict=True):
        for key, group in grouping.items():
            sets[group].add(key)
    mine, theirs = groups
    shared = {key: len(mine[one[key]] & theirs[other[key]]) for key in one}
    precision = np.mean([shared[key] / len(mine[one[key]]) for key in one])
    recall = np.mean([shared[key] / len(theirs[other[key]]) for key in one])
    return float(2 * precision * recall / (precision + recall))


def _records(file: Path | None, count: int) -> list[Record]:
    if file is None:
        sessions = generate_sessions(until=UNTIL, count=count, seed=DEFAULT_SEED)
        return [record for record in map(record_from_json, sessions) if record.status in ENDED]
    try:
        with file.open(encoding="utf-8") as lines:
            return [item for item in read_records(lines) if isinstance(item, Record)]
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
