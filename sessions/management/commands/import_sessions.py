"""`manage.py import_sessions --account SLUG FILE`: session records from JSON Lines."""

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click
from django.core.management.base import BaseCommand, CommandError

from flowpilot.accounts.models import Account
from flowpilot.common.errors import ServiceError
from sessions.ingest.lines import batches, lines_ingest
from sessions.records import Line, RecordError, read_lines


class Command(BaseCommand):
    help = "Import session records (JSON Lines) into an account. A record that is there already changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="a JSON Lines file, or - for standard input")
        parser.add_argument("--account", required=True, metavar="SLUG", help="the account to import into")
        parser.add_argument("--create-account", metavar="NAME", help="make the account with this name if it is missing")
        parser.add_argument("--strict", action="store_true", help="exit with 1 when any line is bad")
        parser.add_argument("--max-errors", type=int, default=20, help="bad lines shown in full (default 20)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.shown, self.max_errors = 0, options["max_errors"]
        self.counts: Counter[str] = Counter()
        with ExitStack() as stack:
            stream, size = _open(options["file"], stack)
            account = _account(options["account"], options["create_account"])
            self._import(account, stream, size)
        self._report(account)
        if options["strict"] and self.counts["bad"]:
            raise CommandError(f"{self.counts['bad']} bad lines (--strict)")

    def _import(self, account: Account, stream: BinaryIO, size: int | None) -> None:
        bar: Any = click.progressbar(length=size, label="Importing", file=sys.stderr) if size else nullcontext()
        done = 0
        with bar as progress:
            for batch in batches(read_lines(stream)):
                self._take(account, batch)
                if progress is not None:
                    progress.update(batch[-1].end - done)
                    done = batch[-1].end
            if progress is not None and size:
                progress.update(size - done)

    def _take(self, account: Account, batch: Sequence[Line]) -> None:
        try:
            results = lines_ingest(actor=None, account=account, lines=batch)
        except ServiceError as error:
            raise CommandError(error.message) from error
        for line, result in zip(batch, results, strict=True):
            if result.outcome == "bad":
                self._bad(line.number, result.errors)
            else:
                self.counts[result.outcome] += 1

    def _bad(self, number: int, errors: tuple[RecordError, ...]) -> None:
        self.counts["bad"] += 1
        if self.shown == self.max_errors:
            self.stderr.write("Further bad lines are counted, not shown (--max-errors shows more).")
        elif self.shown < self.max_errors:
            for error in errors[:10]:
                self.stderr.write(f"line {number}: {error.field or 'record'}: {error.reason}")
        self.shown += 1

    def _report(self, account: Account) -> None:
        words = ", ".join(f"{self.counts[name]} {name}" for name in ("imported", "unchanged", "updated", "bad"))
        self.stdout.write(f"{account.name}: {words}.")


def _account(slug: str, name: str | None) -> Account:
    account = Account.objects.filter(slug=slug).first()
    if account is None and name:
        from flowpilot.accounts.services import account_create

        try:
            return account_create(slug=slug, name=name)
        except ServiceError as error:
            raise CommandError(error.message) from error
    if account is None:
        known = ", ".join(Account.objects.order_by("slug").values_list("slug", flat=True)[:10]) or "none yet"
        raise CommandError(f"no account has the slug {slug!r} (there are: {known}); --create-account NAME makes it")
    return account


def _open(path: str, stack: ExitStack) -> tuple[BinaryIO, int | None]:
    """The stream and, where it is known, its size in bytes."""
    if path == "-":
        return sys.stdin.buffer, None
    try:
        return stack.enter_context(Path(path).open("rb")), Path(path).stat().st_size
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
