"""`manage.py apply_retention [--account SLUG] [--dry-run]`: what beat does every night, now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from flowpilot.accounts.models import DataPolicy
from flowpilot.privacy.retention import retention_preview, retention_run


class Command(BaseCommand):
    help = "Remove sessions and texts that accounts keep longer than their data policies say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="SLUG", help="only this account")
        parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        policies = DataPolicy.objects.select_related("account").order_by("account__slug")
        if slug := options["account"]:
            policies = policies.filter(account__slug=slug)
            if not policies:
                raise CommandError(f"there is no account {slug!r} with a data policy")
        for policy in policies:
            if options["dry_run"]:
                counts: dict[str, int] | None = retention_preview(policy, timezone.now())
            else:
                counts = retention_run(policy.account_id)
            told = "another run is at it" if counts is None else _told(counts)
            self.stdout.write(f"{policy.account.slug}: {told}")


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
