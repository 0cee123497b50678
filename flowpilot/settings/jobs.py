"""Celery: how tasks are queued, and which run by the clock."""

from datetime import timedelta
from urllib.parse import urlsplit

from celery.schedules import crontab

from flowpilot.settings.environment import VAR_DIR
from flowpilot.settings.stores import CONNECT_TIMEOUT_S, REDIS_URL


def _broker_url(redis_url: str) -> str:
    """Celery spells a Redis socket its own way: `unix:///path?db=0` is `redis+socket:///path?virtual_host=0`."""
    if not redis_url.startswith("unix:"):
        return redis_url
    parts = urlsplit(redis_url)
    return f"redis+socket://{parts.path}?{parts.query.replace('db=', 'virtual_host=')}"


CELERY_BROKER_URL = _broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Whoever queues a task waits for a Redis that swallows packets no longer than for a database that does.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": CONNECT_TIMEOUT_S}
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "flowpilot"
# Tasks that wait for a language model: whatever else waits goes first. The transport keeps them in a list of its own.
LOW_PRIORITY = 9
LOW_PRIORITY_QUEUE = f"{CELERY_TASK_DEFAULT_QUEUE}\x06\x16{LOW_PRIORITY}"
CELERY_TASK_IGNORE_RESULT = True
# A task is acknowledged when it is done: a killed worker's task runs again, and every task is safe to run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "analyze-pending-sessions": {
        "task": "proposals.tasks.analyze_pending_sessions",
        "schedule": timedelta(minutes=5),
        # A run that waited longer than one period is stale: the next one does the same work.
        "options": {"expires": 300},
    },
    "deliver-due-pushes": {
        "task": "sessions.psa.tasks.deliver_due_pushes",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "ingest-waiting": {
        "task": "sessions.ingest.tasks.ingest_waiting",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "clean-ingest-jobs": {"task": "sessions.ingest.tasks.clean_ingest_jobs", "schedule": timedelta(days=1)},
    "forget-old-requests": {"task": "flowpilot.common.tasks.forget_old_requests", "schedule": timedelta(hours=1)},
    "clean-attempts": {"task": "sessions.psa.tasks.clean_attempts", "schedule": timedelta(days=1)},
    "apply-retention": {
        "task": "flowpilot.privacy.tasks.apply_retention",
        "schedule": crontab(hour=2, minute=40),
        "options": {"expires": 43_200},
    },
    "carry-on-privacy": {
        "task": "flowpilot.privacy.tasks.carry_on",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "deliver-due-events": {
        "task": "flowpilot.webhooks.tasks.deliver_due",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "clean-deliveries": {"task": "flowpilot.webhooks.tasks.clean_deliveries", "schedule": timedelta(days=1)},
    "refresh-impacts": {"task": "proposals.tasks.refresh_impacts", "schedule": timedelta(days=1)},
    "abandon-idle-sessions": {
        "task": "sessions.tasks.abandon_idle_sessions",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "send-digests": {
        "task": "proposals.tasks.send_digests",
        "schedule": crontab(minute=5),
        "options": {"expires": 3000},
    },
    "tend-queues": {
        "task": "proposals.tasks.tend_queues",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "detect-gaps": {
        # A few minutes after a round of analysis, which says what topic a session belongs to.
        "task": "analytics.tasks.detect_gaps",
        "schedule": crontab(minute="8,38"),
        "options": {"expires": 1500},
    },
    "send-reports": {
        "task": "analytics.tasks.send_reports",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "roll-up-days": {
        "task": "analytics.tasks.roll_up_days",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "word-proposals": {
        "task": "proposals.tasks.word_proposals",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "clean-model-calls": {"task": "flowpilot.llm.tasks.clean_calls", "schedule": timedelta(days=1)},
    "watch-versions": {
        "task": "proposals.tasks.watch_versions",
        "schedule": timedelta(minutes=30),
        "options": {"expires": 1800},
    },
}
