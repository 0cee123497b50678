"""From rows to what mining reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch, QuerySet

from flowpilot.accounts.models import Membership
from flowpilot.accounts.roles import Role
from flowpilot.flows.models import Flow, FlowVersion
from proposals.mining.examples import FlowExamples, FlowSource
from proposals.mining.masking import Names
from proposals.mining.prompts import PromptMatcher
from proposals.mining.records import Record, Step, Turn
from proposals.mining.replay import FlowReplayer
from proposals.mining.transcript import counted_steps
from sessions.models import AISession, Client, SessionStep

# Likeness from which a prompt asks what a node asks, wherever in the flow it comes.
CLEARLY_ASKS = 0.45

STEP_FIELDS = ("session_id", "position", "kind", "prompt", "options", "selected_option", "response")


def record_of(session: AISession) -> Record:
    """The session as mining reads it; its key is the row's id."""
    transcript = session.transcript
    return Record(
        key=str(session.pk),
        status=session.status,
        title=session.title,
        problem_summary=session.problem_summary,
        problem_domain=session.problem_domain or None,
        resolution_summary=session.resolution_summary,
        steps=tuple(_step(step) for step in session.steps.all()),
        transcript=None if transcript is None else tuple(Turn(turn["role"], turn["text"]) for turn in transcript),
        client=session.client.name if session.client else None,
        technician=session.technician_email or None,
    )


def with_steps(sessions: QuerySet[AISession]) -> QuerySet[AISession]:
    """The rows with all that `record_of` reads, in three queries; without those whose texts were removed."""
    steps = SessionStep.objects.only(*STEP_FIELDS).order_by("position")
    return (
        sessions.filter(texts_removed_at=None)
        .select_related("client", "team")
        .prefetch_related(Prefetch("steps", steps))
    )


def _step(step: SessionStep) -> Step:
    return Step(
        kind=step.kind,
        prompt=step.prompt,
        options=tuple(step.options),
        selected_option=step.selected_option,
        response=step.response,
        index=step.position,
    )


@dataclass(frozen=True)
class PublishedFlows:
    """The account's published flows at one moment, ready to be matched and replayed."""

    versions: dict[int, FlowVersion]  # by flow id
    replayer: FlowReplayer[int]
    matchers: dict[int, PromptMatcher] = field(default_factory=dict)  # made on first use

    def source(self, flow_id: int) -> FlowSource:
        return source_of(self.versions[flow_id])

    def known_share(self, flow_id: int, record: Record) -> float:
        """The share of the record's steps that clearly ask what some node of the flow asks, in whatever order."""
        if flow_id not in self.matchers:
            source = self.source(flow_id)
            prompts = source.examples.prompts if source.examples else {}
            self.matchers[flow_id] = PromptMatcher(source.definition["nodes"], prompts)
        likeness = self.matchers[flow_id].likeness([step.prompt for step in counted_steps(record)])
        return float((likeness.max(axis=1) >= CLEARLY_ASKS).mean()) if len(likeness) else 0.0


def published_flows(account_id: int) -> PublishedFlows:
    flows = Flow.objects.filter(account=account_id, status=Flow.Status.PUBLISHED, current_version__isnull=False)
    versions = {flow.pk: _version(flow) for flow in flows.select_related("current_version").order_by("pk")}
    return PublishedFlows(versions, FlowReplayer({pk: source_of(version) for pk, version in versions.items()}))


def _version(flow: Flow) -> FlowVersion:
    version: Any = flow.current_version
    version.flow = flow
    return version


def names_of(account_id: int) -> Names:
    """The account's clients and people: a session of one client may speak of another, or of a colleague."""
    clients = Client.objects.filter(account=account_id).values_list("name", flat=True)
    members = Membership.objects.filter(account=account_id).exclude(role=Role.SERVICE)
    people = members.values_list("user__full_name", flat=True).distinct()
    # A single word is a first name at best, and as often an ordinary word.
    return Names(frozenset(clients), frozenset(name for name in people if " " in name.strip()))


def source_of(version: FlowVersion) -> FlowSource:
    about = f"{version.flow.title}. {version.flow.description}"
    return FlowSource(version.definition, FlowExamples.from_json(version.examples), about)


def records_of(sessions: Iterable[AISession]) -> list[Record]:
    return [record_of(session) for session in sessions]
