"""A service that is told of events, and misbehaves on demand."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from tests.factories import WEBHOOK_SECRET
from tests.servers import running

LATE_S = 0.2
# What it may do instead of answering well. `late`, `huge`, `drip-body` and `lost` have taken the event.
FAULTS = ("500", "429", "503-date", "drop", "lost", "redirect", "400")


@dataclass(frozen=True)
class Message:
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def read(self, secret: str = WEBHOOK_SECRET) -> Any:
        """The payload, if the Standard Webhooks library finds it genuine; else it raises."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """`plan` chooses a fault for each message, or "". `messages` came in, `taken` are those that it worked off."""

    def __init__(self, plan: Callable[[Message], str] | None = None) -> None:
        self.plan = plan or (lambda message: "")
        self.lock = threading.Lock()
        self.messages: list[Message] = []
        self.taken: Counter[str] = Counter()
        self.redirect_to = ""
        self.stall_s = 5.0
        self.url = ""


@contextmanager
def receiving(receiver: Receiver | None = None, certificate: Path | None = None) -> Iterator[Receiver]:
    state = receiver or Receiver()

    class Handler(_Handler):
        receiver = state

    with running(Handler, certificate) as state.url:
        yield state


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        message = Message({name.lower(): value for name, value in self.headers.items()}, body)
        receiver = self.receiver
        with receiver.lock:
            receiver.messages.append(message)
            fault = receiver.plan(message)
            if fault in ("", "late", "huge", "drip-body", "lost"):
                receiver.taken[message.id] += 1
        with suppress(OSError):
            self._answer(fault)

    do_GET = do_POST  # noqa: N815 - what a redirect that is followed would become

    def _answer(self, fault: str) -> None:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90))
        if fault in ("drop", "lost"):
            self.close_connection = True
        elif fault == "stall":
            time.sleep(self.receiver.stall_s)
        elif fault == "redirect":
            self._send(307, {"Location": self.receiver.redirect_to})
        elif fault in ("huge", "drip-body"):
            self._pour(fault)
        elif fault == "late":
            time.sleep(LATE_S)
            self._send(200)
        else:
            wait = {"429": "7", "503-date": date}.get(fault)
            headers = {"Retry-After": wait} if wait else {}
            if fault.startswith("3"):
                headers["Location"] = self.receiver.redirect_to
            self._send(int(fault[:3] or 204), headers)

    def _send(self, code: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _pour(self, fault: str) -> None:
        """An answer of a gigabyte, or one that never ends."""
        self.send_response(200)
        self.send_header("Content-Length", str(2**30))
        self.end_headers()
        end = time.monotonic() + self.receiver.stall_s
        while time.monotonic() < end:
            self.wfile.write(b" " * (64 * 1024 if fault == "huge" else 1))
            if fault == "drip-body":
                time.sleep(0.02)
