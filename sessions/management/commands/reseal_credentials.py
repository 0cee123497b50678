"""`manage.py reseal_credentials`: the second step of changing SEAL_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions.psa.connections import connections_reseal


class Command(BaseCommand):
    help = "Seal the credentials of all connections with the first key of SEAL_KEY; then the other keys may go."

    def handle(self, *args: Any, **options: Any) -> None:
        sealed, broken = connections_reseal()
        self.stdout.write(f"{sealed} sealed with the first key.")
        if broken:
            ids = ", ".join(map(str, broken))
            raise CommandError(f"no key opens the credentials of connection {ids}: enter them again, or add the key")
