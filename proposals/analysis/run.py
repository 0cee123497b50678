"""One run of an account's analysis: the only door to the stages.

Nothing is lost and nothing is done twice when a worker dies at any point: a session leaves the queue in the transaction
that writes what became of it, and marks its topic in the same transaction; a topic's mark goes in the transaction that
writes its proposal. Each of these transactions first checks the lease, so a worker that was paused past its lease
cannot write.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flowpilot.common.leases import HeldLease, LeaseLost, lease_check, lease_keep, lease_release, lease_take
from proposals.analysis.judge import Verdict, judge_all
from proposals.analysis.load import PublishedFlows, published_flows, record_of, with_steps
from proposals.analysis.propose import topic_mine
from proposals.analysis.reinforce import reinforcements_update
from proposals.analysis.topics import (
    Placing,
    places_for,
    sessions_move,
    topic_save,
    topics_close,
    topics_lock,
    topics_save,
)
from proposals.events import analysed_emit
from proposals.mining.records import Record
from proposals.models import AnalysisRun, SessionAnalysis, Topic
from proposals.selectors import analysis_lease_key, stale_proposals, topics_to_mine
from sessions.models import AISession

logger = logging.getLogger(__name__)

State = SessionAnalysis.State


@dataclass(slots=True)
class _Run:
    account_id: int
    lease: HeldLease
    row: AnalysisRun
    # Topics whose mining failed in this run: they wait for the next.
    skipped: set[int] = field(default_factory=set)


def analyze_account(account_id: int) -> AnalysisRun | None:
    """Analyse all that is due in an account; None where another worker is at it already.

    Raises nothing for a bad session (it is retried with growing pauses, then marked failed). The run's row tells how it
    ended.
    """
    lease = lease_take(key=analysis_lease_key(account_id), duration=settings.ANALYSIS_LEASE)
    if lease is None:
        return None
    # Whoever holds the lease is the only one: an older run that never ended was killed.
    AnalysisRun.objects.filter(account=account_id, status=AnalysisRun.Status.RUNNING).update(
        status=AnalysisRun.Status.LOST, error="its worker was stopped", finished_at=timezone.now()
    )
    row = AnalysisRun.objects.create(account_id=account_id, owner=lease.owner, lease_token=lease.token)
    try:
        with lease_keep(lease, duration=settings.ANALYSIS_LEASE):
            _work(_Run(account_id, lease, row))
    except LeaseLost as error:
        _finish(row, AnalysisRun.Status.LOST, str(error))
    except Exception as error:
        logger.exception("analysis of account %s failed", account_id)
        _finish(row, AnalysisRun.Status.FAILED, f"{type(error).__name__}: {error}")
    else:
        _finish(row, AnalysisRun.Status.DONE)
    finally:
        lease_release(lease)
    return row


def _finish(row: AnalysisRun, status: str, error: str = "") -> None:
    row.status, row.error, row.finished_at = status, error[:2000] or row.error, timezone.now()
    row.save()


def _work(run: _Run) -> None:
    flows = published_flows(run.account_id)
    while sessions := _due(run.account_id):
        _analyze_batch(run, sessions, flows)
    stale = stale_proposals().filter(account=run.account_id)
    Topic.objects.filter(pk__in=stale.values("topic")).update(mining_due=True)
    for topic in topics_to_mine().filter(account=run.account_id).order_by("pk"):
        _mine(run, topic, flows)


def _due(account_id: int) -> list[AISession]:
    due = AISession.objects.filter(account=account_id).due_for_analysis()
    return list(with_steps(due)[: settings.ANALYSIS_BATCH_SIZE])


def _analyze_batch(run: _Run, sessions: Sequence[AISession], flows: PublishedFlows) -> None:
    good, records, verdicts = _judge(run, sessions, flows)
    placing = places_for(run.account_id, records, verdicts)
    with transaction.atomic():
        lease_check(run.lease)
        _write(run, good, verdicts, placing, flows)


def _judge(
    run: _Run, sessions: Sequence[AISession], flows: PublishedFlows
) -> tuple[list[AISession], list[Record], list[Verdict]]:
    """Judge all at once; where that fails one by one, so that one bad session fails alone."""
    try:
        records = [record_of(session) for session in sessions]
        return list(sessions), records, judge_all(records, flows, [session.flow_id for session in sessions])
    except Exception:
        logger.exception("judging %s sessions together failed; going one by one", len(sessions))
    good: list[AISession] = []
    records, verdicts = [], []
    for session in sessions:
        try:
            record = record_of(session)
            verdict = judge_all([record], flows, [session.flow_id])[0]
        except Exception as error:
            _fail(run, session, error)
            continue
        good.append(session)
        records.append(record)
        verdicts.append(verdict)
    return good, records, verdicts


def _fail(run: _Run, session: AISession, error: Exception) -> None:
    """Try again later, ever later; after the last attempt leave it to a person."""
    logger.warning("session %s cannot be analysed: %s", session.pk, error)
    with transaction.atomic():
        lease_check(run.lease)
        analysis, _ = SessionAnalysis.objects.get_or_create(
            session=session, defaults={"account_id": run.account_id, "state": State.RETRYING}
        )
        analysis.attempts += 1
        last = analysis.attempts >= settings.ANALYSIS_MAX_ATTEMPTS
        analysis.state = State.FAILED if last else State.RETRYING
        analysis.error = f"{type(error).__name__}: {error}"[:2000]
        analysis.save()
        pause = timedelta(minutes=5 * 2 ** (analysis.attempts - 1))
        AISession.objects.filter(pk=session.pk).update(analysis_due_at=None if last else timezone.now() + pause)
    run.row.sessions_failed += 1


def _write(
    run: _Run,
    sessions: Sequence[AISession],
    verdicts: Sequence[Verdict],
    placing: Placing,
    flows: PublishedFlows,
) -> None:
    now = timezone.now()
    before = SessionAnalysis.objects.filter(session__in=sessions, topic__isnull=False)
    former = set(before.values_list("topic", flat=True))
    topics_lock(placing, former)
    merged = sessions_move(run.account_id, placing.moves)
    analyses = []
    for session, verdict, place in zip(sessions, verdicts, placing.places, strict=True):
        version = flows.versions.get(verdict.flow_id) if verdict.flow_id is not None else None
        topic_id = topic_save(run.account_id, place) if place else None
        session.confidence_score = verdict.score
        analyses.append(
            SessionAnalysis(
                account_id=run.account_id,
                session=session,
                state=State.DONE,
                outcome=verdict.outcome,
                topic_id=topic_id,
                flow_version=version,
                left_at_node=verdict.left_at,
                attempts=0,
                error="",
                analyzed_at=now,
            )
        )
    _save(run, sessions, analyses)
    topics_save(placing)
    Topic.objects.filter(pk__in={*former, *merged, *merged.values()}).update(mining_due=True)
    topics_close({*former, *merged}, merged)


def _save(run: _Run, sessions: Sequence[AISession], analyses: Sequence[SessionAnalysis]) -> None:
    fields = ["state", "outcome", "topic", "flow_version", "left_at_node", "attempts", "error", "analyzed_at"]
    SessionAnalysis.objects.bulk_create(
        analyses, update_conflicts=True, unique_fields=["session"], update_fields=fields, batch_size=1000
    )
    _leave_queue(sessions)
    analysed_emit(run.account_id, analyses)
    followed = SessionAnalysis.Outcome.FOLLOWED
    touched = {a.topic_id for a in analyses if a.topic_id and a.outcome != followed}
    Topic.objects.filter(pk__in=touched).update(mining_due=True)
    reinforcements_update(run.account_id, analyses)
    run.row.sessions_done += len(analyses)
    run.row.save()


def _leave_queue(sessions: Sequence[AISession]) -> None:
    """Done with these; a session that changed while it was analysed has a new due date and stays."""
    locked = AISession.objects.select_for_update().filter(pk__in=[session.pk for session in sessions]).order_by("pk")
    due = dict(locked.values_list("pk", "analysis_due_at"))
    done = [session for session in sessions if due.get(session.pk) == session.analysis_due_at]
    for session in done:
        session.analysis_due_at = None
    AISession.objects.bulk_update(done, ["analysis_due_at", "confidence_score"], batch_size=500)


def _mine(run: _Run, topic: Topic, flows: PublishedFlows) -> None:
    """One topic's proposal; a topic that cannot be mined keeps its mark and does not stop the others."""
    try:
        result = topic_mine(topic, flows, run.lease)
    except LeaseLost:
        raise
    except Exception as error:
        logger.exception("topic %s cannot be mined", topic.pk)
        run.row.error = f"topic {topic.pk}: {type(error).__name__}: {error}"[:2000]
        return
    run.row.proposals_created += result == "created"
    run.row.proposals_updated += result == "updated"
    run.row.save()
