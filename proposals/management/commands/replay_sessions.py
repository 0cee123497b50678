"""Replay session records through mined flows, without a database."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from proposals.management.files import read_json, read_sessions, write_json
from proposals.mining import FlowReplayer
from proposals.mining.jsonl import BadFlows, flows_from_json


class Command(BaseCommand):
    help = "Replay session records (JSON Lines) through mined flows; needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flows", help="file written by mine_flows; - for stdin")
        parser.add_argument("sessions", help="JSON Lines file of session records; - for stdin")
        parser.add_argument("--output", default="-", help="file of replays to write; - for stdout")
        parser.add_argument("--strict", action="store_true", help="fail if any line is bad")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["flows"] == options["sessions"] == "-":
            raise CommandError("Only one of the flows and the sessions can come from stdin.")
        try:
            flows = flows_from_json(read_json(options["flows"]))
        except BadFlows as error:
            raise CommandError(f"{options['flows']} holds no flows: {error}.") from error
        records = read_sessions(self, options["sessions"], strict=options["strict"])
        replays = FlowReplayer(flows).replay_all(records)
        rows = [
            {
                "external_id": record.key,
                "flow": key,
                "path": [node for node, _, _ in replay.path],
                "options": [option for _, option, _ in replay.path],
                "resolution": replay.end_node,
                "outcome": replay.outcome,
                "left_at": replay.left_at,
                "coverage": round(replay.coverage, 4),
            }
            for record, (key, replay) in zip(records, replays, strict=True)
        ]
        write_json(self, options["output"], {"replays": rows})
        outcomes = Counter(replay.outcome for _, replay in replays)
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        self.stderr.write(f"{len(records)} sessions replayed: {told}.")
