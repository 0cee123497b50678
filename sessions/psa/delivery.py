"""One try of a push.

Three steps: claim it and write down that a try begins (a transaction), talk to the ticketing system (none), write down
what came of it (a transaction). A worker that dies in between leaves a try that never ended: the next one takes it for
unclear and looks in the ticket before it sends. So nothing is lost and nothing is written twice.
"""

import logging
import time
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from flowpilot.common.backoff import SETTLING, pause_after, pause_kept, pause_of_place
from flowpilot.common.claims import claim_take, database_now, place_is_full, place_pause
from sessions.models import PsaAttempt, PsaConnection, PsaPush
from sessions.psa.clients import Note, PsaClient, TimeEntry, client_of
from sessions.psa.errors import PsaError, PsaFailed, PsaRejected, PsaUnclear
from sessions.psa.services import push_start_on_commit

logger = logging.getLogger(__name__)

State, Outcome, Kind = PsaPush.State, PsaAttempt.Outcome, PsaPush.Kind
OUTCOMES: dict[type[PsaError], PsaAttempt.Outcome] = {
    PsaFailed: Outcome.FAILED,
    PsaRejected: Outcome.REJECTED,
    PsaUnclear: Outcome.UNKNOWN,
}
# Tries that only look, after the last one that was allowed to send ended without a clear answer.
LOOKS = 3
LONGEST_TEXT = 30_000


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to try a push once. `look`: it may be written already; `may_send`: it has tries left; `clock`: on
    time.monotonic()'s clock, from before the claim was made."""

    push: PsaPush
    attempt: PsaAttempt
    look: bool
    may_send: bool
    now: datetime
    clock: float

    @property
    def elapsed(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self.clock)


@dataclass(frozen=True, slots=True)
class Result:
    outcome: PsaAttempt.Outcome
    error: str = ""
    status_code: int | None = None
    retry_after: str | None = None
    no_answer: bool = False


def push_deliver(*, push_id: int, now: datetime | None = None) -> str | None:
    """Try a push that is due; gives its state after that, or None where it is not due, another worker has it, or its
    connection has as many as it may have at once.

    `now` None is the database's time, the same for all workers. Safe to run twice, and at once.
    """
    clock = time.monotonic()
    claim = _claim(push_id, now or database_now(), clock)
    if claim is None:
        return None
    result = _attempt(claim)
    return _finish(claim, result)


def claim_length() -> timedelta:
    """Longer than any try can take: its requests all end at PSA_TIMEOUT."""
    return timedelta(seconds=2 * settings.PSA_TIMEOUT + 120)


def _claim(push_id: int, now: datetime, clock: float) -> Claim | None:
    if not PsaPush.objects.due(now).filter(pk=push_id).exists():
        return None
    with transaction.atomic():
        if not claim_take(PsaPush.objects.all(), push_id, now=now, length=claim_length()):
            return None
        push = PsaPush.objects.select_related("connection", "session").get(pk=push_id)
        others = PsaPush.objects.filter(connection=push.connection_id).exclude(pk=push.pk)
        if place_is_full(push.connection, others, now=now, limit=settings.PSA_MAX_PARALLEL):
            transaction.set_rollback(True)
            return None
        unfinished = push.attempts.filter(outcome=Outcome.RUNNING)
        if unfinished.update(outcome=Outcome.UNKNOWN, finished_at=now, error="its worker was stopped"):
            push.state = State.UNKNOWN
            push.save(update_fields=["state"])
        attempt = PsaAttempt.objects.create(
            account_id=push.account_id, push=push, number=push.attempt_count, started_at=now
        )
    may_send = push.attempt_count <= push.attempts_allowed
    return Claim(push, attempt, look=push.state == State.UNKNOWN, may_send=may_send, now=now, clock=clock)


def _attempt(claim: Claim) -> Result:
    """Talk to the system. Until it has looked, whatever goes wrong leaves the outcome unknown."""
    push, looking = claim.push, claim.look
    # The claim's own time, not this moment's: a worker that was paused must not send after its claim.
    seconds = max(settings.PSA_TIMEOUT - claim.elapsed.total_seconds(), 0.0)
    try:
        with client_of(push.connection, seconds=seconds) as client:
            if looking:
                if is_written(client, push):
                    return Result(Outcome.FOUND)
                if not claim.may_send:
                    return Result(Outcome.ABSENT, "it is not in the ticket, and no tries are left")
                looking = False
            write(client, push)
            return Result(Outcome.SENT)
    except PsaError as error:
        outcome = Outcome.UNKNOWN if looking else OUTCOMES[type(error)]
        message = f"looking for it: {error.message}" if looking else error.message
        return Result(outcome, message, error.status_code, error.retry_after, error.no_answer)
    except Exception as error:
        # Without the error's own words: they might hold what was sent.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("push %s: %s\n%s", push.pk, type(error).__name__, frames)
        return Result(Outcome.UNKNOWN, f"an error of FlowPilot's own: {type(error).__name__}")


def is_written(client: PsaClient, push: PsaPush) -> bool:
    """Whether the ticket has it. A status carries no marker: it is there when the ticket has it."""
    if push.kind == Kind.STATUS:
        wanted: str = push.payload["status"]
        return client.ticket(push.ticket_id).status.casefold() == wanted.casefold()
    texts = client.notes(push.ticket_id) if push.kind == Kind.NOTE else client.times(push.ticket_id)
    return any(push.marker in text for text in texts)


def write(client: PsaClient, push: PsaPush) -> None:
    """Send it once. Raises PsaError."""
    payload: dict[str, Any] = push.payload
    if push.kind == Kind.STATUS:
        client.set_status(push.ticket_id, payload["status"])
        return
    text = marked(payload["text"], push.marker)
    if push.kind == Kind.NOTE:
        client.add_note(push.ticket_id, Note(text=text, internal=push.connection.notes_internal))
        return
    entry = TimeEntry(
        text=text,
        started_at=datetime.fromisoformat(payload["started_at"]),
        ended_at=datetime.fromisoformat(payload["ended_at"]),
        resource=push.connection.time_resource,
        role=push.connection.time_role,
    )
    client.add_time(push.ticket_id, entry)


def marked(text: str, marker: str) -> str:
    """The text with its marker at the end, where a limit of the system's would cut: so the text is cut first."""
    return f"{text[:LONGEST_TEXT].rstrip()}\n\n[FlowPilot {marker}]"


def _finish(claim: Claim, result: Result) -> str | None:
    finished = claim.now + claim.elapsed
    ended = {"outcome": result.outcome, "finished_at": finished, "status_code": result.status_code}
    with transaction.atomic():
        PsaAttempt.objects.filter(pk=claim.attempt.pk, outcome=Outcome.RUNNING).update(
            **ended, error=result.error[:500]
        )
        own = PsaPush.objects.select_for_update().filter(pk=claim.push.pk, claim_token=claim.push.claim_token)
        push = own.first()
        if push is None:
            return None  # the claim ran out: the next worker has taken this try for unclear, and looks
        _settle(push, result, finished)
        push.claimed_until = None
        push.save(update_fields=["state", "next_attempt_at", "settled_at", "claimed_until"])
        if pause := pause_of_place(result.retry_after, finished, no_answer=result.no_answer):
            place_pause(PsaConnection.objects.filter(pk=push.connection_id), finished + pause)
        if push.next_attempt_at is None and push.kind != Kind.STATUS:
            # The session's status waited for its note and its time.
            waiting = PsaPush.objects.due(finished).filter(session=push.session_id, kind=Kind.STATUS)
            for pk in waiting.values_list("pk", flat=True):
                push_start_on_commit(pk)
    return push.state


def _settle(push: PsaPush, result: Result, finished: datetime) -> None:
    """What the push is after this try, and when the next one is."""
    unclear = result.outcome == Outcome.UNKNOWN
    allowed = push.attempts_allowed + (LOOKS if unclear else 0)
    if result.outcome in PsaAttempt.SUCCESSES:
        push.state = State.SUCCEEDED
    elif result.outcome in (Outcome.REJECTED, Outcome.ABSENT):
        push.state = State.EXHAUSTED
    elif push.attempt_count >= allowed:
        push.state = State.UNKNOWN if unclear else State.EXHAUSTED
    else:
        push.state = State.UNKNOWN if unclear else State.PENDING
        push.next_attempt_at = finished + _wait(push, result, finished)
        return
    push.next_attempt_at, push.settled_at = None, finished


def _wait(push: PsaPush, result: Result, finished: datetime) -> timedelta:
    # A push that was queued again begins with short pauses again.
    before = max(push.attempts_allowed - settings.PSA_MAX_ATTEMPTS, 0)
    wait = pause_after(max(push.attempt_count - before, 1))
    if result.outcome == Outcome.UNKNOWN:
        wait = max(wait, SETTLING)
    return pause_kept(wait, result.retry_after, finished)
