"""Sense in requests: what their values have to do with each other, and with what is there, which no schema can tell.

What a request is wrong in on purpose stays as it is.
"""

import itertools
import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

Row = dict[str, Any]
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC")
LONGEST = timedelta(days=3_000)
_KEY = re.compile("[ -~]{1,255}")
_NUMBER = re.compile("[1-9][0-9]{0,14}")


class Sense:
    """`rows` are values by the name of the parameter or field that takes them; `found` gives a collection's rows."""

    def __init__(self, rows: dict[str, list[Any]], found: Callable[[str], list[Row]], chance: random.Random) -> None:
        self.rows, self.found, self.chance = rows, found, chance
        self.numbers = itertools.count(1)
        # Decided once: each of them serves one decision.
        self.waiting: dict[str, list[Row]] = {}

    def make(self, case: Any, *, right: bool) -> None:
        """Mend a case in place; `right`: it is meant to be taken."""
        if case.headers and _KEY.fullmatch(str(case.headers.get("Idempotency-Key", ""))):
            # Any is right, but only once.
            case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}{next(self.numbers)}"
        if case.query:
            self._query(case.query, right)
        if case.path_parameters and self.chance.random() < 0.75:
            self._row(case, right)
        if right:
            self._body(case)

    def _query(self, query: dict[str, Any], right: bool) -> None:
        for name in set(query) & set(self.rows):
            if name == "account" or _NUMBER.fullmatch(str(query[name])):
                query[name] = self.chance.choice(self.rows[name])
        if not right:
            return
        if self.chance.random() < 0.75:
            query.pop("cursor", None)
        if "zone" in query:
            query["zone"] = self.chance.choice(ZONES)
        if "first" in query or "last" in query:
            first, last = sorted((query.get("first", "2026-01-01"), query.get("last", "2026-01-31")))
            most = date.fromisoformat(first).toordinal() + LONGEST.days
            query["first"] = first
            query["last"] = str(min(date.fromisoformat(last), date.fromordinal(min(most, date.max.toordinal()))))

    def _row(self, case: Any, right: bool) -> None:
        """A row that is there, as it stands; a decision is about one that waits."""
        collection = case.operation.path.partition("{id}")[0].replace("/metrics/", "/")
        if not _NUMBER.fullmatch(str(case.path_parameters.get("id"))) or not (rows := self.found(collection)):
            return
        row = self.chance.choice(rows)
        if case.method == "POST" and collection.endswith("/proposals/"):
            waiting = self.waiting.setdefault(collection, [row for row in rows if row["status"] == "pending"])
            row = waiting.pop() if right and len(waiting) > 1 else waiting[0]
        case.path_parameters["id"] = row["id"]
        if right and isinstance(case.body, dict) and "revision" in case.body and "revision" in row:
            case.body["revision"] = row["revision"]

    def _body(self, case: Any) -> None:
        label, body = case.operation.label, case.body
        if label == "POST /api/v1/sessions/":
            for record in body if isinstance(body, list) else [body]:
                self._record(record)
        elif isinstance(body, dict):
            for name in {"definition", "owner"} & {name for name in body if body[name] is not None}:
                body[name] = self.chance.choice(self.rows[name])
            if body.get("wake_at"):
                body["wake_at"] = "2100-01-01T00:00:00Z"
                body.pop("wake_sessions", None)
            if body.get("wake_sessions") is None:
                body.pop("wake_clients", None)

    def _record(self, record: Row) -> None:
        """Times in their order and in years that are taken; steps or a transcript; a flow that there is."""
        names = [name for name in ("started_at", "ended_at") if record.get(name)]
        times = sorted(_plausible(record[name]) for name in names)
        record.update(zip(names, times, strict=True))
        for step in record.get("steps") or []:
            if step.get("at"):
                step["at"] = _plausible(step["at"])
        if record.get("steps") is not None:
            record.pop("transcript", None)
        for name in ("flow", "team"):
            if record.get(name):
                record[name] = self.chance.choice(self.rows[f"{name}_word"])


def _plausible(time: str) -> str:
    """The same time in a year that is no leap year."""
    return f"2026-{time[5:10] if time[5:10] != '02-29' else '02-28'}T{time[11:19]}Z"
