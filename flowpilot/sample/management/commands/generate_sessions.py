"""`manage.py generate_sessions`: sample sessions as JSON Lines, without a database."""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError

from flowpilot.sample.generate import DEFAULT_COUNT, DEFAULT_DAYS, DEFAULT_SEED, generate_sessions


class Command(BaseCommand):
    help = "Write sample sessions as JSON Lines, one at a time. Needs no database."
    requires_system_checks: list[str] = []  # the files of the project are no concern here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help="how many sessions")
        parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help="over how many days")
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
        parser.add_argument(
            "--until",
            required=True,
            metavar="DATE",
            help="newest day, such as 2026-06-30 (to 18:00 UTC), or a time with its offset",
        )
        parser.add_argument("--output", required=True, metavar="FILE", help="a file, or - for stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sessions = generate_sessions(
                until=_parse_until(options["until"]),
                count=options["count"],
                seed=options["seed"],
                days=options["days"],
            )
        except ValueError as error:
            raise CommandError(f"--{error}") from error
        try:
            with _opened(options["output"]) as stream:
                for session in sessions:
                    stream.write(json.dumps(session, ensure_ascii=False) + "\n")
        except BrokenPipeError:
            # The reader has had enough (`| head`). Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise CommandError(f"--output {options['output']}: {error.strerror}") from error


def _parse_until(text: str) -> datetime:
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"until: not a date or time: {text!r}") from None
    if len(text) <= len("2026-06-30"):
        return until.replace(hour=18, tzinfo=UTC)
    return until


@contextmanager
def _opened(output: str) -> Iterator[TextIO]:
    if output == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    with Path(output).open("w", encoding="utf-8") as stream:
        yield stream
