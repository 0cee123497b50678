"""Ticketing systems for tests: local servers that answer as the documented APIs do, and misbehave on demand.

One server speaks all three APIs, each with its own log-in check. What it was told is in `tickets`; a fault is chosen
for each request by `plan`, before or after the write.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers import running
from tests.sessions.psa_apis import APIS, Answer, Request

__all__ = ["FAULTS", "FakePsa", "Request", "Ticket", "serving"]

# Faults, and whether the server has done what it was asked before.
NOT_WRITTEN = ("429", "429-date", "503", "401", "500-before", "drop-before")
WRITTEN = ("500-after", "drop-after", "wrong-json", "cut-short", "no-id")
SLOW = ("timeout-after", "slow-bytes")  # written, too; each costs the caller its time-out
FAULTS = (*NOT_WRITTEN, *WRITTEN)
LATE_S = 0.2  # of the fault "late": written after a while, and answered well
Plan = Callable[[Request], str]


@dataclass
class Ticket:
    id: int
    notes: list[dict[str, Any]] = field(default_factory=list)
    times: list[dict[str, Any]] = field(default_factory=list)
    status: str = "1"
    statuses_set: list[str] = field(default_factory=list)


class FakePsa:
    """The state behind the server. Tickets exist from 1 to `last_ticket`."""

    def __init__(self, plan: Plan | None = None, last_ticket: int = 100_000) -> None:
        self.plan: Plan = plan or (lambda request: "")
        self.last_ticket = last_ticket
        self.lock = threading.Lock()
        self.tickets: dict[int, Ticket] = {}
        self.requests: list[Request] = []
        self.faults: dict[int, list[tuple[str, str]]] = defaultdict(list)
        self.tokens: set[str] = set()
        self.ids = iter(range(1, 10**9))
        self.retry_after = "7"
        self.redirect_to = ""
        self.stall_s = 5.0
        self.url = ""

    def ticket(self, ticket_id: int) -> Ticket | None:
        if not 1 <= ticket_id <= self.last_ticket:
            return None
        return self.tickets.setdefault(ticket_id, Ticket(ticket_id))

    def next_id(self) -> int:
        return next(self.ids)

    def expire_tokens(self) -> None:
        self.tokens.clear()

    def writes(self) -> list[Request]:
        return [r for r in self.requests if r.is_write]


@contextmanager
def serving(psa: FakePsa, certificate: Path | None = None) -> Iterator[FakePsa]:
    """Run it, with TLS where there is a certificate; `psa.url` is its address."""
    with running(_handler(psa), certificate) as psa.url:
        yield psa


def _handler(psa: FakePsa) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        state = psa

    return Handler


class _Handler(BaseHTTPRequestHandler):
    state: FakePsa
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def _serve(self) -> None:
        request = self._request()
        psa = self.state
        with psa.lock:
            psa.requests.append(request)
            fault = psa.plan(request)
            if fault and request.ticket_id:
                psa.faults[request.ticket_id].append(("write" if request.is_write else "read", fault))
        if fault == "redirect":
            self._send(302, {}, {"Location": psa.redirect_to})
        elif fault in NOT_WRITTEN or fault == "400":
            self._refuse(fault)
        else:
            if fault == "late":
                time.sleep(LATE_S)  # outside the lock: others are answered meanwhile
            with psa.lock:
                answer = APIS[request.api](psa, request)
            self._answer(answer, fault)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815

    def _request(self) -> Request:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        is_form = (self.headers.get("content-type") or "").startswith("application/x-www-form-urlencoded")
        if is_form:
            content: Any = {name: values[0] for name, values in parse_qs(body).items()}
        else:
            content = json.loads(body) if body else None
        return Request(self.command, parts.path, query, dict(self.headers.items()), content)

    def _refuse(self, fault: str) -> None:
        if fault == "drop-before":
            self._drop()
            return
        code = int(fault[:3])
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90))
        wait = date if fault == "429-date" else self.state.retry_after
        self._send(code, {"message": "no"}, {"Retry-After": wait} if code in (429, 503) else {})

    def _answer(self, answer: Answer, fault: str) -> None:
        if fault == "drop-after":
            self._drop()
        elif fault == "500-after":
            self._send(500, {"message": "something broke"})
        elif fault == "wrong-json":
            self._raw(200, b"<html>Welcome to the gateway</html>")
        elif fault == "no-id":
            self._raw(200, b'{"ok": true}')
        elif fault == "cut-short":
            self._raw(200, json.dumps(answer.body).encode()[:-1], length_more=1)
        elif fault == "huge":
            self._raw(200, b"[" + b" " * (5 * 1024 * 1024) + b"]")
        elif fault == "timeout-after":
            time.sleep(self.state.stall_s)
            self._drop()
        elif fault in ("slow-bytes", "slow-headers"):
            self._drip(json.dumps(answer.body).encode(), in_headers=fault == "slow-headers")
        else:
            self._send(answer.code, answer.body)

    def _send(self, code: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._raw(code, json.dumps(body).encode(), headers)

    def _raw(self, code: int, text: bytes, headers: dict[str, str] | None = None, length_more: int = 0) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text) + length_more))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)
        if length_more:
            self._drop()

    def _drip(self, text: bytes, *, in_headers: bool) -> None:
        """A byte now and then, each in time for a time-out that counts single reads only."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        rest = b"Content-Length: %d\r\n\r\n%s" % (len(text), text)
        if not in_headers:
            head, rest = head + rest[: -len(text)], text
        self.wfile.write(head)
        end = time.monotonic() + self.state.stall_s
        for byte in rest:
            if time.monotonic() > end:
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)
        self._drop()

    def _drop(self) -> None:
        self.close_connection = True
