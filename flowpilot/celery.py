"""The Celery application. Tasks live in each room's `tasks.py`; when they run is in the settings."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

import flowpilot.common.requestid  # noqa: F401  # tasks carry the id of the request that queued them

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowpilot.settings")

app = Celery("flowpilot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect(weak=False)
def log_as_everybody(**_: Any) -> None:
    """Worker and beat log as the pages do (Celery would bring its own format)."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
