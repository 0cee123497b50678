"""`manage.py detect_gaps [--account SLUG]`: measure knowledge gaps now, instead of waiting for Celery beat."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.gaps.detect import gaps_detect
from analytics.gaps.selectors import accounts_with_sessions
from flowpilot.accounts.models import Account


class Command(BaseCommand):
    help = "Measure the knowledge gaps of one account or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="SLUG", help="only this account")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = Account.objects.filter(pk__in=accounts_with_sessions()).order_by("pk")
        if slug := options["account"]:
            if not Account.objects.filter(slug=slug).exists():
                raise CommandError(f"no account has the slug {slug!r}")
            accounts = accounts.filter(slug=slug)
        if not accounts:
            self.stdout.write("No session has ended: there is nothing to measure.")
        for account in accounts:
            done = gaps_detect(account_id=account.pk)
            if done is None:
                self.stdout.write(f"{account.name}: another worker is measuring it right now.")
                continue
            self.stdout.write(
                f"{account.name}: {done.opened} gaps found, {done.reopened} came back, {done.closed} closed, "
                f"{done.measured} measured again."
            )
