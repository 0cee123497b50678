"""A real Celery worker on a real Redis does what beat asks for."""

import subprocess
import time
from collections.abc import Iterator

import pytest
from django.conf import settings

from flowpilot.celery import app
from proposals.models import FlowProposal
from proposals.tasks import analyze_pending_sessions
from tests.conftest import Cast
from tests.processes import BASE_DIR, PYTHON, environment
from tests.proposals.test_analysis import add_printer_sessions

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(transactional_db: None) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        PYTHON,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "flowpilot",
        "worker",
        "--pool",
        "solo",
        "--loglevel",
        "WARNING",
    ]
    app.control.purge()
    process = subprocess.Popen(command, env=environment(), cwd=BASE_DIR)
    try:
        deadline = time.monotonic() + 60
        while not app.control.ping(timeout=0.5):
            assert process.poll() is None, "the worker ended early"
            assert time.monotonic() < deadline, "the worker does not answer"
        yield process
    finally:
        process.terminate()
        process.wait(30)


def test_the_beats_task_analyses_every_account_with_work(cast: Cast, worker: subprocess.Popen[bytes]) -> None:
    add_printer_sessions(cast.account)
    add_printer_sessions(cast.other_account)
    analyze_pending_sessions.delay()
    deadline = time.monotonic() + 60
    while FlowProposal.objects.count() < 2:
        assert worker.poll() is None
        assert time.monotonic() < deadline, "no proposals came"
        time.sleep(0.1)
    assert set(FlowProposal.objects.values_list("account", flat=True)) == {cast.account.pk, cast.other_account.pk}


def test_every_scheduled_task_exists() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert "proposals.tasks.analyze_pending_sessions" in scheduled
    assert scheduled <= set(app.tasks)
