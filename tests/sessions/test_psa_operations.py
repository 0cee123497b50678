"""Running the ticketing side: how many at once, what is kept, and who is told of what was given up."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import QuerySet
from django.utils import timezone

from sessions.models import PsaAttempt, PsaPush
from sessions.psa.delivery import push_deliver
from sessions.psa.services import pushes_requeue
from sessions.psa.tasks import clean_attempts, deliver_push
from tests.conftest import Cast
from tests.factories import make_connection, make_push, make_session
from tests.sessions.psa_servers import FakePsa, Request
from tests.sessions.test_psa_delivery import TICKET, push_to

WORKERS, PARALLEL = 6, 2


def slowly(request: Request) -> str:
    return "late" if request.is_write else ""


def at_once(pushes: list[PsaPush]) -> list[str | None]:
    """What came of the pushes, each tried by a worker of its own, all at the same moment."""
    start, now = threading.Barrier(len(pushes)), timezone.now()
    results: list[str | None] = []

    def work(push: PsaPush) -> None:
        try:
            start.wait()
            results.append(push_deliver(push_id=push.pk, now=now))
        finally:
            database.close()

    threads = [threading.Thread(target=work, args=(push,)) for push in pushes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def more(first: PsaPush, count: int) -> list[PsaPush]:
    return [first, *(make_push(first.session, connection=first.connection) for _ in range(count - 1))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queued")
class TestAtOnce:
    def test_a_connection_has_so_many_workers_at_once(self, psa: FakePsa, cast: Cast, settings: Any) -> None:
        settings.PSA_MAX_PARALLEL = PARALLEL
        psa.plan = slowly
        pushes = more(push_to(psa, cast), WORKERS)
        assert sorted(at_once(pushes), key=str) == [None] * (WORKERS - PARALLEL) + ["succeeded"] * PARALLEL
        assert len(psa.writes()) == PARALLEL
        left = PsaPush.objects.filter(state="pending")
        assert {(push.attempt_count, push.claimed_until) for push in left} == {(0, None)}, "turned away is not a try"
        for push in left:
            assert push_deliver(push_id=push.pk) == "succeeded", "whoever comes after has its turn"

    def test_without_the_limit_all_workers_are_at_it(self, psa: FakePsa, cast: Cast, settings: Any) -> None:
        settings.PSA_MAX_PARALLEL = WORKERS
        psa.plan = slowly
        assert at_once(more(push_to(psa, cast), WORKERS)) == ["succeeded"] * WORKERS

    def test_counting_alone_is_no_limit(
        self, psa: FakePsa, cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the lock on the connection each worker counts before the others' claims are committed."""
        settings.PSA_MAX_PARALLEL = 1
        psa.plan = slowly
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
        first = push_to(psa, cast)
        for _ in range(10):
            if at_once(more(first, WORKERS)).count("succeeded") > 1:
                return
            PsaPush.objects.exclude(pk=first.pk).delete()
            PsaAttempt.objects.all().delete()
            PsaPush.objects.update(state="pending", attempt_count=0, next_attempt_at=timezone.now(), settled_at=None)
        raise AssertionError("never more than one at once: the lock was not what prevented it")

    def test_a_slow_system_leaves_workers_to_the_others(self, psa: FakePsa, cast: Cast, settings: Any) -> None:
        settings.PSA_MAX_PARALLEL = PARALLEL
        psa.plan = slowly
        pushes = more(push_to(psa, cast), WORKERS)
        pushes += more(push_to(psa, cast, system="autotask"), 1)
        at_once(pushes)
        pushes[-1].refresh_from_db()
        assert pushes[-1].state == "succeeded"

    def test_a_dead_workers_place_is_free_when_its_claim_ends(self, psa: FakePsa, cast: Cast, settings: Any) -> None:
        settings.PSA_MAX_PARALLEL = 1
        first, second = more(push_to(psa, cast), 2)
        now = timezone.now()
        PsaPush.objects.filter(pk=first.pk).update(claimed_until=now + timedelta(minutes=2))
        assert push_deliver(push_id=second.pk, now=now) is None
        assert push_deliver(push_id=second.pk, now=now + timedelta(minutes=3)) == "succeeded"


@pytest.mark.django_db
def test_whoever_was_turned_away_follows_at_once(psa: FakePsa, cast: Cast, queued: list[int]) -> None:
    first, second = more(push_to(psa, cast), 2)
    elsewhere = make_push(first.session, connection=make_connection(cast.account, "autotask"))
    assert deliver_push(first.pk) == "succeeded"
    assert queued == [second.pk]
    assert deliver_push(first.pk) is None
    assert queued == [second.pk], "what came in vain calls nobody"
    assert deliver_push(second.pk) == "succeeded"
    assert queued == [second.pk]
    assert elsewhere.state == "pending"


@pytest.mark.django_db
class TestCleaning:
    def attempts(self, push: PsaPush, *days: int) -> None:
        now = timezone.now()
        for number, age in enumerate(days, start=1):
            at = now - timedelta(days=age)
            PsaAttempt.objects.create(
                account_id=push.account_id, push=push, number=number, started_at=at, finished_at=at, outcome="unknown"
            )
        PsaPush.objects.filter(pk=push.pk).update(attempt_count=len(days))

    def test_old_ones_go_and_the_last_of_each_push_stays(self, cast: Cast, settings: Any) -> None:
        settings.PSA_KEEP_ATTEMPTS = timedelta(days=90)
        session = make_session(cast.account)
        old, mixed, young = (make_push(session) for _ in range(3))
        self.attempts(old, 200, 190, 180)
        self.attempts(mixed, 200, 89, 1)
        self.attempts(young, 3, 2)
        assert [clean_attempts(), clean_attempts()] == [3, 0]
        kept = PsaAttempt.objects.order_by("push", "number").values_list("push", "number")
        assert list(kept) == [(old.pk, 3), (mixed.pk, 2), (mixed.pk, 3), (young.pk, 1), (young.pk, 2)]
        old.refresh_from_db()
        assert old.attempt_count == 3, "how many there were is still known"

    def test_many_go_a_part_at_a_time(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sessions.psa.services.CLEANED_AT_ONCE", 2)
        self.attempts(make_push(make_session(cast.account)), *range(1000, 993, -1))
        assert clean_attempts() == 6

    def test_what_was_unclear_is_still_looked_for(self, psa: FakePsa, cast: Cast) -> None:
        """The last attempt says so, and no cleaning takes it away."""
        push = push_to(psa, cast)
        self.attempts(push, 400, 399)
        PsaPush.objects.update(state="unknown", next_attempt_at=None, settled_at=timezone.now())
        clean_attempts()
        assert pushes_requeue(actor=cast.alice, push_ids=[push.pk]) == 1
        push.refresh_from_db()
        assert push.state == "unknown"
        psa.plan = lambda request: ""
        assert push_deliver(push_id=push.pk) == "succeeded"
        assert len(psa.tickets[TICKET].notes) == 1
        assert not psa.requests[0].is_write
