"""What can be said by yes or no of an ended session that a flow's version guided: where it came, what it answered.

The way of a session through a version is the nodes that it answered, in their order, and the node where it stands (none
where an answer of its own led it off the flow). It is known of sessions that were worked here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, F, Func, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat, NullIf
from django.db.models.lookups import Exact, In, IsNull

from analytics.facts import FACTS, Fact, looked_up
from flowpilot.flows.models import FlowVersion
from proposals.models import SessionAnalysis
from sessions.models import AISession, SessionStep

Status = AISession.Status
BAD_ENDS = (Status.ESCALATED, Status.ABANDONED)
ENDINGS = ("resolution", "escalation")
NONE_OF_THESE = "None of these"

_STEPS = SessionStep.objects.filter(session=OuterRef("pk")).exclude(node_id="")
_ANSWERED = ArraySubquery(_STEPS.order_by("position").values("node_id"))
_STANDS_AT = NullIf(F("node_id"), Value(""))
#: The way: node ids; the last is NULL where the session is off the flow.
WAY = Func(_ANSWERED, _STANDS_AT, function="array_append", output_field=ArrayField(CharField()))
# The last node of the way: where the session was last, on the flow.
_LAST_PLACE = Coalesce(_STANDS_AT, Subquery(_STEPS.order_by("-position").values("node_id")[:1]))
# Nothing tells where a session from elsewhere stands, but its analysis, which follows its answers through the flow.
_FOLLOWED = Q(node_id="", is_worked_here=False) & looked_up(
    SessionAnalysis.objects.filter(
        session=OuterRef("pk"),
        flow_version=OuterRef("flow_version"),
        state=SessionAnalysis.State.DONE,
        outcome=SessionAnalysis.Outcome.FOLLOWED,
    )
)


def endings_of(version: FlowVersion) -> list[str]:
    """The ids of a version's resolutions and escalations."""
    return [node["id"] for node in version.nodes if node["kind"] in ENDINGS]


def completed_q(endings: Sequence[tuple[int, str]]) -> Q:
    """Whether a session came to an end of its flow; `endings` are (version id, node id)."""
    place = Concat(Cast("flow_version", CharField()), Value(":"), "node_id", output_field=CharField())
    found = [f"{version}:{node}" for version, node in endings]
    return (Q(In(place, found)) | _FOLLOWED) if found else _FOLLOWED


def way_at(place: int) -> Func:
    """The node at a place of the way, from 1 on; NULL beyond its end."""
    return Func(_ANSWERED, _STANDS_AT, template=f"(array_append(%(expressions)s))[{place}]", output_field=CharField())


def left_q(node_id: str) -> Q:
    """Whether a node is the last of the session's way."""
    return Q(Exact(_LAST_PLACE, Value(node_id)))


def came_to_q(node_id: str) -> Q:
    """Whether the session answered a node or stands at it."""
    return Q(node_id=node_id) | looked_up(_STEPS.filter(node_id=node_id), "position")


def answered_q(node_id: str, label: str | None) -> Q:
    """Whether the session gave a node this answer; None is one of its own."""
    steps = _STEPS.filter(node_id=node_id)
    return looked_up(steps.filter(selected_option=label) if label is not None else steps.filter(selected_option=None))


def went_q(place: int, source: str, target: str) -> Q:
    """Whether the way leads from one node at a place to another at the next."""
    return Q(Exact(way_at(place), Value(source))) & Q(Exact(way_at(place + 1), Value(target)))


def ended_q(place: int, source: str, status: str) -> Q:
    """Whether the way ends at this place and node, and the session so."""
    return Q(Exact(way_at(place), Value(source))) & Q(IsNull(way_at(place + 1), True)) & Q(status=status)


# --- Names of facts in an address ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A fact's name taken apart: what of which version, and up to three whole numbers or words more."""

    what: str
    version: FlowVersion
    rest: tuple[str, ...]

    def node(self, at: int = 0) -> dict[str, Any] | None:
        """The node whose place in the definition the name gives."""
        if at >= len(self.rest) or not self.rest[at].isdecimal():
            return None
        place = int(self.rest[at])
        return self.version.nodes[place] if place < len(self.version.nodes) else None


_NAME = re.compile(r"([a-z_]+)-(\d{1,18})((?:-[a-z0-9]{1,9}){0,3})")
_NOBODY = Fact("of which there are none", Q(pk__in=[]))


def guided_fact(name: str) -> Fact | None:
    """The fact of a name; None where the name is none. A version or node that is not there has no sessions.

    `WHAT-VERSION` (any fact of sessions, "completed", "helped"), `at-V-NODE`, `left-V-NODE`, `answer-V-NODE-OPTION`,
    `badly-V-NODE-OPTION`, `way-V-PLACE-NODE-NODE`, `way-V-PLACE-NODE-STATUS`. Nodes and options are places in the
    definition, which never changes; the option behind the last is an answer of one's own.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    what, rest = found[1], tuple(found[3].split("-")[1:])
    counts = {
        **dict.fromkeys(FACTS, 0),
        "completed": 0,
        "helped": 0,
        "at": 1,
        "left": 1,
        "answer": 2,
        "badly": 2,
        "way": 3,
    }
    if counts.get(what) != len(rest):
        return None
    version = FlowVersion.objects.filter(pk=int(found[2])).first()
    fact = _fact(Asked(what, version, rest)) if version else None
    return Fact(fact.label, Q(flow_version=version) & fact.condition) if fact else _NOBODY


def _fact(asked: Asked) -> Fact | None:
    what, version = asked.what, asked.version
    if what in FACTS:
        return FACTS[what]
    if what in ("completed", "helped"):
        completed = completed_q([(version.pk, node) for node in endings_of(version)])
        if what == "completed":
            return Fact("that came to an end of the flow", completed)
        return Fact("that came to an end of the flow and were resolved", completed & FACTS["resolved"].condition)
    if what == "way":
        return _way(asked)
    node = asked.node()
    if node is None:
        return None
    if what == "at":
        return Fact("that came to the step", came_to_q(node["id"]))
    if what == "left":
        return Fact("that came no further than the step", left_q(node["id"]))
    return _answer(asked, node)


def _answer(asked: Asked, node: dict[str, Any]) -> Fact | None:
    options, place = node.get("options", ()), asked.rest[1]
    if not place.isdecimal() or int(place) > len(options):
        return None
    label = options[int(place)]["label"] if int(place) < len(options) else None
    condition = answered_q(node["id"], label)
    if asked.what == "badly":
        return Fact("that gave the answer and were not resolved", condition & Q(status__in=BAD_ENDS))
    return Fact("that gave the answer", condition)


def _way(asked: Asked) -> Fact | None:
    place, source, end = asked.rest[0], asked.node(1), asked.rest[2]
    if source is None or not place.isdecimal() or not 1 <= int(place) <= 1_000:
        return None
    if end in AISession.ENDED:
        label = f"whose way ended there and that were {end}"
        return Fact(label, ended_q(int(place), source["id"], end))
    target = asked.node(2)
    return Fact("that went this way", went_q(int(place), source["id"], target["id"])) if target else None


def about(user: Any, name: str) -> str:
    """What the name of a fact is about, in words, for who may see the flow; "" for others."""
    found = _NAME.fullmatch(name)
    version = found and FlowVersion.objects.for_user(user).filter(pk=int(found[2])).select_related("flow").first()
    if not found or not version:
        return ""
    asked = Asked(found[1], version, tuple(found[3].split("-")[1:]))
    first = asked.node(1 if asked.what == "way" else 0)
    words = [f"Version {version.number} of {version.flow.title}"]
    if first:
        words.append(first["text"])
    if asked.what in ("answer", "badly") and first and asked.rest[1].isdecimal():
        options = first.get("options", ())
        words.append(options[int(asked.rest[1])]["label"] if int(asked.rest[1]) < len(options) else NONE_OF_THESE)
    if asked.what == "way" and (target := asked.node(2)):
        words.append(target["text"])
    return " → ".join(words)


def guided_sessions(sessions: QuerySet[AISession]) -> QuerySet[AISession]:
    """Those of `sessions` that name a version of a flow."""
    return sessions.filter(flow_version__isnull=False)
