"""gunicorn's configuration (see the Procfile): its own log lines look like everybody's."""

import os

from flowpilot.common.logs import logging_config

_everybodys = logging_config(os.environ.get("LOG_FORMAT", "text"), os.environ.get("LOG_LEVEL", "INFO").upper())
logconfig_dict = {
    **_everybodys,
    "loggers": {**_everybodys["loggers"], "gunicorn.error": {"propagate": True, "handlers": [], "level": "INFO"}},
}
