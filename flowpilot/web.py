"""gunicorn's configuration (see the Procfile): log lines as everybody's, and a place where its processes count."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from flowpilot.common.logs import logging_config

_PREFIX = "flowpilot-metrics-"
# Before the application is loaded: prometheus_client looks at this once, when it is imported.
if os.environ.get("METRICS_TOKEN") and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=_PREFIX)

_everybodys = logging_config(os.environ.get("LOG_FORMAT", "text"), os.environ.get("LOG_LEVEL", "INFO").upper())
logconfig_dict = {
    **_everybodys,
    "loggers": {**_everybodys["loggers"], "gunicorn.error": {"propagate": True, "handlers": [], "level": "INFO"}},
}


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
