"""What happened in one session: the way it took through its topic's tree, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from flowpilot.sample.model import Answer, Exit, FollowUp, Node, Outcome, Topic

T = TypeVar("T")

_ABANDONED = 0.045
_HANDED_OVER = 0.006


@dataclass(frozen=True, slots=True)
class Visit:
    """A node and the answer given there: None at the end of the tree or when the session left it."""

    node: Node
    answer: Answer | None


@dataclass(slots=True)
class Route:
    """`end` is the terminal reached, if any; `left` the dead end through which the session left."""

    visits: list[Visit]
    outcome: Outcome
    end: Node | None = None
    left: Exit | None = None
    follow_ups: list[FollowUp] = field(default_factory=list)
    hand_over_by_site: bool = False

    @property
    def closing_notes(self) -> tuple[str, ...]:
        """What the ticket may be closed with; empty unless the session was resolved."""
        if self.outcome != "resolved":
            return ()
        if self.left:
            return self.left.closing
        return self.end.closing if self.end else ()


def pick_weighted(rng: Random, weights: Mapping[T, float]) -> T:
    """One key, with probability in proportion to its weight."""
    point = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        point -= weight
        if point < 0:
            return key
    return key


def choose_answer(rng: Random, node: Node, *, late: bool) -> Answer:
    point = rng.random() * sum(item.weight(late=late) for item in node.answers)
    for item in node.answers:
        point -= item.weight(late=late)
        if point < 0:
            return item
    return node.answers[-1]


def plan_route(
    rng: Random, topic: Topic, nodes: Mapping[str, Node], root: str, *, late: bool, hand_over: float
) -> Route:
    """Walk the tree `nodes` from `root`, then let life interfere.

    `hand_over` is the added chance (0..1) that the session is passed on before it reaches an end.
    A session that stops early keeps at least its first question.
    """
    route = _walk(rng, topic, nodes, root, late=late)
    chance = rng.random()
    if chance < _ABANDONED:
        return stop_early(rng, route, "abandoned")
    if chance < _ABANDONED + _HANDED_OVER + hand_over:
        stopped = stop_early(rng, route, "escalated", at_least=2)
        stopped.hand_over_by_site = chance >= _ABANDONED + _HANDED_OVER
        return stopped
    return route


def stop_early(rng: Random, route: Route, outcome: Outcome, *, at_least: int = 1) -> Route:
    """The same session cut short; what was reached only after the cut never happened."""
    known = [visit for visit in route.visits if visit.answer]
    kept = known[: max(at_least, rng.randint(1, len(known)))] if known else route.visits
    return Route(kept, outcome)


def _walk(rng: Random, topic: Topic, nodes: Mapping[str, Node], root: str, *, late: bool) -> Route:
    visits: list[Visit] = []
    node = nodes[root]
    while not node.is_terminal:
        leave = topic.exit
        if leave and leave.node == node.key and rng.random() < leave.share:
            return _left(rng, [*visits, Visit(node, None)], leave)
        chosen = choose_answer(rng, node, late=late)
        visits.append(Visit(node, chosen))
        node = nodes[chosen.to]
    outcome: Outcome = "resolved" if node.kind == "resolution" else "escalated"
    return Route(visits, outcome, end=node)


def _left(rng: Random, visits: list[Visit], leave: Exit) -> Route:
    tried = rng.sample(leave.follow_ups, rng.randint(1, min(3, len(leave.follow_ups))))
    return Route(visits, pick_weighted(rng, leave.outcomes), left=leave, follow_ups=tried)
