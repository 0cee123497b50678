"""`manage.py reseal_credentials`: the second step of changing SEAL_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flowpilot.accounts.twofactor import secrets_reseal
from flowpilot.llm.configuration import language_models_reseal
from flowpilot.webhooks.endpoints import endpoints_reseal
from sessions.psa.connections import connections_reseal


class Command(BaseCommand):
    help = "Seal all credentials and secrets with the first key of SEAL_KEY; then the other keys may go."

    def handle(self, *args: Any, **options: Any) -> None:
        resealed = {
            "connection": connections_reseal(),
            "webhook endpoint": endpoints_reseal(),
            "second factor": secrets_reseal(),
            "language model": language_models_reseal(),
        }
        self.stdout.write(f"{sum(sealed for sealed, _ in resealed.values())} sealed with the first key.")
        broken = [f"{what} {pk}" for what, (_, ids) in resealed.items() for pk in ids]
        if broken:
            raise CommandError(f"no key opens what is kept of {', '.join(broken)}: enter it anew, or add the key")
