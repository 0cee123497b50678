"""What writes pushes, other than their delivery."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from flowpilot.common.audit import audit_record
from flowpilot.common.errors import NotAllowed
from sessions.models import AISession, PsaAttempt, PsaConnection, PsaPush
from sessions.psa.selectors import connection_of

State, Kind = PsaPush.State, PsaPush.Kind
# A task that comes later than this has been overtaken by beat's.
TASK_EXPIRES_S = 60
LONGEST_ENTRY = timedelta(hours=24)
CLEANED_AT_ONCE = 5_000


def session_pushes_create(
    *, session: AISession, note: str = "", worked: timedelta | None = None, occasion: str = ""
) -> list[PsaPush]:
    """Write what the session's ticket shall be told of its end; delivery starts when the transaction commits.

    Call it in the transaction that ends the session, with its new status, end and summary set: both happen, or neither.
    `note` is the text (else told from the session), `worked` the time to charge, up to its end (else since it was
    started or taken up). `occasion` names which end this is (else its status and time): the same twice writes nothing
    twice. Gives the pushes of this end: a note, a time entry and a status, as the connection is set up; none where the
    session has no ticket, or its system no active connection. Raises RuntimeError outside a transaction, and refuses
    nothing else: whatever is wrong with the ticket shows in the pushes, and holds up nobody.
    """
    if not database.in_atomic_block:
        raise RuntimeError("pushes are written in the transaction that ends the session: call this inside one")
    connection = connection_of(session)
    if connection is None:
        return []
    occasion = (occasion or f"{session.status} {(session.ended_at or timezone.now()).isoformat()}")[:100]
    rows = _rows(connection, session, occasion, _payloads(connection, session, note, worked))
    PsaPush.objects.bulk_create(rows, ignore_conflicts=True)
    pushes = list(PsaPush.objects.filter(session=session, occasion=occasion).order_by("pk"))
    for push in pushes:
        push_start_on_commit(push.pk)
    return pushes


def _rows(
    connection: PsaConnection, session: AISession, occasion: str, payloads: list[tuple[PsaPush.Kind, dict[str, Any]]]
) -> list[PsaPush]:
    common = {
        "account_id": session.account_id,
        "connection": connection,
        "session": session,
        "ticket_id": session.psa_ticket_id,
        "occasion": occasion,
        "attempts_allowed": settings.PSA_MAX_ATTEMPTS,
        "next_attempt_at": timezone.now(),
    }
    return [PsaPush(kind=kind, payload=payload, **common) for kind, payload in payloads]


def push_start(push_id: int) -> None:
    """Queue one try of a push. Call after the commit."""
    current_app.send_task(
        "sessions.psa.tasks.deliver_push", args=[push_id], expires=TASK_EXPIRES_S, retry=False, ignore_result=True
    )


def push_start_on_commit(push_id: int) -> None:
    """Queue one try when the transaction commits. A queue that is down fails nothing: beat finds the push."""

    def start() -> None:  # not a partial: Django names what failed by its __qualname__
        push_start(push_id)

    transaction.on_commit(start, robust=True)


def told(session: AISession) -> str:
    """The session's end in a few lines, for the ticket."""
    head = f"{session.get_status_display()} with FlowPilot ({session.external_id})"
    lines = [head, session.title or session.problem_summary, session.resolution_summary]
    return "\n\n".join(line.strip() for line in lines if line.strip())


def _payloads(
    connection: PsaConnection, session: AISession, note: str, worked: timedelta | None
) -> list[tuple[PsaPush.Kind, dict[str, Any]]]:
    """Note and time before the status, which waits for them."""
    payloads: list[tuple[PsaPush.Kind, dict[str, Any]]] = [(Kind.NOTE, {"text": note or told(session)})]
    worked = _since_taken_up(session) if worked is None else worked
    charged = connection.time_resource or connection.kind == PsaConnection.Kind.HALOPSA
    # A session that was left open for days was not worked for days; what its caller does not know is not charged.
    if charged and worked and timedelta() < worked <= LONGEST_ENTRY:
        ended = session.ended_at or timezone.now()
        span = {"started_at": (ended - worked).isoformat(), "ended_at": ended.isoformat()}
        payloads.append((Kind.TIME, {"text": session.title or session.external_id, **span}))
    if status := connection.status_for(session.status):
        payloads.append((Kind.STATUS, {"status": status}))
    return payloads


def _since_taken_up(session: AISession) -> timedelta | None:
    """How long it was worked up to this end. What was before a hand-over was charged when it was handed over."""
    if session.ended_at is None:
        return None
    claimed = session.handovers.filter(claimed_at__lte=session.ended_at).aggregate(last=Max("claimed_at"))["last"]
    return session.ended_at - max(session.started_at, claimed or session.started_at)


@transaction.atomic
def pushes_requeue(*, actor: Any, push_ids: Sequence[int]) -> int:
    """Try given-up pushes again, with all tries before them; gives how many.

    One that may have been written is looked for first. Pushes that are under way or succeeded, and those outside the
    actor's scope, are passed over. Raises NotAllowed where the actor may queue nowhere.
    """
    if not actor.has_perm("ai_sessions.requeue_psapush"):
        raise NotAllowed("only team admins and owners queue pushes again")
    rows = PsaPush.objects.for_user(actor, "requeue").requeueable().filter(pk__in=push_ids).order_by("pk")
    pushes = list(rows.select_for_update(of=("self",)).select_related("session"))
    for push in pushes:
        _requeue(actor, push)
    return len(pushes)


def attempts_clean(*, now: datetime) -> int:
    """Remove the attempts that began longer than PSA_KEEP_ATTEMPTS before `now`; gives how many.

    The last attempt of a push stays: it says what became of it, and whether it must be looked for. How many there were
    the push says itself. A part at a time, so that nobody waits for its locks.
    """
    later = PsaAttempt.objects.filter(push=OuterRef("push"), number__gt=OuterRef("number"))
    old = PsaAttempt.objects.filter(Exists(later), started_at__lt=now - settings.PSA_KEEP_ATTEMPTS).order_by("pk")
    removed = 0
    while ids := list(old.values_list("pk", flat=True)[:CLEANED_AT_ONCE]):
        removed += PsaAttempt.objects.filter(pk__in=ids).delete()[0]
    return removed


def _requeue(actor: Any, push: PsaPush) -> None:
    before = {"state": push.state, "attempts": push.attempt_count}
    last = push.attempts.order_by("number").last()
    unclear = last is not None and last.outcome == PsaAttempt.Outcome.UNKNOWN
    push.state = State.UNKNOWN if unclear else State.PENDING
    push.attempts_allowed = push.attempt_count + settings.PSA_MAX_ATTEMPTS
    push.next_attempt_at, push.settled_at, push.claimed_until = timezone.now(), None, None
    push.save(update_fields=["state", "attempts_allowed", "next_attempt_at", "settled_at", "claimed_until"])
    audit_record(actor=actor, action="psa_push.requeued", target=push, before=before, after={"state": push.state})
    push_start_on_commit(push.pk)
