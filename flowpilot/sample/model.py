"""The parts a sample topic is written in: nodes, answers, wordings, and how sessions behave there.

A topic is a decision tree as a helpdesk really works it. Every text has several wordings, so that
sessions differ as people do; `share` is the relative weight of an answer among its node's answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NodeKind = Literal["question", "action", "script", "resolution", "escalation"]
#: Devices that leave the office, for topics where a desktop makes no sense.
PORTABLE = ("laptop", "laptop", "notebook", "tablet PC")

Outcome = Literal["resolved", "escalated", "abandoned", "open"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One way on from a node. `late_share` replaces `share` once the topic has gone stale."""

    label: str
    to: str
    share: float
    said: tuple[str, ...]
    late_share: float | None = None
    published: bool = True

    def weight(self, *, late: bool) -> float:
        return self.late_share if late and self.late_share is not None else self.share


@dataclass(frozen=True, slots=True)
class Node:
    """One place in a tree. `texts[0]` is the wording of the published flow.

    `closing` (resolutions only) are the notes a technician closes the ticket with; `help` pairs a
    user's question back with the technician's explanation.
    """

    key: str
    kind: NodeKind
    texts: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    help: tuple[tuple[str, str], ...] = ()
    closing: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str]:
        """The answers that the published flow offers."""
        return [item.label for item in self.answers if item.published]

    @property
    def is_terminal(self) -> bool:
        return self.kind in ("resolution", "escalation")


FreeKind = Literal["question", "action", "note"]
_FREE_KINDS: dict[str, FreeKind] = {"question": "question", "action": "action", "note": "note"}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A step outside any tree: what was tried and what came of it."""

    kind: FreeKind
    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class Exit:
    """A dead end: `share` of the sessions at `node` leave the flow there, each in its own way."""

    node: str
    share: float
    said: tuple[str, ...]
    follow_ups: tuple[FollowUp, ...]
    closing: tuple[str, ...]
    outcomes: Mapping[Outcome, float]


@dataclass(frozen=True, slots=True)
class Published:
    """The flow of a topic that exists from the start.

    `nodes` and `root` say where the published version differs from today's practice; `old_share` of
    the sessions still work it as published. `use` is the share of sessions worked with the flow.
    """

    key: str
    title: str
    description: str
    use: float = 0.86
    nodes: tuple[Node, ...] = ()
    root: str | None = None
    old_share: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """One recurring problem. `per_2000` is its number of sessions in 2,000, a multiple of five."""

    key: str
    title: str
    domain: str
    team: str
    per_2000: int
    root: str
    nodes: Mapping[str, Node]
    titles: tuple[str, ...]
    summaries: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    priorities: Mapping[str, float] = field(default_factory=lambda: {"P1": 0.02, "P2": 0.18, "P3": 0.6, "P4": 0.2})
    flow: Published | None = None
    exit: Exit | None = None
    stale_days: int | None = None


def tree(*nodes: Node) -> dict[str, Node]:
    """Nodes by key. Raises ValueError for a key used twice or an answer that leads nowhere."""
    by_key = {node.key: node for node in nodes}
    if len(by_key) != len(nodes):
        raise ValueError("a node key is used twice")
    for node in nodes:
        for item in node.answers:
            if item.to not in by_key:
                raise ValueError(f"{node.key}: the answer {item.label!r} leads to {item.to!r}")
    return by_key


def lines(text: str) -> tuple[str, ...]:
    """The lines of a block of wordings, without indentation and blank lines."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def answer(
    label: str,
    to: str,
    share: float,
    said: str,
    *,
    late: float | None = None,
    published: bool = True,
) -> Answer:
    return Answer(label, to, share, lines(said), late, published)


def question(key: str, texts: str, *answers: Answer, helped: str = "") -> Node:
    """`helped` has a line `what the user asks back => what is explained` for each piece of help."""
    return Node(key, "question", lines(texts), answers, _help(helped))


def action(key: str, texts: str, *answers: Answer, helped: str = "") -> Node:
    return Node(key, "action", lines(texts), answers, _help(helped))


def script(key: str, texts: str, *answers: Answer) -> Node:
    return Node(key, "script", lines(texts), answers)


def resolution(key: str, texts: str, closing: str) -> Node:
    return Node(key, "resolution", lines(texts), closing=lines(closing))


def escalation(key: str, texts: str) -> Node:
    return Node(key, "escalation", lines(texts))


def follow_ups(text: str) -> tuple[FollowUp, ...]:
    """A line `kind: what was tried => what came of it` for each."""
    parts = ((line.partition(": "), line.partition(" => ")) for line in lines(text))
    return tuple(
        FollowUp(_FREE_KINDS[kind], tried.partition(": ")[2], came) for (kind, _, _), (tried, _, came) in parts
    )


def _help(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (line.partition(" => ") for line in lines(text))
    return tuple((asked, told) for asked, _, told in pairs)
