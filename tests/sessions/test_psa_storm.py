"""The proof: a thousand pushes to three systems that fail at every third request are each written exactly once."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from sessions.models import AISession, PsaAttempt, PsaConnection, PsaPush
from sessions.psa.delivery import push_deliver
from sessions.psa.selectors import PushCounts, due_pushes, push_counts
from tests.conftest import Cast
from tests.factories import make_connection
from tests.sessions.psa_servers import FAULTS, FakePsa, Request
from tests.sessions.test_psa_delivery import PAYLOADS

PUSHES, FAULTY, WORKERS = 1_000, 0.3, 8
KINDS = [PsaPush.Kind.NOTE] * 5 + [PsaPush.Kind.TIME] * 3 + [PsaPush.Kind.STATUS] * 2
# Tickets that no try helps, by the fault that all their writes meet; and some where the caller's time runs out.
HOPELESS = {97: "429", 53: "400", 89: "drop-before", 71: "500-before"}
TIMED_OUT = 120
State = PsaPush.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queued")]


def hopeless(ticket_id: int) -> str:
    return next((fault for number, fault in HOPELESS.items() if ticket_id % number == 0), "")


class Weather:
    """A fault for each request, decided by the ticket and how many requests there were about it: the same in every
    run, whatever the workers' order is."""

    def __init__(self, psa: FakePsa) -> None:
        self.psa = psa
        self.seen: dict[int, int] = {}
        self.first_write_failed: dict[int, bool] = {}
        self.injected = self.requests = 0
        self.old_tokens: set[str] = set()

    def __call__(self, request: Request) -> str:
        self.requests += 1
        if self.requests % 25 == 0:
            # Those of before the last turn: one that was fetched a moment ago is good for the request that comes again.
            self.psa.tokens -= self.old_tokens
            self.old_tokens = set(self.psa.tokens)
        if not (ticket_id := request.ticket_id):
            return ""
        n = self.seen[ticket_id] = self.seen.get(ticket_id, 0) + 1
        fault = self._fault(request, ticket_id, n)
        # A token that expired by itself: the request comes again within the same try.
        expired = request.api == "halopsa" and request.header("authorization")[7:] not in self.psa.tokens
        if expired:
            self.seen[ticket_id] -= 1
            return ""
        self.injected += bool(fault)
        if request.is_write:
            self.first_write_failed.setdefault(ticket_id, bool(fault))
        return fault

    def _fault(self, request: Request, ticket_id: int, n: int) -> str:
        rng = random.Random(f"{ticket_id} {n}")
        if request.is_write and (fault := hopeless(ticket_id)):
            return fault
        if n == 1 and ticket_id % TIMED_OUT == 0:
            return "timeout-after"
        if hopeless(ticket_id) or rng.random() >= FAULTY:
            return ""
        # HaloPSA's client asks for a new token when it meets a 401, and repeats.
        faults = [f for f in FAULTS if f != "401" or request.api != "halopsa"]
        # What a reader cannot tell from a good answer is no fault of a read.
        return rng.choice(faults if request.is_write else [f for f in faults if f != "no-id"])


def make_pushes(cast: Cast, psa: FakePsa, count: int) -> None:
    """One push a ticket and session, over three connections in turn; the ticket's number is the place."""
    account = cast.account
    connections = [
        make_connection(account, kind, base_url=psa.url, time_resource="12", time_role="3")
        for kind in PsaConnection.Kind
    ]
    now = timezone.now()
    sessions = [AISession(account=account, external_id=f"S-{n}", started_at=now) for n in range(1, count + 1)]
    AISession.objects.bulk_create(sessions)
    pushes = []
    for n, session in enumerate(sessions, 1):
        kind = KINDS[n % len(KINDS)]
        allowed = 6 if hopeless(n) else 40
        pushes.append(
            PsaPush(
                account=account,
                connection=connections[n % 3],
                session=session,
                ticket_id=str(n),
                kind=kind,
                occasion="end",
                payload=PAYLOADS[kind],
                attempts_allowed=allowed,
                next_attempt_at=now,
            )
        )
    PsaPush.objects.bulk_create(pushes)


def deliver_everything(start: datetime) -> None:
    """Beat and WORKERS workers, on a clock that runs ahead: two hours between rounds, seconds within them."""

    def work(job: tuple[int, datetime]) -> None:
        try:
            push_deliver(push_id=job[0], now=job[1])
        finally:
            database.close()

    now = start
    with ThreadPoolExecutor(WORKERS) as pool:
        while PsaPush.objects.filter(next_attempt_at__isnull=False).exists():
            due = due_pushes(now)
            list(pool.map(work, [(pk, now + timedelta(seconds=10 * n)) for n, pk in enumerate(due)]))
            now += timedelta(hours=4)
            assert now - start < timedelta(days=60), "it does not come to an end"


def storm(cast: Cast, psa: FakePsa, settings: Any, count: int) -> Weather:
    # Only what shall run out of time does, on a busy machine too.
    settings.PSA_TIMEOUT, settings.PSA_MAX_PARALLEL, psa.stall_s = 8.0, WORKERS, 9.0
    weather = Weather(psa)
    psa.plan = weather
    make_pushes(cast, psa, count)
    deliver_everything(timezone.now())
    return weather


def told(psa: FakePsa, ticket_id: int) -> int:
    """How often the server says that the ticket was written to."""
    ticket = psa.tickets.get(ticket_id)
    return len(ticket.notes) + len(ticket.times) + len(ticket.statuses_set) if ticket else 0


def check_each_is_written_once(psa: FakePsa, count: int) -> None:
    tickets = range(1, count + 1)
    wrong = {n: told(psa, n) for n in tickets if told(psa, n) != (0 if hopeless(n) else 1)}
    assert wrong == {}, "written not at all, or more than once"
    for push in PsaPush.objects.exclude(kind=PsaPush.Kind.STATUS):
        number = int(push.ticket_id)
        rows = [*psa.tickets[number].notes, *psa.tickets[number].times] if number in psa.tickets else []
        assert sum(push.marker in str(row) for row in rows) == (not hopeless(number))


def test_a_thousand_pushes_are_each_written_once_and_counted_right(cast: Cast, psa: FakePsa, settings: Any) -> None:
    weather = storm(cast, psa, settings, PUSHES)
    check_each_is_written_once(psa, PUSHES)
    tickets = range(1, PUSHES + 1)
    lost = [n for n in tickets if hopeless(n)]
    failed = [n for n in tickets if weather.first_write_failed[n] and not hopeless(n)]
    first = [n for n in tickets if not weather.first_write_failed[n]]
    expected = PushCounts(first_try=len(first), eventual=len(failed), exhausted=len(lost), pending=0, unknown=0)
    assert push_counts(PsaPush.objects.filter(account=cast.account)) == expected
    assert expected.total == PUSHES
    assert len(failed) > 250, "the storm was one"
    assert len(lost) > 30
    assert weather.injected / weather.requests > FAULTY * 0.8
    check_rows(tickets)


def check_rows(tickets: range) -> None:
    """Tries are counted apart: each push has as many as it says, and the last says what the push is."""
    assert PsaPush.objects.count() == len(tickets)
    assert not PsaAttempt.objects.filter(outcome=PsaAttempt.Outcome.RUNNING).exists()
    for push in PsaPush.objects.prefetch_related("attempts"):
        attempts = list(push.attempts.all())
        assert [a.number for a in attempts] == list(range(1, push.attempt_count + 1))
        succeeded = [a.outcome in PsaAttempt.SUCCESSES for a in attempts]
        assert succeeded == [False] * (len(attempts) - 1) + [push.state == State.SUCCEEDED]


@pytest.mark.parametrize("answer", [False, True], ids=["never looks", "believes it is there"])
def test_without_reading_back_the_same_storm_doubles_or_loses(
    cast: Cast, psa: FakePsa, settings: Any, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    is_written: Callable[..., bool] = lambda *_: answer  # noqa: E731
    monkeypatch.setattr("sessions.psa.delivery.is_written", is_written)
    storm(cast, psa, settings, 100)
    with pytest.raises(AssertionError, match="not at all, or more than once"):
        check_each_is_written_once(psa, 100)
