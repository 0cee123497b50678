"""`manage.py load_script_library`: the script templates that come with FlowPilot, as everybody's."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flowpilot.common.errors import ServiceError
from sessions.scripts.library import LIBRARY, library_load


class Command(BaseCommand):
    help = "Add the library's script templates, and publish new versions of those that have changed. Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            added, changed = library_load(entries=LIBRARY)
        except ServiceError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{len(LIBRARY)} script templates: {added} added, {changed} changed.")
