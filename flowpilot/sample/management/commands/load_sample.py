"""`manage.py load_sample`: the sample account, with people, published flows and worked sessions."""

import os
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

import click
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.common.errors import ServiceError
from flowpilot.sample.cast import ACCOUNT_NAME, ACCOUNT_SLUG
from flowpilot.sample.generate import DEFAULT_COUNT, DEFAULT_SEED
from flowpilot.sample.load import sample_load
from sessions.scripts.library import LIBRARY, library_load

PASSWORD_FILE = settings.VAR_DIR / "demo_password"


class Command(BaseCommand):
    help = (
        f"Load the script library, and make the sample account {ACCOUNT_NAME}; its demo log-ins share the password in "
        f"{PASSWORD_FILE.name}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        count = os.environ.get("SAMPLE_SESSIONS", str(DEFAULT_COUNT))
        parser.add_argument("--count", type=int, default=count, help="sessions (default SAMPLE_SESSIONS, %(default)s)")
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
        parser.add_argument("--once", action="store_true", help="do nothing where the account is there already")

    def handle(self, *args: Any, **options: Any) -> None:
        library_load(entries=LIBRARY)
        if options["once"] and Account.objects.filter(slug=ACCOUNT_SLUG).exists():
            return
        if options["count"] < 0:
            raise CommandError("--count must not be negative")
        bar: Any = click.progressbar(length=options["count"], label="Sample sessions", file=sys.stderr)
        with bar:
            done = 0

            def progress(stored: int) -> None:
                nonlocal done
                bar.update(stored - done)
                done = stored

            try:
                sample_load(
                    password=demo_password(),
                    count=options["count"],
                    seed=options["seed"],
                    until=timezone.now(),
                    progress=progress,
                )
            except ServiceError as error:
                raise CommandError(error.message) from error
        self.stdout.write(f"{ACCOUNT_NAME}: {options['count']} sessions loaded.")


def demo_password() -> str:
    """The demo log-ins' password: made once for this installation, so that no installation has a known one."""
    if not PASSWORD_FILE.exists():
        PASSWORD_FILE.parent.mkdir(parents=True, exist_ok=True)
        PASSWORD_FILE.touch(mode=0o600)
        PASSWORD_FILE.write_text(secrets.token_hex(6))
    return PASSWORD_FILE.read_text()
