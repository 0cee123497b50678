"""Two detections at once, on the real database: one runs, and a place has one row whatever happens."""

import contextlib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from analytics import tasks
from analytics.gaps import detect
from analytics.gaps.detect import Detected, gaps_detect, gaps_lease_key
from analytics.gaps.judge import Window
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.remedies import gap_edit
from analytics.gaps.services import gap_found
from flowpilot.common.leases import lease_release, lease_take
from flowpilot.common.models import AuditEvent, Lease
from proposals.models import FlowProposal, Topic
from proposals.review import start
from tests.analytics.gap_rows import flow_definition, make_ended, outcomes
from tests.analytics.test_gap_services import make_gap
from tests.conftest import Cast
from tests.factories import make_flow

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 4


def at_once(work: Callable[[], Any]) -> list[Any]:
    """What each worker's call gave, or the exception that it raised."""
    start = threading.Barrier(WORKERS)
    results: list[Any] = []

    def run() -> None:
        try:
            start.wait()
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def rows(cast: Cast) -> None:
    make_ended(cast.account, outcomes(20, 280), domain="networking")
    make_ended(cast.account, outcomes(15, 15), domain="remote access")


@pytest.mark.usefixtures("rows")
def test_one_of_several_detections_runs(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that runs reads until the others have come and gone; without the lease all of them would read."""
    gone, read = threading.Semaphore(0), detect.gaps_read
    readers: list[str] = []

    def slowly(window: Window) -> Any:
        readers.append(threading.current_thread().name)
        for _ in range(WORKERS - 1):
            gone.acquire(timeout=20)
        return read(window)

    def work() -> Detected | None:
        done = gaps_detect(account_id=cast.account.pk)
        gone.release()
        return done

    monkeypatch.setattr(detect, "gaps_read", slowly)
    results = at_once(work)
    assert sorted(results, key=str) == [Detected(opened=1), None, None, None]
    assert len(readers) == 1
    assert (KnowledgeGap.objects.count(), AuditEvent.objects.count()) == (1, 1)


@pytest.mark.usefixtures("rows")
def test_a_place_has_one_row_even_without_the_lease(cast: Cast) -> None:
    now = timezone.now()
    window = Window(cast.account.pk, now - timedelta(days=180), now, "UTC")
    judge, [found] = detect.gaps_read(window)
    results = at_once(lambda: gap_found(measured=found, window=window, subjects=judge.subjects))
    assert sum(isinstance(result, KnowledgeGap) for result in results) == 1
    assert sum(isinstance(result, IntegrityError) for result in results) == WORKERS - 1
    assert KnowledgeGap.objects.count() == 1


@pytest.mark.usefixtures("rows")
def test_a_worker_that_lost_its_lease_writes_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    read = detect.gaps_read

    def paused(window: Window) -> Any:
        found = read(window)
        Lease.objects.update(token=99, owner="another")
        return found

    monkeypatch.setattr(detect, "gaps_read", paused)
    assert gaps_detect(account_id=cast.account.pk) is None
    assert not KnowledgeGap.objects.exists()


@pytest.mark.usefixtures("rows")
def test_the_lease_is_given_back_and_accounts_have_their_own(cast: Cast) -> None:
    held = lease_take(key=gaps_lease_key(cast.other_account.pk), duration=timedelta(minutes=1))
    assert held is not None
    assert gaps_detect(account_id=cast.other_account.pk) is None
    assert gaps_detect(account_id=cast.account.pk) == Detected(opened=1)
    assert gaps_detect(account_id=cast.account.pk) == Detected(measured=1)
    lease_release(held)
    assert gaps_detect(account_id=cast.other_account.pk) == Detected()


@pytest.mark.usefixtures("rows")
def test_the_task_asks_each_account_with_sessions(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(tasks.detect_account_gaps, "delay", asked.append)
    assert tasks.detect_gaps() == 1
    assert asked == [cast.account.pk]
    tasks.detect_account_gaps(cast.account.pk)
    assert KnowledgeGap.objects.count() == 1


@pytest.mark.parametrize("guarded", [True, False])
def test_a_flow_has_one_change_whoever_begins_it(cast: Cast, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    """Of several gaps of one flow, at once: each waits for its turn. Without that, all but one of them fail."""
    version = make_flow(cast.account, definition=flow_definition())
    Topic.objects.create(account=cast.account, flow=version.flow, title="Screens")
    gaps = [make_gap(cast, key=f"k{number}", flow=version.flow, node_id="n1") for number in range(WORKERS)]
    waiting, together, begun = iter(gaps), threading.Barrier(WORKERS), start._begun

    def slowly(*args: Any) -> FlowProposal:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(timeout=1)
        return begun(*args)

    monkeypatch.setattr(start, "_begun", slowly)
    if not guarded:
        monkeypatch.setattr(start, "_wait_for_turn", lambda topic: None)
    results = at_once(lambda: gap_edit(actor=cast.alice, gap_id=next(waiting).pk))
    failed = [result for result in results if isinstance(result, Exception)]
    assert FlowProposal.objects.count() == 1
    if guarded:
        assert sorted(edit.is_new for edit in results) == [False] * (WORKERS - 1) + [True]
    else:
        assert [type(error) for error in failed] == [IntegrityError] * (WORKERS - 1)
