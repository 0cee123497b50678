"""Log lines: text for people at a terminal, JSON for machines that collect them. Each carries its request's id."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from flowpilot.common.requestid import current_request_id

# What every record has; what a caller adds by `extra` is the rest.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """`INFO proposals.replays: … [request id]`."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        request_id = current_request_id()
        return super().formatMessage(record) + (f" [{request_id}]" if request_id else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC, ISO 8601), `level`, `logger`, `message`, `request_id`, `exception` …"""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current_request_id(),
            "process": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        plain = {name: value for name, value in vars(record).items() if isinstance(value, str | int | float | bool)}
        return json.dumps({name: plain[name] for name in plain.keys() - _USUAL} | line, ensure_ascii=False)


def logging_config(form: str, level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`: everything to standard error, as `text` or `json`."""
    formatter = {"text": TextFormatter, "json": JsonFormatter}[form]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": {"()": formatter}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # A line for each request, with what is asked for in it; what came of a push stands in its attempts.
            "httpx": {"level": "WARNING"},
            # Several lines for each log-in; failures and locks are warnings.
            "axes": {"level": "WARNING"},
            # A line for each of our own requests: at a terminal they would push everything else out of sight.
            "flowpilot.requests": {"level": "INFO" if form == "json" else "WARNING"},
        },
    }
