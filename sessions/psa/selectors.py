"""What is read of the ticketing side."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from sessions.models import AISession, PsaAttempt, PsaConnection, PsaPush

State, Kind = PsaPush.State, PsaConnection.Kind
# The names that records use for a system, without case, spaces and signs.
SYSTEMS = {
    "connectwise": Kind.CONNECTWISE,
    "connectwisemanage": Kind.CONNECTWISE,
    "connectwisepsa": Kind.CONNECTWISE,
    "halo": Kind.HALOPSA,
    "halopsa": Kind.HALOPSA,
    "autotask": Kind.AUTOTASK,
    "autotaskpsa": Kind.AUTOTASK,
}
AT_ONCE = 200
CHOSEN_FROM = 20
GIVEN_UP_TOLD = timedelta(days=14)
# How a push stands, one of five. `eventual`: written after at least one try that did not succeed; a note that an
# unclear try had written already, and the next one found, is written, too. From the push's own row: tries may be gone.
OUTCOMES = {
    "first_try": Q(state=State.SUCCEEDED, attempt_count=1),
    "eventual": Q(state=State.SUCCEEDED, attempt_count__gt=1),
    "exhausted": Q(state=State.EXHAUSTED),
    "pending": Q(state=State.PENDING),
    "unknown": Q(state=State.UNKNOWN),
}


@dataclass(frozen=True, slots=True)
class PushCounts:
    """How many pushes stand in which way (OUTCOMES), each counted once."""

    first_try: int
    eventual: int
    exhausted: int
    pending: int
    unknown: int

    @property
    def total(self) -> int:
        return self.first_try + self.eventual + self.exhausted + self.pending + self.unknown


def push_counts(pushes: QuerySet[PsaPush]) -> PushCounts:
    """Counts of any set of pushes, in one query. Tries are never counted as pushes."""
    counts: dict[str, int] = pushes.order_by().aggregate(
        **{name: Count("pk", filter=condition) for name, condition in OUTCOMES.items()}
    )
    return PushCounts(**counts)


def system_of(name: str) -> PsaConnection.Kind | None:
    """The system that a record means by a name; None for one that FlowPilot does not write to."""
    return SYSTEMS.get("".join(letter for letter in name.lower() if letter.isalnum()))


def system_name(name: str) -> str:
    """Its proper name, such as ConnectWise Manage; that of the record where it is not known here."""
    kind = system_of(name)
    return str(kind.label) if kind else name


def connection_of(session: AISession) -> PsaConnection | None:
    """The active connection to the system that the session's ticket is in; None without one, or without a ticket."""
    kind = system_of(session.psa_system)
    if kind is None or not session.psa_ticket_id:
        return None
    return PsaConnection.objects.filter(account=session.account_id, kind=kind, is_active=True).first()


def connections_for(actor: Any) -> QuerySet[PsaConnection]:
    """Where `actor` may look tickets up: for a choice of systems. Holds no credentials."""
    return PsaConnection.objects.for_user(actor, "use").filter(is_active=True).defer("credentials")


def pushes_given_up(user: Any) -> QuerySet[PsaPush]:
    """What nobody tries any more and `user` may queue again, given up within GIVEN_UP_TOLD; the latest first.

    After that somebody has seen it, or it does not matter: a ticket that was deleted takes no note, ever.
    """
    rows = PsaPush.objects.for_user(user, "requeue").requeueable()
    rows = rows.filter(settled_at__gte=timezone.now() - GIVEN_UP_TOLD).select_related("connection")
    return rows.defer("connection__credentials", "payload").order_by("-settled_at", "-pk")


def with_last_error(pushes: QuerySet[PsaPush]) -> QuerySet[PsaPush]:
    """Each with `error`, that of its last attempt; None before the first."""
    last = PsaAttempt.objects.filter(push=OuterRef("pk")).order_by("-number").values("error")[:1]
    return pushes.annotate(error=Subquery(last))


def next_push(after_id: int, now: datetime) -> int | None:
    """A push that may be tried now that this one of its connection was; None where none waits.

    One of the oldest, by chance: workers that end together do not all go for the same.
    """
    waiting = PsaPush.objects.due(now).filter(connection__pushes=after_id)
    oldest = list(waiting.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:CHOSEN_FROM])
    return random.choice(oldest) if oldest else None  # noqa: S311


def due_pushes(now: datetime) -> list[int]:
    """Ids of what should be tried now: of each connection its oldest, at most AT_ONCE, so that no account waits for
    another's thousands."""
    waiting = PsaPush.objects.due(now)
    connections = waiting.order_by().values_list("connection", flat=True).distinct()
    return [
        pk
        for connection in sorted(connections)
        for pk in waiting.filter(connection=connection)
        .order_by("next_attempt_at", "pk")
        .values_list("pk", flat=True)[:AT_ONCE]
    ]
