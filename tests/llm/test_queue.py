"""Work that waits for a language model is the last that workers take."""

from uuid import uuid4

import pytest
from django.conf import settings
from kombu import Connection

from flowpilot.celery import app
from proposals.tasks import BEHIND_ALL_OTHERS, analyze_pending_sessions, word_proposal


@pytest.fixture
def queue() -> str:
    return f"test-{uuid4().hex}"


def taken(queue: str, count: int) -> list[str]:
    """The names of the first tasks that a worker would take."""
    with Connection(settings.CELERY_BROKER_URL) as broker, broker.SimpleQueue(queue) as messages:
        found = [messages.get(block=True, timeout=5) for _ in range(count)]
        for message in found:
            message.ack()
        return [str(message.headers["task"]).rpartition(".")[2] for message in found]


def test_analysis_goes_before_wordings_that_were_queued_earlier(queue: str) -> None:
    assert app.conf.task_default_queue == settings.CELERY_TASK_DEFAULT_QUEUE
    for number in range(3):
        word_proposal.apply_async((number,), queue=queue, **BEHIND_ALL_OTHERS)
    analyze_pending_sessions.apply_async(queue=queue)
    assert taken(queue, 4) == ["analyze_pending_sessions", *["word_proposal"] * 3]


def test_without_the_priority_it_would_wait_for_them(queue: str) -> None:
    for number in range(3):
        word_proposal.apply_async((number,), queue=queue, priority=0)
    analyze_pending_sessions.apply_async(queue=queue)
    assert taken(queue, 4) == [*["word_proposal"] * 3, "analyze_pending_sessions"]
