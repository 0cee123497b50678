"""What gunicorn refuses itself, before FlowPilot sees it, and what it begins with."""

import json
import socket
import subprocess
import sys
from http.client import HTTPResponse
from logging import getLogger
from typing import Any

import pytest
from gunicorn.http.errors import InvalidHeader, LimitRequestHeaders, LimitRequestLine

from flowpilot.web import Worker


def answer(error: Exception) -> tuple[int, str, bytes]:
    worker: Any = Worker.__new__(Worker)
    worker.log = getLogger("gunicorn.error")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker.handle_error(None, ours, ("127.0.0.1", 1), error)
        response = HTTPResponse(theirs)
        response.begin()
        return response.status, str(response.getheader("Content-Type")), response.read()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (LimitRequestLine(5_000, 4_094), 414, "uri_too_long"),
        (LimitRequestHeaders("limit request headers fields size"), 431, "headers_too_large"),
    ],
)
def test_what_is_too_long_is_refused_as_a_problem(error: Exception, status: int, code: str) -> None:
    told, kind, body = answer(error)
    assert (told, kind) == (status, "application/problem+json")
    assert (json.loads(body)["status"], json.loads(body)["code"]) == (status, code)


def test_whoever_has_gone_gets_no_answer_and_is_no_error() -> None:
    worker: Any = Worker.__new__(Worker)
    worker.log = getLogger("gunicorn.error")
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        worker.handle_error(None, ours, ("127.0.0.1", 1), LimitRequestLine(5_000, 4_094))


def test_what_is_no_http_is_gunicorns_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[BaseException] = []
    monkeypatch.setattr("flowpilot.web.ThreadWorker.handle_error", lambda *arguments: left.append(arguments[-1]))
    error = InvalidHeader("X")
    worker: Any = Worker.__new__(Worker)
    worker.handle_error(None, None, None, error)
    assert left == [error]


def test_what_the_start_made_is_no_requests_burden() -> None:
    """A full round of the collector in a process that serves looks at what came after its start."""
    told = "import gc, flowpilot.wsgi; print(gc.get_freeze_count(), len(gc.get_objects()))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, check=True, text=True)
    frozen, left = map(int, done.stdout.split())
    assert frozen > 100_000
    assert left < frozen / 100
