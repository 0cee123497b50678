"""One worker at a time, by the database's clock; a worker that lost its lease cannot write."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from flowpilot.common.leases import LeaseLost, lease_check, lease_keep, lease_release, lease_renew, lease_take
from flowpilot.common.models import Lease

MINUTE = timedelta(minutes=1)
KEY = "analysis:test"


def expire(key: str = KEY) -> None:
    """Let the lease run out, as it does for a worker that was paused."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE common_lease SET expires_at = clock_timestamp() - interval '1 second' WHERE key = %s", [key]
        )


@pytest.mark.django_db
class TestLease:
    def test_second_taker_gets_none_while_it_is_held(self) -> None:
        assert lease_take(key=KEY, duration=MINUTE) is not None
        assert lease_take(key=KEY, duration=MINUTE) is None

    def test_release_gives_it_to_the_next_with_a_larger_token(self) -> None:
        first = lease_take(key=KEY, duration=MINUTE)
        assert first
        lease_release(first)
        second = lease_take(key=KEY, duration=MINUTE)
        assert second
        assert second.token > first.token

    def test_an_expired_lease_is_taken_over_and_its_holder_cannot_write(self) -> None:
        first = lease_take(key=KEY, duration=MINUTE)
        assert first
        expire()
        second = lease_take(key=KEY, duration=MINUTE)
        assert second
        with pytest.raises(LeaseLost), transaction.atomic():
            lease_check(first)
        with transaction.atomic():
            lease_check(second)

    def test_an_expired_lease_cannot_be_renewed_even_if_nobody_took_it(self) -> None:
        lease = lease_take(key=KEY, duration=MINUTE)
        assert lease
        expire()
        with pytest.raises(LeaseLost):
            lease_renew(lease, duration=MINUTE)

    def test_late_release_leaves_the_new_holder_alone(self) -> None:
        first = lease_take(key=KEY, duration=MINUTE)
        assert first
        expire()
        second = lease_take(key=KEY, duration=MINUTE)
        assert second
        lease_release(first)
        lease_renew(second, duration=MINUTE)

    def test_check_outside_a_transaction_is_a_fault_of_ours(self, transactional_db: None) -> None:
        lease = lease_take(key=KEY, duration=MINUTE)
        assert lease
        with pytest.raises(RuntimeError, match="inside one"):
            lease_check(lease)


@pytest.mark.django_db(transaction=True)
def test_of_many_takers_at_once_exactly_one_wins() -> None:
    wins: list[int] = []
    start = threading.Barrier(16)

    def take(number: int) -> None:
        try:
            start.wait()
            if lease_take(key=KEY, duration=MINUTE):
                wins.append(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1


@pytest.mark.django_db(transaction=True)
def test_a_taker_waits_for_a_write_that_checked_the_lease() -> None:
    """Between the check and the commit nobody else can take it, even though it expires meanwhile."""
    lease = lease_take(key=KEY, duration=timedelta(seconds=0.3))
    assert lease
    taken_at: list[bool] = []
    committed = threading.Event()

    def take() -> None:
        try:
            assert lease_take(key=KEY, duration=MINUTE) is not None
            taken_at.append(committed.is_set())
        finally:
            connection.close()

    with transaction.atomic():
        lease_check(lease)
        threading.Event().wait(0.5)
        taker = threading.Thread(target=take)
        taker.start()
        threading.Event().wait(0.3)
        committed.set()
    taker.join()
    assert taken_at == [True]


@pytest.mark.django_db(transaction=True)
def test_keeping_renews_it_past_its_duration() -> None:
    duration = timedelta(seconds=0.6)
    lease = lease_take(key=KEY, duration=duration)
    assert lease
    with lease_keep(lease, duration=duration):
        threading.Event().wait(1.2)
        with transaction.atomic():
            lease_check(lease)
    assert Lease.objects.get(key=KEY).token == lease.token
