"""Mine flows from a file of session records, without a database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from proposals.management.files import read_sessions, write_json
from proposals.mining import mine
from proposals.mining.jsonl import flows_to_json


class Command(BaseCommand):
    help = "Mine flows from session records (JSON Lines); needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sessions", help="JSON Lines file of session records; - for stdin")
        parser.add_argument("--output", default="-", help="file of flows to write; - for stdout")
        parser.add_argument("--strict", action="store_true", help="fail if any line is bad")

    def handle(self, *args: Any, **options: Any) -> None:
        records = read_sessions(self, options["sessions"], strict=options["strict"])
        flows = mine(records)
        write_json(self, options["output"], flows_to_json(flows))
        self.stderr.write(
            f"{len(records)} sessions read, {len(flows)} flows mined from "
            f"{sum(len(flow.sessions) for flow in flows)} of them."
        )
