"""Two workers at once on one push, on the real database."""

import subprocess
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import Q
from django.utils import timezone

from sessions.models import PsaPush, PsaPushQuerySet
from sessions.psa.delivery import push_deliver
from tests.conftest import Cast
from tests.factories import make_push
from tests.processes import BASE_DIR, PYTHON, environment
from tests.sessions.psa_servers import FakePsa, Request
from tests.sessions.test_psa_delivery import TICKET, push_to

WORKERS, PUSHES = 4, 10
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queued")]


def slowly(request: Request) -> str:
    """Time for the other workers to come in, and to look in vain."""
    return "late" if request.is_write else ""


def deliver_at_once(push: PsaPush) -> list[str | None]:
    """What each of WORKERS workers made of it."""
    start, now = threading.Barrier(WORKERS), timezone.now()
    results: list[str | None] = []

    def work() -> None:
        try:
            start.wait()
            results.append(push_deliver(push_id=push.pk, now=now))
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def pushes_of(psa: FakePsa, cast: Cast) -> list[PsaPush]:
    first = push_to(psa, cast)
    return [first, *(make_push(first.session, connection=first.connection) for _ in range(PUSHES - 1))]


def test_one_worker_sends(psa: FakePsa, cast: Cast) -> None:
    psa.plan = slowly
    for push in pushes_of(psa, cast):
        results = deliver_at_once(push)
        assert sorted(results, key=str) == [None] * (WORKERS - 1) + ["succeeded"]
        push.refresh_from_db()
        assert push.attempt_count == push.attempts.count() == 1
    assert len(psa.tickets[TICKET].notes) == len(psa.writes()) == PUSHES


def test_with_the_claim_off_several_send(psa: FakePsa, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    psa.plan = slowly
    monkeypatch.setattr("flowpilot.common.claims.free_q", lambda now: Q())
    all_rows: Any = lambda rows, now: rows.all()  # noqa: E731
    monkeypatch.setattr(PsaPushQuerySet, "due", all_rows)
    for push in pushes_of(psa, cast):
        deliver_at_once(push)
        if sum(push.marker in note["text"] for note in psa.tickets[TICKET].notes) > 1:
            return
    raise AssertionError("nothing was sent twice: the claim was not what prevented it")


def test_a_worker_that_is_killed_in_the_middle(psa: FakePsa, cast: Cast) -> None:
    """A real process, killed while the system has the note and has not answered yet."""
    push = push_to(psa, cast)
    psa.plan, psa.stall_s = (lambda request: "timeout-after" if request.is_write else ""), 60
    call = f"from sessions.psa.delivery import push_deliver; push_deliver(push_id={push.pk})"
    code = f"import django; django.setup(); {call}"
    env = environment(DJANGO_SETTINGS_MODULE="flowpilot.settings", PSA_ALLOW_PRIVATE="1", PSA_TIMEOUT_SECONDS="60")
    worker = subprocess.Popen([PYTHON, "-c", code], env=env, cwd=BASE_DIR)
    try:
        deadline = time.monotonic() + 60
        while TICKET not in psa.tickets or not psa.tickets[TICKET].notes:
            assert worker.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline, "it sends nothing"
            time.sleep(0.02)
    finally:
        worker.kill()
        worker.wait(30)
    psa.plan = slowly
    now = timezone.now()
    assert push_deliver(push_id=push.pk, now=now) is None, "its claim holds"
    assert push_deliver(push_id=push.pk, now=now + timedelta(hours=1)) == "succeeded"
    assert len(psa.tickets[TICKET].notes) == 1
    assert list(push.attempts.values_list("outcome", flat=True)) == ["unknown", "found"]


def test_looking_alone_is_no_guard(psa: FakePsa, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look before the claim lets several through; the claim's UPDATE lets one."""
    psa.plan = slowly
    all_rows: Any = lambda rows, now: rows.all()  # noqa: E731
    monkeypatch.setattr(PsaPushQuerySet, "due", all_rows)
    for push in pushes_of(psa, cast):
        assert sorted(deliver_at_once(push), key=str) == [None] * (WORKERS - 1) + ["succeeded"]
    assert len(psa.tickets[TICKET].notes) == PUSHES
