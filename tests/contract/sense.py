"""Sense in requests: what their values have to do with each other, and with what is there, which no schema can tell.

What a request is wrong in on purpose stays as it is.
"""

import itertools
import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Protocol

Row = dict[str, Any]
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC")
LONGEST = timedelta(days=3_000)
_KEY = re.compile("[ -~]{1,255}")
_NUMBER = re.compile("[1-9][0-9]{0,15}")
MOST = 2**53 - 1
_TAG = re.compile('(?:W/)?"[0-9]{1,9}-[a-z_]*-[0-9a-f]{16}"')
# Where one may stand in the flows that are there, and what can be answered.
STANDS: tuple[dict[str, Any], ...] = (
    {},
    {"node": "n1"},
    {"option": "o2"},
    {"node": "n1", "option": "o1"},
    {"node": "n2", "option": "o1", "version": 1},
    {"version": 1, "response": "Yes"},
    {"node": "n4"},
)


class Rows(Protocol):
    """Rows in the state that an operation is about."""

    def row(self, operation: str) -> Row | None: ...

    def make_room(self) -> None: ...


class Sense:
    """`rows` are values by the name of the parameter or field that takes them; `found` gives the rows of a collection,
    `tag` the `ETag` of an address."""

    def __init__(
        self,
        rows: dict[str, list[Any]],
        found: Callable[[str], list[Row]],
        tag: Callable[[str], str],
        supply: Rows,
        chance: random.Random,
    ) -> None:
        self.rows, self.found, self.tag, self.supply, self.chance = rows, found, tag, supply, chance
        self.numbers = itertools.count(1)

    def make(self, case: Any, *, right: bool) -> None:
        """Mend a case in place; `right`: it is meant to be taken."""
        operation = case.operation.label.replace("/api/v1/", "")
        if case.headers and _KEY.fullmatch(str(case.headers.get("Idempotency-Key", ""))):
            # Any is right, but only once.
            case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}{next(self.numbers)}"
        if case.query:
            self._query(case.query, right)
        row = self._row(operation, case) if case.path_parameters else None
        if right:
            if case.headers and not _TAG.fullmatch(str(case.headers.get("If-Match", ""))):
                # An example of a text, which the header's pattern does not allow.
                case.headers.pop("If-Match", None)
            if row is not None:
                self._as_it_was_read(case, row)
            if "If-Match" in case.operation.headers and operation != "POST proposals/{id}/undo/":
                self._about_one_revision(case, row or {})
            self._body(operation, case, row or {})

    def _query(self, query: dict[str, Any], right: bool) -> None:
        for name in set(query) & set(self.rows):
            # What is wrong must not become right: it was not made to be.
            if (name == "account" and _is_text(query[name])) or _is_number(query[name]):
                query[name] = self.chance.choice(self.rows[name])
        if not right:
            return
        for name in [name for name in query if query[name] == ""]:
            # No schema allows it: a link took it from a row that has no value there.
            del query[name]
        if self.chance.random() < 0.75:
            query.pop("cursor", None)
        if "zone" in query:
            query["zone"] = self.chance.choice(ZONES)
        if "first" in query or "last" in query:
            first, last = sorted(_counted(query.get(name, "2026-01-31")) for name in ("first", "last"))
            query["first"], query["last"] = str(first), str(min(last, first + LONGEST))

    def _row(self, operation: str, case: Any) -> Row | None:
        """Let the case be about a row that is there, of an operation's own supply where it uses rows up."""
        if not _is_number(case.path_parameters.get("id")):
            return None
        # What may be anything would now and then delete what others are about.
        if self.chance.random() > 0.75 and not operation.startswith("DELETE "):
            return None
        row = self.supply.row(operation)
        if row is None:
            collection = case.operation.path.partition("{id}")[0].replace("/metrics/", "/")
            if not (rows := self.found(collection)):
                return None
            row = self.chance.choice(rows)
        case.path_parameters["id"] = row["id"]
        return row

    def _as_it_was_read(self, case: Any, row: Row) -> None:
        if isinstance(case.body, dict) and "revision" in case.body and "revision" in row:
            case.body["revision"] = row["revision"]
        if case.headers and "If-Match" in case.headers and self.chance.random() < 0.75:
            case.headers["If-Match"] = self._tag_of(case, row)

    def _about_one_revision(self, case: Any, row: Row) -> None:
        """The body names a revision, or the header does."""
        if not (isinstance(case.body, dict) and "revision" in case.body) and "If-Match" not in (case.headers or {}):
            case.headers = {**(case.headers or {}), "If-Match": self._tag_of(case, row)}

    def _tag_of(self, case: Any, row: Row) -> str:
        found = self.tag(case.operation.path.partition("{id}")[0] + f"{row['id']}/") if row else ""
        return found or '"1-pending-0123456789abcdef"'

    def _body(self, operation: str, case: Any, row: Row) -> None:
        body = case.body
        if operation == "POST sessions/":
            for record in body if isinstance(body, list) else [body]:
                if isinstance(record, dict):
                    self._record(record)
            return
        if operation == "POST webhooks/":
            self.supply.make_room()
        if not isinstance(body, dict):
            return
        for name in {"definition", "owner", "flow", "to_user", "to_team"} & set(body):
            if body[name] is not None:
                body[name] = self.chance.choice(self.rows[name])
        mend = {
            "POST proposals/{id}/dismiss/": self._parking,
            "POST sessions/{id}/answer/": self._answer,
            "POST sessions/{id}/steps/": self._step,
            "POST sessions/{id}/escalate/": self._receiver,
            "POST flows/{id}/walk/": self._walk,
            "POST script-templates/{id}/render/": self._render,
            "POST webhooks/": self._address,
            "PATCH webhooks/{id}/": self._address,
            "PATCH gaps/{id}/": self._acceptance,
        }.get(operation)
        if mend:
            mend(body, row)

    def _parking(self, body: Row, row: Row) -> None:
        if body.get("wake_at"):
            body["wake_at"] = "2100-01-01T00:00:00Z"
            body.pop("wake_sessions", None)
        if body.get("wake_sessions") is None:
            body.pop("wake_clients", None)
        elif body.get("wake_clients"):
            body["wake_clients"] = min(body["wake_clients"], body["wake_sessions"])

    def _answer(self, body: Row, row: Row) -> None:
        """One of two answers, or what was found instead."""
        body["node"] = row.get("node") or "n1"
        if "option" in body or "response" not in body:
            body["option"] = self.chance.choice(("o1", "o2"))

    def _step(self, body: Row, row: Row) -> None:
        if body.get("kind") == "note":
            body.pop("response", None)

    def _receiver(self, body: Row, row: Row) -> None:
        if "to_team" in body:
            body.pop("to_user", None)

    def _walk(self, body: Row, row: Row) -> None:
        body.clear()
        body.update(self.chance.choice(STANDS))

    def _render(self, body: Row, row: Row) -> None:
        session = self.supply.row("POST sessions/{id}/steps/") or {}
        body.update(session=session["id"], version=row.get("version") or 1, values={"computer": "reception-7"})

    def _address(self, body: Row, row: Row) -> None:
        if "url" in body:
            body["url"] = f"https://hooks.example/{self.chance.getrandbits(64):x}"

    def _acceptance(self, body: Row, row: Row) -> None:
        if body.get("state") == "accepted" and not str(body.get("reason", "")).strip():
            body["reason"] = "Twice a year, and known"

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


def _is_number(value: Any) -> bool:
    return _NUMBER.fullmatch(str(value)) is not None and int(value) <= MOST


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\x00" not in value


def _counted(day: str) -> date:
    """A day, for each another one, of the years that metrics are asked for."""
    return date(1970, 1, 1) + timedelta(days=date.fromisoformat(day).toordinal() % 47_000)


def _plausible(time: str) -> str:
    """The same time in a year that is no leap year."""
    return f"2026-{time[5:10] if time[5:10] != '02-29' else '02-28'}T{time[11:19]}Z"
