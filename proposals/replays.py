"""Past sessions run through what a proposal would publish, beside the version that is published now.

A report belongs to one revision of a proposal. Few sessions are replayed at once, many by a task, in chunks whose
results are saved as they come. See docs/review.md for what the outcomes and the saved steps mean.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from statistics import median
from typing import Any

from celery import shared_task
from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerDown

from flowpilot.common.errors import InvalidInput, NotFound
from flowpilot.common.leases import HeldLease, LeaseLost, lease_check, lease_keep, lease_release, lease_take
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.walk import FlowGraph
from proposals.analysis.load import record_of, with_steps
from proposals.mining.confidence import EXPLAINED
from proposals.mining.examples import FlowExamples
from proposals.mining.records import Record
from proposals.mining.replay import FlowReader, Replay
from proposals.mining.transcript import counted_steps
from proposals.models import FlowProposal, ReplayReport, SessionAnalysis
from sessions.models import AISession

logger = logging.getLogger(__name__)

AT_ONCE = 200  # sessions up to which the page waits
MOST = 5_000  # the newest sessions replayed
CHUNK = 250
LEASE = timedelta(minutes=2)
# A report that says it is running, and that nobody works on, is taken up again after this.
GIVEN_UP_AFTER = timedelta(minutes=5)

State = ReplayReport.State


class Outcome(StrEnum):
    """Where a session ends in a flow, as against where it did end."""

    RIGHT = "right"
    OTHER = "other"
    STOPPED = "stopped"
    LEFT = "left"
    NOT_APPLICABLE = "not_applicable"


OUTCOME_WORDS = {
    Outcome.RIGHT: ("Right end", "ended as it did"),
    Outcome.OTHER: ("Other end", "ended otherwise than it did"),
    Outcome.STOPPED: ("Stopped on the way", "the flow goes on where the session stopped"),
    Outcome.LEFT: ("Left the flow", "gave an answer or asked something that the flow has not"),
    Outcome.NOT_APPLICABLE: ("Not applicable", "the flow explains less than half of it"),
}


class Change(StrEnum):
    """What the proposal makes of a session, as against the version published now."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Result:
    """One session: where it ends as proposed, where it ends now (None: there is no version), and the steps saved.

    `saved` is None unless it reaches the right end. `is_escalated` is how it did end; for such a session the other end
    is a resolution.
    """

    session_id: int
    outcome: Outcome
    now: Outcome | None
    saved: int | None
    is_escalated: bool

    def to_json(self) -> list[Any]:
        return [self.session_id, self.outcome.value, self.now and self.now.value, self.saved, self.is_escalated]

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> "Result":
        session_id, outcome, now, saved, is_escalated = row
        return cls(session_id, Outcome(outcome), Outcome(now) if now else None, saved, is_escalated)

    @property
    def change(self) -> Change:
        """Better is where the session comes to a better end than in the version published now."""
        if self.now is None:
            return Change.SAME
        proposed, published = self._worth(self.outcome), self._worth(self.now)
        return Change.BETTER if proposed > published else Change.WORSE if proposed < published else Change.SAME

    def _worth(self, outcome: Outcome) -> int:
        """2: resolved; 1: escalated as it was; 0: neither. A session that was resolved is worth nothing else."""
        if self.is_escalated:
            return {Outcome.OTHER: 2, Outcome.RIGHT: 1}.get(outcome, 0)
        return 2 if outcome == Outcome.RIGHT else 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What is counted of one flow's replays."""

    counts: Mapping[str, int]
    escalated: int
    would_resolve: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A report in figures. `saved` is (median, total) of the sessions that reach the right end; None without any."""

    total: int
    proposed: Tally
    now: Tally | None
    changes: Mapping[str, int]
    saved: tuple[float, int] | None


def summarize(results: Sequence[Result]) -> Summary:
    saved = [result.saved for result in results if result.saved is not None]
    compared = any(result.now is not None for result in results)
    return Summary(
        total=len(results),
        proposed=_tally([(result.outcome, result.is_escalated) for result in results]),
        now=_tally([(result.now, result.is_escalated) for result in results if result.now]) if compared else None,
        changes=Counter(result.change.value for result in results) if compared else {},
        saved=(median(saved), sum(saved)) if saved else None,
    )


def _tally(ends: Sequence[tuple[Outcome, bool]]) -> Tally:
    counts = Counter(outcome.value for outcome, _ in ends)
    of_escalated = [outcome for outcome, is_escalated in ends if is_escalated]
    return Tally(counts, len(of_escalated), of_escalated.count(Outcome.OTHER))


def is_behind(report: ReplayReport, proposal: FlowProposal) -> bool:
    """Whether the flow that it was compared with has another version by now."""
    return bool(proposal.target_flow and report.version_id != proposal.target_flow.current_version_id)


def results_of(report: ReplayReport) -> list[Result]:
    return [Result.from_json(row) for row in report.results]


# --- Which sessions ---------------------------------------------------------------------------------------------------


def sessions_to_replay(proposal: FlowProposal) -> QuerySet[AISession]:
    """The ended sessions that the proposal is about: its evidence, its topic's, and those that followed its target.

    Newest first; the caller takes MOST of them.
    """
    about = Q(pk__in=proposal.evidence.values("session"))
    topics = SessionAnalysis.objects.filter(account=proposal.account_id, topic=proposal.topic_id)
    about |= Q(pk__in=topics.values("session"))
    if proposal.target_flow_id:
        followed = SessionAnalysis.objects.filter(
            account=proposal.account_id, flow_version__flow=proposal.target_flow_id
        )
        about |= Q(pk__in=followed.values("session")) | Q(flow=proposal.target_flow_id)
    sessions = AISession.objects.filter(account=proposal.account_id, status__in=AISession.ANALYZED)
    return sessions.filter(about).order_by("-started_at", "-pk")


# --- Replaying --------------------------------------------------------------------------------------------------------


class _Flow:
    """One flow to replay sessions through."""

    def __init__(self, definition: Mapping[str, Any], examples: object, ends: Mapping[int, set[str]]) -> None:
        self._reader = FlowReader(definition, FlowExamples.from_json(examples))
        self._graph = FlowGraph(definition)
        self._ends = ends

    def replay(self, sessions: Sequence[tuple[AISession, Record]]) -> list[tuple[Outcome, int | None]]:
        """The outcome of each session and, where it is the right end, the steps saved."""
        replays = self._reader.replay_many([record for _, record in sessions])
        return [
            self._judge(session, record, replay) for (session, record), replay in zip(sessions, replays, strict=True)
        ]

    def _judge(self, session: AISession, record: Record, replay: Replay) -> tuple[Outcome, int | None]:
        outcome = self._outcome(session, replay)
        return outcome, self._saved(record, replay) if outcome == Outcome.RIGHT else None

    def _outcome(self, session: AISession, replay: Replay) -> Outcome:
        # What a flow hardly knows it does not lead anywhere; analysis and confidence draw the line there too.
        if replay.outcome == "not_applicable" or replay.coverage < EXPLAINED:
            return Outcome.NOT_APPLICABLE
        if replay.outcome == "left":
            return Outcome.LEFT
        if replay.outcome == "unfinished":
            return Outcome.STOPPED
        escalated = session.status == AISession.Status.ESCALATED
        if (replay.outcome == "escalation") != escalated:
            return Outcome.OTHER
        known = self._ends.get(session.pk, set()) & set(self._graph.terminals)
        elsewhere = bool(known) and replay.end_node not in known and not escalated
        return Outcome.OTHER if elsewhere else Outcome.RIGHT

    def _saved(self, record: Record, replay: Replay) -> int:
        """The session's own steps less the flow's steps on its way; ends are steps of neither.

        A session that came in half-way is charged the shortest way there: the flow would have asked that too.
        """
        ends = {at for node, _, at in replay.path if self._graph.node(node).is_ending}
        own = sum(step.index not in ends for step in counted_steps(record))
        walked = sum(not self._graph.node(node).is_ending for node, _, _ in replay.path)
        return own - walked - len(self._graph.path_to(replay.path[0][0]))


def _known_ends(proposal: FlowProposal) -> dict[int, set[str]]:
    """For each session that an end of the proposed flow rests on: that end."""
    ends: dict[int, set[str]] = {}
    for node in proposal.proposed_flow_data["nodes"]:
        if not node.get("options"):
            for session_id, _ in proposal.node_evidence.get(node["id"], ()):
                ends.setdefault(session_id, set()).add(node["id"])
    return ends


def _replay_chunk(proposed: _Flow, published: _Flow | None, rows: Iterable[AISession]) -> list[Result]:
    sessions = [(session, record_of(session)) for session in rows]
    ends = proposed.replay(sessions)
    now: Sequence[tuple[Outcome | None, int | None]] = (
        published.replay(sessions) if published else [(None, None)] * len(sessions)
    )
    return [
        Result(session.pk, outcome, before, saved, session.status == AISession.Status.ESCALATED)
        for (session, _), (outcome, saved), (before, _) in zip(sessions, ends, now, strict=True)
    ]


# --- Services ---------------------------------------------------------------------------------------------------------


def replay_report_start(*, actor: Any, proposal_id: int) -> ReplayReport:
    """The report of the proposal's revision as it is now, begun or taken up again where that is needed.

    Up to AT_ONCE sessions are replayed before this returns; more are left to the task. A report that is done stands,
    unless the flow that it was compared with has moved on. Raises NotFound, InvalidInput (nothing to replay through).
    """
    proposal = (
        FlowProposal.objects.for_user(actor)
        .select_related("target_flow__current_version")
        .filter(pk=proposal_id)
        .first()
    )
    if proposal is None:
        raise NotFound("there is no such proposal")
    if not proposal.proposed_flow_data:
        raise InvalidInput("this record proposes no flow, so there is nothing to replay sessions through")
    with transaction.atomic():
        report, needs_work = _report_of(proposal)
    if needs_work:
        _begin(report)
        report.refresh_from_db()
    return report


def _report_of(proposal: FlowProposal) -> tuple[ReplayReport, bool]:
    """The row of the proposal's revision, locked, and whether anybody has to work on it."""
    version = _published(proposal)
    key = {"account_id": proposal.account_id, "proposal": proposal, "revision": proposal.revision}
    report, created = ReplayReport.objects.select_for_update(of=("self",)).get_or_create(
        **key, defaults={"version": version}
    )
    fits = report.version_id == (version.pk if version else None)
    is_at_work = report.state == State.RUNNING and report.started_at > timezone.now() - GIVEN_UP_AFTER
    if not created and fits and (report.state == State.DONE or is_at_work):
        return report, False
    if created or not fits or report.state == State.FAILED:
        total = min(MOST, sessions_to_replay(proposal).count())
        report.version, report.total = version, total
        report.results, report.done = [], 0
    report.state, report.error, report.finished_at, report.started_at = State.RUNNING, "", None, timezone.now()
    report.save()
    return report, True


def _begin(report: ReplayReport) -> None:
    if report.total <= AT_ONCE:
        replay_report_run(report.pk)
        return
    try:
        replay_report_run.delay(report.pk)
    except BrokerDown as error:
        logger.warning("the replay report %s waits: %s", report.pk, error)
        reason = "the background worker's queue does not answer; try again in a minute"
        ReplayReport.objects.filter(pk=report.pk).update(state=State.FAILED, error=reason)


@shared_task(ignore_result=True)
def replay_report_run(report_id: int) -> None:
    """Replay what is not replayed yet of one report. Safe to run twice: one worker at a time holds its lease."""
    lease = lease_take(key=f"replay:{report_id}", duration=LEASE)
    if lease is None:
        return
    try:
        with lease_keep(lease, duration=LEASE):
            _work(report_id, lease)
    except LeaseLost:
        logger.warning("the replay report %s is another worker's now", report_id)
    finally:
        lease_release(lease)


def _work(report_id: int, lease: HeldLease) -> None:
    report = (
        ReplayReport.objects.select_related("proposal__target_flow", "version")
        .filter(pk=report_id, state=State.RUNNING)
        .first()
    )
    if report is None:
        return
    if report.proposal.revision != report.revision:
        _fail(report, lease, "the proposal has changed since; replay its new revision")
        return
    try:
        _replay_all(report, lease)
    except (LeaseLost, OperationalError):
        raise
    except Exception as error:
        # Whatever it is, the page says it instead of waiting for ever; the worker's log has the rest.
        logger.exception("the replay report %s failed", report_id)
        _fail(report, lease, f"the replay failed ({type(error).__name__}); the worker's log says more")


def _replay_all(report: ReplayReport, lease: HeldLease) -> None:
    proposal, version = report.proposal, report.version
    ends = _known_ends(proposal)
    proposed = _Flow(proposal.proposed_flow_data, proposal.examples, ends)
    published = _Flow(version.definition, version.examples, ends) if version else None
    done = {row[0] for row in report.results}
    ids = [pk for pk in sessions_to_replay(proposal).values_list("pk", flat=True)[:MOST] if pk not in done]
    report.total = len(done) + len(ids)
    for start in range(0, len(ids), CHUNK):
        rows = with_steps(AISession.objects.filter(pk__in=ids[start : start + CHUNK]))
        report.results += [result.to_json() for result in _replay_chunk(proposed, published, rows)]
        report.done = len(report.results)
        # Sessions may go while others are replayed; a sign of life, so that nobody takes this up a second time.
        report.started_at = timezone.now()
        _save(report, lease, "results", "done", "total", "started_at")
    report.state, report.finished_at, report.total = State.DONE, timezone.now(), report.done
    _save(report, lease, "state", "finished_at", "total")


def _fail(report: ReplayReport, lease: HeldLease, reason: str) -> None:
    report.state, report.error, report.finished_at = State.FAILED, reason, timezone.now()
    _save(report, lease, "state", "error", "finished_at")


def _save(report: ReplayReport, lease: HeldLease, *fields: str) -> None:
    with transaction.atomic():
        lease_check(lease)
        report.save(update_fields=fields)


def replay_report_of(proposal: FlowProposal) -> ReplayReport | None:
    """The report of the proposal's revision as it is now; None before anybody has asked for it."""
    reports = ReplayReport.objects.filter(account=proposal.account_id, proposal=proposal, revision=proposal.revision)
    return reports.select_related("version").first()


def _published(proposal: FlowProposal) -> FlowVersion | None:
    return proposal.target_flow.current_version if proposal.target_flow else None
