"""`manage.py sample_history`: past reviews for a sample account that was just loaded; before its first analysis."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.sample.cast import ACCOUNT_SLUG
from flowpilot.sample.generate import DEFAULT_SEED
from flowpilot.sample.history import history_make


class Command(BaseCommand):
    help = "Give a sample account that has not been analysed yet proposals that were decided in the past."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED)

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account.objects.filter(slug=ACCOUNT_SLUG).first()
        if account is None:
            raise CommandError("load the sample account first: manage.py load_sample")
        decided = history_make(account=account, seed=options["seed"], now=timezone.now())
        if decided:
            self.stdout.write(f"{account.name}: {len(decided)} proposals decided in the past.")
