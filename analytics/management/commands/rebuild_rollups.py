"""`manage.py rebuild_rollups [--account SLUG]`: count all kept days anew."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.rollups.roll import account_roll_up
from flowpilot.accounts.models import Account


class Command(BaseCommand):
    help = "Count all days of one account, or of all, anew. Figures stay exact meanwhile, they are only slower to read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="SLUG", help="only this account")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = Account.objects.order_by("pk")
        if slug := options["account"]:
            accounts = accounts.filter(slug=slug)
            if not accounts:
                raise CommandError(f"no account has the slug {slug!r}")
        busy = [account.slug for account in accounts if not self._rebuild(account)]
        if busy:
            raise CommandError(f"another worker was at it, nothing was done for: {', '.join(busy)}")

    def _rebuild(self, account: Account) -> bool:
        days = account_roll_up(account.pk, anew=True)
        if days is not None:
            self.stdout.write(f"{account.name}: {days:,} days counted.")
        return days is not None
