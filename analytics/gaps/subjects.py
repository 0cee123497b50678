"""What gaps are about: the flows, topics, clients and templates behind the cells, and whether they still stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Q
from django.utils.formats import date_format

from analytics.gaps.models import KnowledgeGap
from flowpilot.flows.models import Flow, FlowVersion
from proposals.models import Topic
from sessions.models import Client, ScriptTemplate

Kind = KnowledgeGap.Kind


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """A published flow's current nodes by id, and those from which a resolution can be reached."""

    title: str
    nodes: Mapping[str, Any]
    hopeful: frozenset[str]
    # Later versions and the day (UTC) that each was published.
    versions: tuple[tuple[int, date], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A subject taken apart: the columns of a gap's row that name it."""

    flow_id: int | None = None
    node_id: str = ""
    option_id: str = ""
    topic_id: int | None = None
    client_id: int | None = None
    script_template_id: int | None = None
    problem_domain: str = ""


@dataclass(slots=True)
class Subjects:
    """What one account's cells are about."""

    flows: dict[int, FlowFacts] = field(default_factory=dict)
    # Titles of topics that were not merged into others, by id, and those that a published flow answers.
    topics: dict[int, str] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)
    clients: dict[int, str] = field(default_factory=dict)
    templates: dict[int, str] = field(default_factory=dict)

    def stands(self, place: Place) -> bool:
        """Whether the subject is still there to be measured."""
        if place.flow_id is not None:
            return self._stands_in_flow(place)
        if place.topic_id is not None:
            return place.topic_id in self.topics
        if place.client_id is not None:
            return place.client_id in self.clients
        return place.script_template_id in self.templates if place.script_template_id else bool(place.problem_domain)

    def _stands_in_flow(self, place: Place) -> bool:
        flow = self.flows.get(place.flow_id or 0)
        if flow is None or not place.node_id:
            return flow is not None
        node = flow.nodes.get(place.node_id)
        if node is None or not place.option_id:
            return node is not None
        return any(option["id"] == place.option_id for option in node.get("options", ()))

    def can_end_well(self, place: Place) -> bool:
        """Whether the flow itself leads from here to a resolution: what it hands over on purpose is no gap."""
        flow = self.flows.get(place.flow_id or 0)
        if flow is None or not place.node_id:
            return True
        node = flow.nodes.get(place.node_id)
        if node is None:
            return False
        if not place.option_id:
            return place.node_id in flow.hopeful
        return any(o["id"] == place.option_id and o["next"] in flow.hopeful for o in node.get("options", ()))

    def title(self, kind: str, place: Place, since: str = "") -> str:
        """The gap in a line; `since` is what a stale flow is worse since."""
        flow = self.flows.get(place.flow_id or 0)
        node = flow.nodes.get(place.node_id, {}) if flow else {}
        name, asked = flow.title if flow else "", _short(node.get("text", ""))
        if kind == Kind.WEAK_OPTION:
            label = next((o["label"] for o in node.get("options", ()) if o["id"] == place.option_id), "")
            return f"{name}: the answer “{_short(label)}” ends badly"
        if kind == Kind.DEAD_END:
            return f"{name}: sessions leave at “{asked}”"
        if kind == Kind.STALE_FLOW:
            return f"{name}: worse since {since}"
        if kind == Kind.SCRIPT_NO_HELP:
            return f"{self.templates.get(place.script_template_id or 0, '')}: the script does not help"
        if kind == Kind.MISSING_FLOW:
            return f"{self.topics.get(place.topic_id or 0, '')}: no flow"
        if place.node_id:
            return f"{name}: escalated often after “{asked}”"
        if place.topic_id is not None:
            return f"{self.topics.get(place.topic_id, '')}: escalated often"
        if place.client_id is not None:
            return f"{self.clients.get(place.client_id, '')}: escalated often"
        return f"{place.problem_domain}: escalated often"


def place_of(kind: str, subject: str) -> Place:
    """Read a subject such as `12:n3:o1` of a kind."""
    if kind == Kind.HIGH_ESCALATION:
        what, _, subject = subject.partition(":")
        if what == "domain":
            return Place(problem_domain=subject)
        if what == "topic":
            return Place(topic_id=int(subject))
        if what == "client":
            return Place(client_id=int(subject))
    if kind == Kind.MISSING_FLOW:
        return Place(topic_id=int(subject))
    if kind == Kind.SCRIPT_NO_HELP:
        return Place(script_template_id=int(subject))
    flow_id, node_id, option_id, *_ = [*subject.split(":"), "", ""]
    return Place(int(flow_id), node_id, option_id)


def subjects_load(account_id: int, places: Iterable[Place]) -> Subjects:
    """All published flows of the account, and of the others what the places name."""
    wanted = list(places)
    topics = {place.topic_id for place in wanted if place.topic_id}
    clients = {place.client_id for place in wanted if place.client_id}
    templates = {place.script_template_id for place in wanted if place.script_template_id}
    known = Topic.objects.filter(account=account_id, pk__in=topics, merged_into=None)
    return Subjects(
        flows=_flows(account_id),
        topics=dict(known.values_list("pk", "title")),
        answered=set(known.filter(flow__status=Flow.Status.PUBLISHED).values_list("pk", flat=True)),
        clients=dict(Client.objects.filter(account=account_id, pk__in=clients).values_list("pk", "name")),
        templates=dict(
            ScriptTemplate.objects.filter(Q(account=account_id) | Q(account=None), pk__in=templates)
            .exclude(status=ScriptTemplate.Status.RETIRED)
            .values_list("pk", "title")
        ),
    )


def _flows(account_id: int) -> dict[int, FlowFacts]:
    flows = Flow.objects.filter(account=account_id, status=Flow.Status.PUBLISHED, current_version__isnull=False)
    later: dict[int, list[tuple[int, date]]] = {}
    versions = FlowVersion.objects.filter(account=account_id, flow__in=flows, number__gt=1)
    # In UTC, as the database keeps the time: days are counted so.
    for flow_id, number, at in versions.order_by("number").values_list("flow", "number", "created_at"):
        later.setdefault(flow_id, []).append((number, at.date()))
    found = {}
    for flow in flows.select_related("current_version"):
        definition = flow.current_version.definition  # type: ignore[union-attr]
        nodes = {node["id"]: node for node in definition["nodes"]}
        found[flow.pk] = FlowFacts(flow.title, nodes, hopeful_nodes(nodes), tuple(later.get(flow.pk, ())))
    return found


def hopeful_nodes(nodes: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the nodes from which a resolution can be reached; valid definitions have no cycle."""
    before: dict[str, set[str]] = {}
    for node in nodes.values():
        for option in node.get("options", ()):
            before.setdefault(option["next"], set()).add(node["id"])
    found: set[str] = set()
    waiting = [node_id for node_id, node in nodes.items() if node["kind"] == "resolution"]
    while waiting:
        node_id = waiting.pop()
        if node_id not in found:
            found.add(node_id)
            waiting.extend(before.get(node_id, ()))
    return frozenset(found)


def since_words(day: date, version: int | None) -> str:
    return f"version {version}" if version else date_format(day, "j M Y")


def _short(text: str, limit: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
