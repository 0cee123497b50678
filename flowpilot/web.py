"""gunicorn's configuration (see the Procfile): log lines as everybody's, a place where its processes count, and what it
refuses itself."""

import json
import os
import shutil
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.workers.gthread import ThreadWorker

from flowpilot.common.logs import logging_config
from flowpilot.common.problems import MEDIA_TYPE, problem

_PREFIX = "flowpilot-metrics-"
# Before the application is loaded: prometheus_client looks at this once, when it is imported.
if os.environ.get("METRICS_TOKEN") and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=_PREFIX)

_everybodys = logging_config(os.environ.get("LOG_FORMAT", "text"), os.environ.get("LOG_LEVEL", "INFO").upper())
logconfig_dict = {
    **_everybodys,
    "loggers": {**_everybodys["loggers"], "gunicorn.error": {"propagate": True, "handlers": [], "level": "INFO"}},
}

_TOO_LONG = {
    LimitRequestLine: (414, "uri_too_long", "The address with its parameters is too long."),
    LimitRequestHeaders: (431, "headers_too_large", "There are too many headers, or one is too long."),
}


class Worker(ThreadWorker):  # type: ignore[misc]
    """Refuses what is too long to be read as the API refuses everything else; gunicorn itself would send a page."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        if type(exc) not in _TOO_LONG:
            super().handle_error(req, client, addr, exc)
            return
        status, code, message = _TOO_LONG[type(exc)]
        phrase = HTTPStatus(status).phrase
        self.log.warning("%s: %s", phrase, exc)
        body = json.dumps(problem(status, code, message)).encode()
        head = f"HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Type: {MEDIA_TYPE}\r\n"
        try:
            util.write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except OSError:
            self.log.debug("It did not wait for the answer.")


worker_class = Worker


def child_exit(server: Any, worker: Any) -> None:
    """What a process counted stays counted when it ends; only its gauges go."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Only a folder that was made above: one that the environment names is its owner's."""
    folder = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
    if folder.name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
