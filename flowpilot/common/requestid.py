"""Request ids: one name for a request, in its answer, in every log line it causes and in the tasks it starts.

A proxy or a calling service may choose it (`X-Request-ID`); else one is made. A task that no request started (beat's)
goes by its own id, and the tasks that it starts go by the same.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun
from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response

HEADER = "X-Request-ID"
TASK_HEADER = "flowpilot_request_id"
# What may stand in a log and in a header without any quoting.
VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Asked every few seconds by machines that never ask what became of it.
UNTOLD = ("/healthz", "/readyz", "/metrics")

_current: ContextVar[str] = ContextVar("request_id", default="")
logger = logging.getLogger("flowpilot.requests")


def current_request_id() -> str:
    """The id of the request or the task that this code works for; empty outside of both."""
    return _current.get()


class RequestId:
    """The outermost middleware: whatever answers, its answer carries the id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        wished = request.headers.get(HEADER, "")
        token = _current.set(wished if VALID.fullmatch(wished) else uuid.uuid4().hex)
        started = time.monotonic()
        try:
            response = self.get_response(request)
            response[HEADER] = _current.get()
            _tell(request, response, time.monotonic() - started)
            return response
        finally:
            _current.reset(token)


def _tell(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """One line a request, without its query, which may name people and problems."""
    if response.status_code >= 400:
        # Django does so (once a response), but only after every middleware, where the id is gone.
        log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
    if request.path in UNTOLD:
        return
    facts = {"status": response.status_code, "duration_ms": round(seconds * 1000), "method": request.method or ""}
    logger.info("%s %s: %d", request.method, request.path, response.status_code, extra=facts)


@before_task_publish.connect(weak=False)
def send_along(headers: dict[str, Any], **_: Any) -> None:
    """Whoever queues a task tells it for which request."""
    if request_id := _current.get():
        headers.setdefault(TASK_HEADER, request_id)


@task_prerun.connect(weak=False)
def take_on(task: Any, task_id: str, **_: Any) -> None:
    """A task works under its request's id, as the code that queued it did."""
    sent = task.request.get(TASK_HEADER)
    known = sent if isinstance(sent, str) and VALID.fullmatch(sent) else _current.get() or task_id
    task.request.flowpilot_token = _current.set(known)


@task_postrun.connect(weak=False)
def lay_down(task: Any, **_: Any) -> None:
    if (token := task.request.get("flowpilot_token")) is not None:
        _current.reset(token)
