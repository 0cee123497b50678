"""What the ticketing systems were told of the sample sessions: two connections, and pushes with all their attempts.

Nothing of it can reach anybody: the connections are switched off, and their addresses end in `.invalid`, which leads
nowhere by definition (RFC 2606, 2).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import exp
from random import Random
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Subquery

from flowpilot.accounts.models import Account, User
from flowpilot.sample.routes import pick_weighted
from flowpilot.sample.wording import pick
from sessions.models import AISession, PsaAttempt, PsaConnection, PsaPush
from sessions.psa.connections import connection_create
from sessions.psa.delivery import LOOKS
from sessions.psa.models import MARKER_BYTES
from sessions.psa.services import told

PUSH_DAYS = 90
#: How pushes end, as shares; of the NEWEST sessions some have not ended at all.
SHARES = {"first_try": 0.891, "eventual": 0.084, "exhausted": 0.02, "unknown": 0.005}
NEWEST = 4
_LONGEST_CHARGED = timedelta(hours=4)

Kind, State = PsaPush.Kind, PsaPush.State
Outcome = PsaAttempt.Outcome
# Outcome, status code, error.
_Try = tuple[str, tuple[int | None, str]]

_CONNECTIONS: tuple[dict[str, Any], ...] = (
    {
        "kind": "connectwise",
        "name": "ConnectWise (sample)",
        "base_url": "https://connectwise.northwind.invalid",
        "time_resource": "servicedesk",
        "resolved_status": "Resolved",
        "escalated_status": "Escalated",
        "credentials": {"company": "northwind", "public_key": "sample", "private_key": "sample", "client_id": "sample"},
    },
    {
        "kind": "halopsa",
        "name": "HaloPSA (sample)",
        "base_url": "https://halo.northwind.invalid",
        "resolved_status": "9",
        "escalated_status": "23",
        "credentials": {"client_id": "sample", "client_secret": "sample"},
    },
)
_PASSING = (
    (429, "429: too many requests"),
    (503, "503: the service is unavailable"),
    (None, "no connection could be made"),
)
_UNCLEAR = ((None, "no answer within 20 seconds"), (502, "502: bad gateway"), (504, "504: gateway timeout"))
_REFUSED = ((404, "404: there is no such ticket"), (400, "400: the ticket is closed"))


def pushes_make(*, account: Account, owner: User, seed: int, until: datetime) -> None:
    """The connections, and a note, a time entry and a status for each session that ended in the PUSH_DAYS days before
    `until` with a ticket in one of them. Same seed and sessions, same rows."""
    connections = {
        said["kind"]: connection_create(actor=owner, account=account, is_active=False, **said) for said in _CONNECTIONS
    }
    ended = AISession.objects.filter(
        account=account,
        status__in=AISession.ENDED,
        ended_at__gte=until - timedelta(days=PUSH_DAYS),
        psa_system__in=list(connections),
    ).exclude(psa_ticket_id="")
    rng = Random(f"{seed} pushes")  # noqa: S311
    pushes, attempts = [], []
    sessions = list(ended.defer("transcript").order_by("ended_at", "external_id"))
    for place, session in enumerate(sessions):
        fates = SHARES if place < len(sessions) - NEWEST else {"first_try": 0.5, "pending": 0.5}
        ended_at = session.ended_at or until  # ended ones all have it
        for push in _pushes(rng, connections[session.psa_system], session, ended_at):
            attempts += _settle(rng, push, pick_weighted(rng, fates), ended_at, until)
            pushes.append(push)
    PsaPush.objects.bulk_create(pushes, batch_size=1000)
    PsaAttempt.objects.bulk_create(attempts, batch_size=2000)
    _date_back(account)


def _date_back(account: Account) -> None:
    """A push is written in the transaction that ends its session; a new row knows no other time than now."""
    ended_at = AISession.objects.filter(pk=OuterRef("session")).values("ended_at")
    PsaPush.objects.filter(account=account).update(created_at=Subquery(ended_at))


def _pushes(rng: Random, connection: PsaConnection, session: AISession, ended_at: datetime) -> Iterator[PsaPush]:
    ended = ended_at.isoformat()
    common = {
        "account_id": session.account_id,
        "connection": connection,
        "session": session,
        "ticket_id": session.psa_ticket_id,
        "occasion": f"{session.status} {ended}",
        "attempts_allowed": settings.PSA_MAX_ATTEMPTS,
    }
    payloads: list[tuple[str, dict[str, str]]] = [(Kind.NOTE, {"text": told(session)})]
    worked = ended_at - session.started_at
    if timedelta() < worked <= _LONGEST_CHARGED:
        span = {"started_at": session.started_at.isoformat(), "ended_at": ended}
        payloads.append((Kind.TIME, {"text": session.title or session.external_id, **span}))
    if status := connection.status_for(session.status):
        payloads.append((Kind.STATUS, {"status": status}))
    for kind, payload in payloads:
        marker = f"{rng.getrandbits(8 * MARKER_BYTES):0{2 * MARKER_BYTES}x}"
        yield PsaPush(kind=kind, payload=payload, marker=marker, **common)


def _settle(rng: Random, push: PsaPush, fate: str, at: datetime, until: datetime) -> list[PsaAttempt]:
    """Give the push, written at `at`, its state, and return its attempts, none of them after `until`."""
    attempts: list[PsaAttempt] = []
    for outcome, (code, error) in _tries(rng, fate, push.attempts_allowed):
        started, finished = _times(rng, push, at, outcome, code)
        if finished > until:
            fate = "pending"  # it goes on after the end of the sample
            break
        attempts.append(
            PsaAttempt(
                account_id=push.account_id,
                push=push,
                number=len(attempts) + 1,
                started_at=started,
                finished_at=finished,
                outcome=outcome,
                status_code=code,
                error=error,
            )
        )
        at = finished + timedelta(seconds=rng.uniform(60, 150) * len(attempts))
    push.attempt_count = len(attempts)
    if fate == "pending":
        unclear = bool(attempts) and attempts[-1].outcome == Outcome.UNKNOWN
        push.state, push.next_attempt_at = State.UNKNOWN if unclear else State.PENDING, max(at, until)
    else:
        push.state = State.SUCCEEDED if fate in ("first_try", "eventual") else State(fate)
        push.settled_at = attempts[-1].finished_at
    return attempts


def _tries(rng: Random, fate: str, allowed: int) -> list[_Try]:
    """The outcome of each attempt, with status code and error, as `sessions.psa.delivery` would write them."""
    failed: list[_Try] = [(Outcome.FAILED, pick(rng, _PASSING)) for _ in range(allowed)]
    sent: _Try = (Outcome.SENT, (201, ""))
    if fate == "pending":
        return failed[: rng.randint(0, 2)]
    if fate == "unknown":
        return [(Outcome.UNKNOWN, pick(rng, _UNCLEAR)) for _ in range(allowed + LOOKS)]
    if fate == "exhausted":
        return failed if rng.random() < 0.3 else [(Outcome.REJECTED, pick(rng, _REFUSED))]
    if fate == "first_try":
        return [sent]
    if rng.random() < 0.7:
        return [*failed[: pick(rng, (1, 1, 1, 2, 2, 3))], sent]
    # Half of what was unclear had been written: it is found, and not sent again.
    return [(Outcome.UNKNOWN, pick(rng, _UNCLEAR)), pick(rng, (sent, (Outcome.FOUND, (200, ""))))]


def _times(rng: Random, push: PsaPush, at: datetime, outcome: str, code: int | None) -> tuple[datetime, datetime]:
    """Answers come log-normally: HaloPSA's after 0.9 seconds, ConnectWise's after 0.5 in the median."""
    median = 0.9 if push.connection.kind == PsaConnection.Kind.HALOPSA else 0.5
    took = 20.0 if outcome == Outcome.UNKNOWN and code is None else min(19.0, median * exp(rng.gauss(0, 0.6)))
    started = at + timedelta(seconds=rng.uniform(0.05, 0.6))
    return started, started + timedelta(seconds=took)
