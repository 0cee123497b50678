"""From rows to what mining reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, QuerySet

from flowpilot.flows.models import Flow, FlowVersion
from proposals.mining.examples import FlowExamples, FlowSource
from proposals.mining.records import Record, Step, Turn
from proposals.mining.replay import FlowReplayer
from sessions.models import AISession, SessionStep

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
    """The rows with all that `record_of` reads, in three queries."""
    steps = SessionStep.objects.only(*STEP_FIELDS).order_by("position")
    return sessions.select_related("client", "team").prefetch_related(Prefetch("steps", steps))


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

    def source(self, flow_id: int) -> FlowSource:
        return source_of(self.versions[flow_id])


def published_flows(account_id: int) -> PublishedFlows:
    flows = Flow.objects.filter(account=account_id, status=Flow.Status.PUBLISHED, current_version__isnull=False)
    versions = {flow.pk: _version(flow) for flow in flows.select_related("current_version").order_by("pk")}
    return PublishedFlows(versions, FlowReplayer({pk: source_of(version) for pk, version in versions.items()}))


def _version(flow: Flow) -> FlowVersion:
    version: Any = flow.current_version
    version.flow = flow
    return version


def source_of(version: FlowVersion) -> FlowSource:
    about = f"{version.flow.title}. {version.flow.description}"
    return FlowSource(version.definition, FlowExamples.from_json(version.examples), about)


def records_of(sessions: Iterable[AISession]) -> list[Record]:
    return [record_of(session) for session in sessions]
