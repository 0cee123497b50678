"""A push is written once, whatever the ticketing system does."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from sessions.models import PsaAttempt, PsaConnection, PsaPush
from sessions.psa.delivery import LOOKS, claim_length, push_deliver
from sessions.psa.selectors import due_pushes
from tests.conftest import Cast
from tests.factories import make_connection, make_push, make_session
from tests.sessions.psa_servers import FakePsa, Request

State, Kind, Outcome = PsaPush.State, PsaPush.Kind, PsaAttempt.Outcome
TICKET = 48213
SPAN = {"started_at": "2026-11-24T10:00:00+00:00", "ended_at": "2026-11-24T10:30:00+00:00"}
PAYLOADS: dict[str, dict[str, Any]] = {
    Kind.NOTE: {"text": "It works again"},
    Kind.TIME: {"text": "Worked on it", **SPAN},
    Kind.STATUS: {"status": "5"},
}
pytestmark = pytest.mark.usefixtures("queued")


def push_to(psa: FakePsa, cast: Cast, system: str = "connectwise", kind: str = Kind.NOTE, **fields: Any) -> PsaPush:
    connection = make_connection(cast.account, system, base_url=psa.url, time_resource="12", time_role="3")
    session = make_session(cast.account, psa={"system": system, "ticket_id": str(TICKET)})
    return make_push(session, connection=connection, kind=kind, payload=PAYLOADS[kind], **fields)


def once(fault: str, *, of: str = "write") -> Any:
    """A plan: `fault` at the first write (or read) about a ticket, nothing after it."""
    seen: list[Request] = []

    def plan(request: Request) -> str:
        if not request.ticket_id or request.is_write != (of == "write"):
            return ""
        seen.append(request)
        return fault if len(seen) == 1 else ""

    return plan


def written(psa: FakePsa, kind: str = Kind.NOTE) -> int:
    """How often the ticket was told."""
    ticket = psa.tickets.get(TICKET)
    if ticket is None:
        return 0
    return {Kind.NOTE: len(ticket.notes), Kind.TIME: len(ticket.times)}.get(Kind(kind), len(ticket.statuses_set))


def deliver_all(push: PsaPush, now: datetime | None = None, tries: int = 30) -> PsaPush:
    """Try until it is at rest, each time when it is due."""
    for _ in range(tries):
        push.refresh_from_db()
        if push.next_attempt_at is None:
            break
        now = max(now or push.next_attempt_at, push.next_attempt_at) + timedelta(hours=2)
        push_deliver(push_id=push.pk, now=now)
    push.refresh_from_db()
    return push


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("system", list(PsaConnection.Kind))
def test_each_system_takes_each_kind(psa: FakePsa, cast: Cast, system: str, kind: str) -> None:
    push = push_to(psa, cast, system, kind)
    assert push_deliver(push_id=push.pk) == State.SUCCEEDED
    assert written(psa, kind) == 1
    push.refresh_from_db()
    assert (push.attempt_count, push.next_attempt_at, push.claimed_until) == (1, None, None)
    assert push.settled_at is not None
    if kind != Kind.STATUS:
        row = (psa.tickets[TICKET].notes or psa.tickets[TICKET].times)[0]
        assert push.marker in str(row)
        assert PAYLOADS[kind]["text"] in str(row)
    assert push_deliver(push_id=push.pk) is None, "what is at rest is not sent"
    assert written(psa, kind) == 1


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("system", list(PsaConnection.Kind))
@pytest.mark.parametrize("fault", ["500-after", "drop-after", "wrong-json", "cut-short", "no-id", "huge"])
def test_what_was_written_before_the_answer_broke_is_found(
    psa: FakePsa, cast: Cast, system: str, kind: str, fault: str
) -> None:
    psa.plan = once(fault)
    push = push_to(psa, cast, system, kind)
    assert push_deliver(push_id=push.pk) == State.UNKNOWN
    assert deliver_all(push).state == State.SUCCEEDED
    assert written(psa, kind) == 1
    assert list(push.attempts.values_list("outcome", flat=True)) == [Outcome.UNKNOWN, Outcome.FOUND]


@pytest.mark.parametrize("system", list(PsaConnection.Kind))
@pytest.mark.parametrize("fault", ["500-before", "drop-before"])
def test_what_is_not_in_the_ticket_is_sent_again(psa: FakePsa, cast: Cast, system: str, fault: str) -> None:
    psa.plan = once(fault)
    push = push_to(psa, cast, system)
    assert push_deliver(push_id=push.pk) == State.UNKNOWN
    assert deliver_all(push).state == State.SUCCEEDED
    assert written(psa) == 1
    assert list(push.attempts.values_list("outcome", flat=True)) == [Outcome.UNKNOWN, Outcome.SENT]


@pytest.mark.parametrize("fault", ["timeout-after", "slow-bytes", "slow-headers"])
def test_a_server_that_takes_its_time_is_left(psa: FakePsa, cast: Cast, settings: Any, fault: str) -> None:
    """Each single byte comes in time; the deadline is for all of them."""
    settings.PSA_TIMEOUT = 0.4
    psa.plan, psa.stall_s = once(fault), 3.0
    push = push_to(psa, cast)
    started = timezone.now()
    assert push_deliver(push_id=push.pk) == State.UNKNOWN
    assert timezone.now() - started < timedelta(seconds=2)
    settings.PSA_TIMEOUT = 5.0
    assert deliver_all(push).state == State.SUCCEEDED
    assert written(psa) == 1


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [("429", 7, 40), ("503", 60, 100), ("429-date", 80, 125)],
)
def test_a_pause_that_was_asked_for_is_kept(psa: FakePsa, cast: Cast, fault: str, least: int, most: int) -> None:
    """As seconds and as a date; nothing else is sent over that connection either."""
    psa.plan = once(fault)
    push = push_to(psa, cast)
    other = make_push(push.session, connection=push.connection)
    now = timezone.now()
    push_deliver(push_id=push.pk, now=now)
    push.refresh_from_db()
    assert push.next_attempt_at is not None
    assert timedelta(seconds=least) <= push.next_attempt_at - now <= timedelta(seconds=most)
    assert due_pushes(now + timedelta(seconds=5)) == []
    assert push_deliver(push_id=other.pk, now=now + timedelta(seconds=5)) is None
    assert due_pushes(now + timedelta(hours=1)) == [other.pk, push.pk]


def test_silence_pauses_the_connection(psa: FakePsa, cast: Cast, settings: Any) -> None:
    """Otherwise all that waits for a system that is down would keep the workers busy, one time-out after the other."""
    settings.PSA_TIMEOUT = 0.3
    psa.plan, psa.stall_s = once("timeout-after"), 1.0
    push = push_to(psa, cast)
    other = make_push(push.session, connection=push.connection)
    now = timezone.now()
    push_deliver(push_id=push.pk, now=now)
    assert due_pushes(now + timedelta(seconds=30)) == []
    assert other.pk in due_pushes(now + timedelta(seconds=65))


def test_an_answer_that_is_no_does_not(psa: FakePsa, cast: Cast) -> None:
    psa.plan = once("500-before")
    push = push_to(psa, cast)
    other = make_push(push.session, connection=push.connection)
    now = timezone.now()
    push_deliver(push_id=push.pk, now=now)
    assert due_pushes(now) == [other.pk]


def test_a_token_that_expired_is_fetched_anew_within_the_try(psa: FakePsa, cast: Cast) -> None:
    first = push_to(psa, cast, "halopsa")
    push_deliver(push_id=first.pk)
    psa.expire_tokens()
    second = make_push(first.session, connection=first.connection)
    assert push_deliver(push_id=second.pk) == State.SUCCEEDED
    assert written(psa) == 2
    assert [r.path for r in psa.requests].count("/auth/token") == 2


def test_a_clear_no_is_not_repeated(psa: FakePsa, cast: Cast) -> None:
    psa.last_ticket = 10
    push = push_to(psa, cast)
    assert push_deliver(push_id=push.pk) == State.EXHAUSTED
    attempt = push.attempts.get()
    assert (attempt.outcome, attempt.status_code) == (Outcome.REJECTED, 404)
    assert "no such thing" in attempt.error


@pytest.mark.parametrize("ticket_id", ["T-1", "../companies/1", "12?x=1", "1/2", "", "\uff19"])
@pytest.mark.parametrize("system", list(PsaConnection.Kind))
def test_a_ticket_that_is_no_number_is_never_part_of_an_address(
    psa: FakePsa, cast: Cast, system: str, ticket_id: str
) -> None:
    push = push_to(psa, cast, system, ticket_id=ticket_id)
    assert push_deliver(push_id=push.pk) == State.EXHAUSTED
    assert [r for r in psa.requests if r.path != "/auth/token"] == []
    assert "not a number" in push.attempts.get().error


def test_tries_end(psa: FakePsa, cast: Cast) -> None:
    psa.plan = lambda request: "429"
    push = deliver_all(push_to(psa, cast, attempts_allowed=4))
    assert (push.state, push.attempt_count) == (State.EXHAUSTED, 4)
    assert len(psa.writes()) == 4


def test_after_the_last_try_it_only_looks(psa: FakePsa, cast: Cast) -> None:
    """The last write may have been the one that succeeded: exhausted means certainly not written."""
    psa.plan = once("drop-after")
    push = deliver_all(push_to(psa, cast, attempts_allowed=1))
    assert (push.state, push.attempt_count, written(psa)) == (State.SUCCEEDED, 2, 1)
    psa.plan = once("drop-before")
    push = deliver_all(make_push(push.session, connection=push.connection, attempts_allowed=1))
    assert (push.state, push.attempt_count, written(psa)) == (State.EXHAUSTED, 2, 1)
    assert push.attempts.order_by("number").last().outcome == Outcome.ABSENT  # type: ignore[union-attr]


def test_what_can_never_be_looked_up_stays_unknown(psa: FakePsa, cast: Cast) -> None:
    psa.plan = lambda request: "drop-after"
    push = deliver_all(push_to(psa, cast, attempts_allowed=2))
    assert (push.state, push.next_attempt_at, push.attempt_count) == (State.UNKNOWN, None, 2 + LOOKS)
    assert written(psa) == 1, "never sent blindly"


def test_it_looks_through_all_pages(psa: FakePsa, cast: Cast) -> None:
    for system in PsaConnection.Kind:
        psa.plan = once("drop-after")
        push = push_to(psa, cast, system)
        push_deliver(push_id=push.pk)
        for n in range(250):
            row = {"id": psa.next_id(), "text": f"{n}", "note": f"{n}", "description": f"{n}"}
            psa.tickets[TICKET].notes.append(row)
        before = written(psa)
        assert deliver_all(push).state == State.SUCCEEDED
        assert written(psa) == before, system
        psa.tickets.clear()


@pytest.mark.parametrize("fault", ["", "drop-after", "drop-before"])
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    psa: FakePsa, cast: Cast, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Killed between the answer and the note of it; or before the request, or during it."""
    psa.plan = once(fault)
    push = push_to(psa, cast)
    now = timezone.now()

    class Killed(BaseException):
        pass

    def killed(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("sessions.psa.delivery._finish", killed)
        with pytest.raises(Killed):
            push_deliver(push_id=push.pk, now=now)
    assert push_deliver(push_id=push.pk, now=now + timedelta(minutes=1)) is None, "another worker has it still"
    assert due_pushes(now + timedelta(minutes=1)) == []
    later = now + claim_length()
    assert due_pushes(later) == [push.pk]
    assert push_deliver(push_id=push.pk, now=later) == State.SUCCEEDED
    assert written(psa) == 1
    outcomes = list(push.attempts.values_list("outcome", "error"))
    expected = Outcome.SENT if fault == "drop-before" else Outcome.FOUND
    assert outcomes == [(Outcome.UNKNOWN, "its worker was stopped"), (expected, "")]


def test_a_worker_that_was_paused_past_its_claim_writes_nothing_down(
    psa: FakePsa, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessions.psa import delivery

    push = push_to(psa, cast)
    now = timezone.now()
    real, late = delivery._finish, []
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_finish", lambda claim, result: late.append((claim, result)))
        push_deliver(push_id=push.pk, now=now)
    assert push_deliver(push_id=push.pk, now=now + claim_length()) == State.SUCCEEDED
    assert real(*late[0]) is None
    push.refresh_from_db()
    assert (push.state, push.attempt_count, written(psa)) == (State.SUCCEEDED, 2, 1)


def test_a_worker_that_was_paused_before_it_sent_sends_nothing(
    psa: FakePsa, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time counts from before its claim: past that another worker may have sent already."""
    from sessions.psa import delivery

    push = push_to(psa, cast)
    claim = delivery._claim

    def paused(push_id: int, now: datetime, clock: float) -> Any:
        return claim(push_id, now, clock - claim_length().total_seconds())

    monkeypatch.setattr(delivery, "_claim", paused)
    assert push_deliver(push_id=push.pk) == State.PENDING
    assert psa.requests == []
    assert push.attempts.get().error == "no connection in time"


def test_a_status_waits_for_the_note_and_the_time(psa: FakePsa, cast: Cast, queued: list[int]) -> None:
    """Many systems refuse both on a closed ticket."""
    note = push_to(psa, cast)
    status = make_push(note.session, kind=Kind.STATUS, payload=PAYLOADS[Kind.STATUS])
    assert push_deliver(push_id=status.pk) is None
    assert due_pushes(timezone.now()) == [note.pk]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.db.transaction.on_commit", lambda act, **_: act())
        push_deliver(push_id=note.pk)
    assert queued == [status.pk]
    assert push_deliver(push_id=status.pk) == State.SUCCEEDED


def test_an_inactive_connection_keeps_its_pushes(psa: FakePsa, cast: Cast) -> None:
    push = push_to(psa, cast)
    PsaConnection.objects.update(is_active=False)
    assert push_deliver(push_id=push.pk) is None
    assert due_pushes(timezone.now()) == []
    PsaConnection.objects.update(is_active=True)
    assert push_deliver(push_id=push.pk) == State.SUCCEEDED


def test_an_error_of_our_own_is_unclear(psa: FakePsa, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    push = push_to(psa, cast)

    def broken(*args: Any) -> None:
        raise ZeroDivisionError("secret-words")

    monkeypatch.setattr("sessions.psa.delivery.write", broken)
    assert push_deliver(push_id=push.pk) == State.UNKNOWN
    assert push.attempts.get().error == "an error of FlowPilot's own: ZeroDivisionError"
