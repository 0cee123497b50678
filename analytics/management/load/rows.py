"""One session with all that hangs on it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import log
from random import Random
from typing import Any

from analytics.management.load.copying import Table, ids_reserve
from analytics.management.load.world import QUESTIONS, Guided, Person, World
from proposals.models import SessionAnalysis
from sessions.models import AISession, GeneratedScript, Handover, PsaAttempt, PsaPush, SessionStep

REOPENED_WITHIN = timedelta(days=14)
#: How long ago a hand-over was given that nobody has taken up yet.
WAITING = timedelta(hours=30)
KEPT_FOR_TOPIC = 15
COLUMNS: dict[type[Any], tuple[str, ...]] = {
    AISession: (
        "id", "external_id", "status", "title", "problem_summary", "problem_domain", "client_id", "team_id",
        "technician_email", "technician_id", "started_at", "ended_at", "resolution_summary", "flow_id",
        "flow_version_id", "psa_system", "psa_ticket_id", "confidence_score", "is_worked_here", "node_id",
        "match_score", "touched_at", "rating", "flow_was_right", "created_at", "updated_at",
    ),
    SessionStep: ("session_id", "position", "kind", "prompt", "options", "selected_option", "response", "at", "node_id",
                  "seconds"),
    Handover: ("session_id", "reason", "given_by_id", "to_team_id", "created_at", "claimed_by_id", "claimed_at",
               "first_step_at"),
    GeneratedScript: ("template_version_id", "session_id", "team_id", "text", "created_by_id", "created_at", "outcome",
                      "outcome_at"),
    SessionAnalysis: ("session_id", "state", "outcome", "topic_id", "flow_version_id", "left_at_node", "analyzed_at"),
    PsaPush: ("id", "connection_id", "session_id", "ticket_id", "kind", "occasion", "payload", "marker", "state",
              "attempt_count", "attempts_allowed", "next_attempt_at", "created_at", "settled_at"),
    PsaAttempt: ("push_id", "number", "started_at", "finished_at", "outcome", "status_code", "error"),
}  # fmt: skip
#: Of a push: its state and the outcomes of its tries, as shares.
PUSHES = (
    ("succeeded", ("sent",), 0.891),
    ("succeeded", ("failed", "sent"), 0.06),
    ("succeeded", ("unknown", "found"), 0.024),
    ("exhausted", ("failed", "failed", "failed"), 0.02),
    ("unknown", ("unknown",), 0.005),
)


@dataclass(slots=True)
class Ticket:
    system: str
    number: str
    client: int
    domain: str
    solved_at: datetime


@dataclass(slots=True)
class Worked:
    """One session under way."""

    pk: int
    number: int
    start: datetime
    domain: str
    client: int
    team: int
    person: Person
    is_worked_here: bool
    guided: Guided | None
    version: int | None
    ticket: Ticket | None
    topic: int
    status: str = "active"
    end: datetime | None = None
    # Where a session that was worked here stands, and the node where it left the flow.
    node: str = ""
    left: str = ""


@dataclass(slots=True)
class Maker:
    """Makes sessions into tables; `copy` writes them."""

    world: World
    rng: Random
    now: datetime
    tables: dict[type[Any], Table] = field(init=False)
    # Some sessions of each topic, to be the evidence of its proposal.
    of_topic: dict[int, list[int]] = field(default_factory=dict)
    _solved: deque[Ticket] = field(default_factory=lambda: deque(maxlen=2_000))

    def __post_init__(self) -> None:
        account = self.world.account.pk
        self.tables = {model: Table(model, account, columns) for model, columns in COLUMNS.items()}

    def make(self, starts: list[datetime], first_number: int) -> None:
        """A session for each start."""
        first = ids_reserve(AISession, len(starts))
        pushes = ids_reserve(PsaPush, 2 * len(starts))
        push_ids = iter(range(pushes, pushes + 2 * len(starts)))
        for place, start in enumerate(starts):
            session = self._begin(first + place, first_number + place, start)
            self._steps(session)
            self._finish(session)
            self._around(session, push_ids)

    def copy(self) -> None:
        for table in self.tables.values():
            table.copy()

    def _begin(self, pk: int, number: int, start: datetime) -> Worked:
        rng, world = self.rng, self.world
        again = self._solved_ticket(start) if rng.random() < 0.07 else None
        domain = again.domain if again else world.domains.pick(rng)
        guided = world.flows[domain].pick(rng) if domain and rng.random() < 0.6 else None
        version = guided.version_at(start) if guided else None
        team = rng.choices(range(len(world.teams)), (40, 20, 14, 12, 8, 6))[0]
        client = again.client if again else world.clients.pick(rng)
        ticket = again
        if ticket is None and rng.random() < 0.85:
            ticket = Ticket(world.connections[rng.random() < 0.3][0], str(400_000 + number), client, domain, start)
        return Worked(
            pk, number, start, domain, client, team, rng.choice(world.people[team]), rng.random() < 0.7,
            guided if version else None, version, ticket, world.topics[domain].pick(rng),
        )  # fmt: skip

    def _solved_ticket(self, start: datetime) -> Ticket | None:
        if not self._solved:
            return None
        ticket = self._solved[self.rng.randrange(len(self._solved))]
        return ticket if timedelta() < start - ticket.solved_at <= REOPENED_WITHIN else None

    def _steps(self, session: Worked) -> None:
        rng, table, at = self.rng, self.tables[SessionStep], session.start
        asked = min(QUESTIONS, 1 + int(rng.expovariate(0.45))) if session.guided else 0
        median = 140 if session.guided else 220
        for position in range(rng.randint(3, 11)):
            seconds = int(rng.lognormvariate(log(median), 0.8)) + 1
            at += timedelta(seconds=seconds)
            if position < asked:
                last = position == asked - 1
                answer = ("No" if rng.random() < 0.75 else "Cannot tell") if last else "Yes"
                prompt = f"{session.domain}: is part {position} as it should be?"
                options: Any = '["Yes", "No", "Cannot tell"]'
                session.left = f"n{position}" if last and rng.random() < 0.1 else ""
                end = "h" if answer == "Cannot tell" else f"e{position}"
                # Only the runner knows nodes: what came from elsewhere has prompts and answers.
                node, session.node = (f"n{position}", session.left or end) if session.is_worked_here else ("", "")
                table.add(session.pk, position, "question", prompt, options, answer, None, at, node, seconds)
            else:
                kind = "note" if rng.random() < 0.3 else "question"
                said = f"part {position} of {session.number % 97} was looked at"
                table.add(session.pk, position, kind, f"What of part {position}?", "[]", None, said, at, "", None)
        session.end = at + timedelta(seconds=30)

    def _finish(self, session: Worked) -> None:
        rng, ended = self.rng, session.end
        chance = rng.random() - (0.14 if session.guided else 0.0)
        session.status = "resolved" if chance < 0.7 else "escalated" if chance < 0.92 else "abandoned"
        if ended is None or ended > self.now or (self.now - ended < timedelta(days=1) and rng.random() < 0.2):
            session.status, session.end = ("paused" if rng.random() < 0.4 else "active"), None
        resolved = session.status == "resolved"
        rating = rng.choices((1, 2, 3, 4, 5), (4, 5, 12, 34, 45))[0] if resolved and rng.random() < 0.3 else None
        right = rng.random() < 0.9 if rating and session.guided else None
        score = None
        if session.status in ("resolved", "escalated") and rng.random() > 0.02:
            score = round(rng.betavariate(8, 2) if session.guided else rng.betavariate(2, 4), 4)
        ticket, words = session.ticket, session.domain or "Something"
        self.tables[AISession].add(
            session.pk, f"{'FP' if session.is_worked_here else 'CW'}-{session.pk}", session.status,
            f"{words} does not work for user {session.number % 4_001}",
            f"Since {session.start:%A} {words} does not do what it should, case {session.number}", session.domain,
            session.client, self.world.teams[session.team], session.person.email, session.person.pk, session.start,
            session.end, "It works again" if resolved else "", session.guided.pk if session.guided else None,
            session.version, ticket.system if ticket else "", ticket.number if ticket else "", score,
            session.is_worked_here, session.node, round(rng.random(), 3) if session.guided else None, session.end,
            rating, right, session.start, session.end or session.start,
        )  # fmt: skip
        if resolved and ticket and session.end:
            ticket.solved_at = session.end
            self._solved.append(ticket)

    def _around(self, session: Worked, push_ids: Iterator[int]) -> None:
        """What an ended session leaves beside its steps."""
        rng, end = self.rng, session.end
        if end is None or session.status == "abandoned":
            return
        outcome = "no_flow" if session.guided is None else "left" if session.left else "followed"
        self.tables[SessionAnalysis].add(
            session.pk, "done", outcome, session.topic, session.version, session.left, end + timedelta(minutes=5)
        )
        kept = self.of_topic.setdefault(session.topic, [])
        if len(kept) < KEPT_FOR_TOPIC:
            kept.append(session.pk)
        if session.is_worked_here:
            self._handover(session, end)
            if session.ticket:
                self._pushes(session, end, session.ticket, push_ids)
        if rng.random() < 0.08:
            told = rng.choices(("worked", "no_change", "worse", None), (60, 22, 3, 15))[0]
            self.tables[GeneratedScript].add(
                rng.choice(self.world.templates), session.pk, self.world.teams[session.team], "uptime",
                session.person.pk, end - timedelta(minutes=1), told, end if told else None,
            )  # fmt: skip

    def _handover(self, session: Worked, end: datetime) -> None:
        """Who escalates hands over; some of what is resolved was handed over on the way."""
        rng = self.rng
        resolved = session.status == "resolved"
        if resolved and rng.random() > 0.06:
            return
        to = rng.randrange(len(self.world.teams))
        given = session.start + (end - session.start) / 2 if resolved else end
        taken_up = given + timedelta(seconds=int(rng.lognormvariate(log(600), 1.0)))
        waits = not resolved and self.now - given < WAITING
        claimed = None if waits else min(taken_up, end) if resolved else taken_up
        taker = rng.choice(self.world.people[to]).pk if claimed else None
        self.tables[Handover].add(
            session.pk, "Needs somebody who knows more", session.person.pk, self.world.teams[to], given, taker, claimed,
            claimed,
        )  # fmt: skip

    def _pushes(self, session: Worked, end: datetime, ticket: Ticket, push_ids: Iterator[int]) -> None:
        rng = self.rng
        connection = next(pk for kind, pk in self.world.connections if kind == ticket.system)
        for kind in ("note", "time") if rng.random() < 0.8 else ("note",):
            state, tries, _ = rng.choices(PUSHES, [share for *_, share in PUSHES])[0]
            pk, at = next(push_ids), end
            for number, outcome in enumerate(tries, 1):
                code, error = (200, "") if outcome in ("sent", "found") else (503, "Service Unavailable")
                done = at + timedelta(seconds=1)
                self.tables[PsaAttempt].add(pk, number, at, done, outcome, code, error)
                at = done + timedelta(minutes=2**number)
            payload = {"text": "It works again"}
            if kind == "time":
                payload |= {"started_at": session.start.isoformat(), "ended_at": end.isoformat()}
            self.tables[PsaPush].add(
                pk, connection, session.pk, ticket.number, kind, "end 1", payload,
                f"{rng.getrandbits(128):032x}", state, len(tries), 12, None, end, at,
            )  # fmt: skip
