"""Sample sessions: the working days of a helpdesk, the same again for the same seed.

Everything comes from `random.Random(seed)` and the arguments; no clock is read. Records are made one
at a time, oldest first, so any number of them takes constant memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from flowpilot.sample.cast import CLIENTS, SERVICE_DESK, Client, technicians
from flowpilot.sample.clock import start_times
from flowpilot.sample.model import Node, Topic
from flowpilot.sample.published import published_tree
from flowpilot.sample.routes import Route, pick_weighted, plan_route, stop_early
from flowpilot.sample.steps import StepWriter, as_transcript, set_times
from flowpilot.sample.tickets import TicketNumbers, external_id
from flowpilot.sample.topics import TOPICS
from flowpilot.sample.wording import Wording, pick

DEFAULT_COUNT = 2000
DEFAULT_DAYS = 120
DEFAULT_SEED = 20
MAX_DAYS = 3650

_TRANSCRIPT_CHANCE = 0.3  # of the sessions worked without a flow, which makes ~15 % of all
_NO_DOMAIN_CHANCE = {True: 0.03, False: 0.16}  # by whether a flow was used
_OWN_TEAM_CHANCE = 0.8
_DECK_STEP = 5  # one card stands for so many sessions in 2,000
_LONGEST_OPEN = timedelta(days=4)
_OPEN_STATUSES = ("active", "active", "paused")


def generate_sessions(
    *,
    until: datetime,
    count: int = DEFAULT_COUNT,
    seed: int = DEFAULT_SEED,
    days: int = DEFAULT_DAYS,
) -> Iterator[dict[str, Any]]:
    """Session records (the import's JSON objects), oldest first.

    They start within the `days` x 24 hours before `until`, which needs a time zone; the newest few are
    still active or paused. Raises ValueError for a naive `until`, a `count` < 0 or
    `days` outside 1..MAX_DAYS.
    """
    if until.tzinfo is None:
        raise ValueError("until: needs a time zone")
    if count < 0:
        raise ValueError(f"count: must not be negative, got {count}")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"days: must be 1 to {MAX_DAYS}, got {days}")
    return _SessionMaker(seed, until, count).sessions(days)


@dataclass(frozen=True, slots=True)
class _Practice:
    """A topic's published tree, and which of its nodes are still worked just so."""

    old_root: str
    old_nodes: Mapping[str, Node]
    old_keys: frozenset[str]
    unchanged: frozenset[str]


@cache
def _practice(topic: Topic) -> _Practice:
    root, nodes = published_tree(topic)
    unchanged = frozenset(key for key in nodes.keys() & topic.nodes if _same(nodes[key], topic.nodes[key]))
    return _Practice(root, nodes, frozenset(nodes), unchanged)


def _same(old: Node, new: Node) -> bool:
    """Whether both show the same on screen; where the answers lead is another matter."""
    return (old.texts[0], old.labels) == (new.texts[0], new.labels)


_technicians = cache(technicians)


class _SessionMaker:
    def __init__(self, seed: int, until: datetime, count: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - sample data, not secrets
        self._until = until
        self._count = count
        self._tickets = TicketNumbers(self._rng)
        self._deck: list[Topic] = []
        self._clients = {client: client.weight for client in CLIENTS}

    def sessions(self, days: int) -> Iterator[dict[str, Any]]:
        # Times have a stream of their own: how many are drawn ahead does not change the sessions.
        clock = Random(self._rng.getrandbits(64))  # noqa: S311
        starts = start_times(clock, until=self._until, days=days, count=self._count)
        newest = self._count - max(6, min(25, self._count // 150))
        for number, started in enumerate(starts):
            yield self._session(started, newest=number >= newest)

    def _session(self, started: datetime, *, newest: bool) -> dict[str, Any]:
        rng = self._rng
        topic = self._next_topic()
        client = pick_weighted(rng, self._clients)
        wording = Wording(rng, topic, client)
        with_flow = topic.flow is not None and rng.random() < topic.flow.use
        route, in_flow = self._route(topic, client, started, with_flow=with_flow)
        age = self._until - started
        if age < timedelta(hours=1) or (newest and age < _LONGEST_OPEN and rng.random() < 0.7):
            route = stop_early(rng, route, "open")
        spoken = not with_flow and rng.random() < _TRANSCRIPT_CHANCE
        steps = StepWriter(rng, wording, in_flow, spoken=spoken).write(route)
        ended = set_times(rng, steps, started, until=self._until)
        record = self._head(topic, client, wording, route, with_flow=with_flow)
        record["started_at"] = started.isoformat()
        record["ended_at"] = None if route.outcome == "open" else ended.isoformat()
        notes = route.closing_notes
        record["resolution_summary"] = wording.one_of(notes) if notes else ""
        if spoken:
            resolved = route.outcome == "resolved"
            summary = record["problem_summary"]
            record["transcript"] = as_transcript(rng, summary, steps, resolved=resolved)
        else:
            record["steps"] = steps
        record["psa"] = psa = self._tickets.next(client.psa, started)
        record["external_id"] = external_id(psa)
        return record

    def _next_topic(self) -> Topic:
        """Topics come from a shuffled deck, so that even small samples hold each in its proportion."""
        if not self._deck:
            self._deck = [topic for topic in TOPICS for _ in range(topic.per_2000 // _DECK_STEP)]
            self._rng.shuffle(self._deck)
        return self._deck.pop()

    def _route(
        self, topic: Topic, client: Client, started: datetime, *, with_flow: bool
    ) -> tuple[Route, frozenset[str]]:
        """The way the session takes, and the nodes that the flow showed it."""
        rng = self._rng
        nodes, root, in_flow = topic.nodes, topic.root, frozenset[str]()
        if topic.flow and with_flow:
            practice = _practice(topic)
            in_flow = practice.unchanged
            if rng.random() < topic.flow.old_share:
                nodes, root, in_flow = practice.old_nodes, practice.old_root, practice.old_keys
        late = topic.stale_days is not None and (self._until - started < timedelta(days=topic.stale_days))
        hand_over = client.hand_over
        return plan_route(rng, topic, nodes, root, late=late, hand_over=hand_over), in_flow

    def _head(self, topic: Topic, client: Client, wording: Wording, route: Route, *, with_flow: bool) -> dict[str, Any]:
        rng = self._rng
        status = route.outcome
        priority = pick_weighted(rng, topic.priorities)
        team = topic.team if rng.random() < _OWN_TEAM_CHANCE else SERVICE_DESK
        no_domain = rng.random() < _NO_DOMAIN_CHANCE[with_flow]
        return {
            "external_id": "",
            "status": pick(rng, _OPEN_STATUSES) if status == "open" else status,
            "title": f"{wording.one_of(topic.titles)} ({priority})",
            "problem_summary": wording.typed(topic.summaries),
            "problem_domain": None if no_domain else topic.domain,
            "client": client.name,
            "technician": pick(rng, _technicians(team)).email,
            "team": team,
            "flow": {"key": topic.flow.key, "version": 1} if topic.flow and with_flow else None,
        }
