"""`manage.py analyze [--account SLUG]`: run analysis now, instead of waiting for Celery beat."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flowpilot.accounts.models import Account
from proposals.analysis.run import analyze_account
from proposals.models import AnalysisRun
from proposals.tasks import accounts_with_work


class Command(BaseCommand):
    help = "Analyse the sessions that are due, in one account or in all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="SLUG", help="only this account")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = Account.objects.filter(pk__in=accounts_with_work()).order_by("pk")
        if slug := options["account"]:
            if not Account.objects.filter(slug=slug).exists():
                raise CommandError(f"no account has the slug {slug!r}")
            accounts = accounts.filter(slug=slug)
        if not accounts:
            self.stdout.write("Nothing is due for analysis.")
        failed = [account.slug for account in accounts if not self._analyze(account)]
        if failed:
            raise CommandError(f"analysis did not finish for: {', '.join(failed)}")

    def _analyze(self, account: Account) -> bool:
        run = analyze_account(account.pk)
        if run is None:
            self.stdout.write(f"{account.name}: another worker is analysing it right now.")
            return True
        self.stdout.write(
            f"{account.name}: {run.sessions_done} sessions analysed, {run.sessions_failed} put off, "
            f"{run.proposals_created} proposals created, {run.proposals_updated} updated."
        )
        if run.error:
            self.stderr.write(f"{account.name}: {run.get_status_display()}: {run.error}")
        return run.status == AnalysisRun.Status.DONE
