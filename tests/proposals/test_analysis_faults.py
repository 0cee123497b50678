"""Analysis under faults: workers at once, killed, paused; sessions that cannot be analysed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from flowpilot.accounts.models import Account
from proposals.analysis import run as run_module
from proposals.analysis.run import analyze_account
from proposals.models import AnalysisRun, FlowProposal, ProposalEvidence, SessionAnalysis, Topic
from proposals.selectors import analysis_lease_key
from proposals.services import sessions_requeue
from sessions.models import AISession
from tests.common.test_leases import expire
from tests.conftest import Cast
from tests.factories import make_flow, make_session
from tests.processes import PYTHON, environment, run
from tests.proposals.test_analysis import add_printer_sessions

KILLED = -9


def state(account: Account) -> dict[str, Any]:
    """What analysis has made of an account, by content."""
    return {
        "due": AISession.objects.filter(account=account, analysis_due_at__isnull=False).count(),
        "analyses": sorted(SessionAnalysis.objects.filter(account=account).values_list("outcome", "state")),
        "proposals": sorted(
            FlowProposal.objects.filter(account=account).values_list(
                "proposal_type", "title", "supporting_session_count"
            )
        ),
        "evidence": ProposalEvidence.objects.filter(account=account).count(),
        "topics": Topic.objects.filter(account=account).count(),
        "mining_due": Topic.objects.filter(account=account, mining_due=True).count(),
    }


def fill(account: Account) -> None:
    """Sessions for both roads: some follow a flow, some make a new topic."""
    make_flow(account)
    for n in range(3):
        make_session(account, external_id=f"vpn-{n}")
    add_printer_sessions(account, 2)
    add_printer_sessions(account, 2, status="escalated")


@pytest.mark.django_db(transaction=True)
def test_of_workers_at_once_one_works_and_nothing_is_doubled(cast: Cast) -> None:
    fill(cast.account)
    runs: list[AnalysisRun | None] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait()
            runs.append(analyze_account(cast.account.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    worked = [r for r in runs if r is not None]
    assert all(r.status == AnalysisRun.Status.DONE for r in worked)
    assert sum(r.sessions_done for r in worked) == 7
    assert state(cast.account)["evidence"] == 3 + 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("module", "name", "when"),
    [
        ("proposals.analysis.run", "judge_all", "before"),
        ("proposals.analysis.run", "places_for", "after"),
        ("proposals.analysis.run", "topic_save", "after"),  # inside the transaction that writes the batch
        ("proposals.analysis.run", "_save", "after"),  # all written, not yet committed
        ("proposals.analysis.run", "_mine", "before"),  # the batch is committed, nothing is mined
        ("proposals.analysis.propose", "evidence_replace", "before"),  # inside the transaction of a proposal
        ("proposals.analysis.propose", "_write", "after"),
        ("proposals.analysis.run", "_mine", "after"),
    ],
)
def test_a_worker_killed_anywhere_loses_and_doubles_nothing(
    cast: Cast, module: str, name: str, when: str, django_db_serialized_rollback: None
) -> None:
    """A real process dies by kill -9 at the named place; the next run ends where an undisturbed one does."""
    fill(cast.account)
    fill(cast.other_account)
    program = f"""
import os, signal, django
django.setup()
import importlib
module = importlib.import_module({module!r})
real = getattr(module, {name!r})
def killer(*args, **kwargs):
    if {when!r} == "after":
        real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, {name!r}, killer)
from proposals.analysis.run import analyze_account
analyze_account({cast.account.pk})
"""
    env = environment(DJANGO_SETTINGS_MODULE="flowpilot.settings")
    died = run(PYTHON, "-c", program, env=env)
    assert died.returncode == KILLED, died.stderr
    assert analyze_account(cast.account.pk) is None, "its lease still stands"
    expire(analysis_lease_key(cast.account.pk))

    result = analyze_account(cast.account.pk)
    assert result is not None
    assert result.status == AnalysisRun.Status.DONE
    undisturbed = analyze_account(cast.other_account.pk)
    assert undisturbed is not None
    assert state(cast.account) == state(cast.other_account)
    assert state(cast.account)["due"] == 0
    assert AnalysisRun.objects.filter(account=cast.account, status=AnalysisRun.Status.LOST).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pause_in", ["places_for", "topic_mine"])
def test_a_worker_paused_past_its_lease_writes_nothing(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, pause_in: str
) -> None:
    """While the first one stands still, its lease runs out and a second one does all the work."""
    fill(cast.account)
    real = getattr(run_module, pause_in)
    paused = False

    def pause(*args: Any, **kwargs: Any) -> Any:
        nonlocal paused
        if not paused:
            paused = True
            expire(analysis_lease_key(cast.account.pk))
            second = analyze_account(cast.account.pk)
            assert second is not None
            assert second.status == AnalysisRun.Status.DONE
            done["second"] = state(cast.account)
        return real(*args, **kwargs)

    done: dict[str, Any] = {}
    monkeypatch.setattr(run_module, pause_in, pause)
    first = analyze_account(cast.account.pk)
    assert first is not None
    assert first.status == AnalysisRun.Status.LOST
    assert state(cast.account) == done["second"]


@pytest.mark.django_db(transaction=True)
def test_without_the_lease_check_the_paused_worker_would_write(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of the test above is real."""
    monkeypatch.setattr(run_module, "lease_check", lambda lease: None)
    monkeypatch.setattr("proposals.analysis.propose.lease_check", lambda lease: None)
    add_printer_sessions(cast.account)
    real: Any = getattr(run_module, "places_for")
    paused = False

    def pause(*args: Any, **kwargs: Any) -> Any:
        nonlocal paused
        found = real(*args, **kwargs)
        if not paused:
            paused = True
            expire(analysis_lease_key(cast.account.pk))
            analyze_account(cast.account.pk)
        return found

    monkeypatch.setattr(run_module, "places_for", pause)
    analyze_account(cast.account.pk)
    assert state(cast.account)["topics"] == 2, "one topic, found twice"


@pytest.mark.django_db
def test_a_session_that_changes_meanwhile_is_analysed_again(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session(cast.account)
    real: Any = getattr(run_module, "places_for")
    later = timezone.now() + timedelta(seconds=1)

    def change(*args: Any) -> Any:
        AISession.objects.filter(pk=session.pk).update(analysis_due_at=later)
        return real(*args)

    monkeypatch.setattr(run_module, "places_for", change)
    analyze_account(cast.account.pk)
    session.refresh_from_db()
    assert session.analysis_due_at == later


@pytest.mark.django_db
class TestBadSession:
    def break_session(self, monkeypatch: pytest.MonkeyPatch, bad: AISession) -> None:
        real: Any = getattr(run_module, "record_of")

        def record_of(session: AISession) -> Any:
            if session.pk == bad.pk:
                raise ValueError("cannot be read")
            return real(session)

        monkeypatch.setattr(run_module, "record_of", record_of)

    def test_is_put_off_and_blocks_nobody(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        bad, *_ = add_printer_sessions(cast.account)
        self.break_session(monkeypatch, bad)
        result = analyze_account(cast.account.pk)
        assert result
        assert (result.sessions_done, result.sessions_failed) == (3, 1)
        analysis = SessionAnalysis.objects.get(session=bad)
        assert (analysis.state, analysis.attempts) == (SessionAnalysis.State.RETRYING, 1)
        assert analysis.error == "ValueError: cannot be read"
        bad.refresh_from_db()
        assert bad.analysis_due_at
        assert bad.analysis_due_at > timezone.now() + timedelta(minutes=4)

    def test_waits_longer_each_time_then_is_marked_failed_and_can_be_requeued(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        settings.ANALYSIS_MAX_ATTEMPTS = 3
        bad = make_session(cast.account)
        self.break_session(monkeypatch, bad)
        pauses = []
        for _ in range(2):
            AISession.objects.update(analysis_due_at=timezone.now())
            analyze_account(cast.account.pk)
            bad.refresh_from_db()
            assert bad.analysis_due_at
            pauses.append(bad.analysis_due_at - timezone.now())
        assert pauses[1] > 1.5 * pauses[0]
        AISession.objects.update(analysis_due_at=timezone.now())
        analyze_account(cast.account.pk)
        bad.refresh_from_db()
        assert bad.analysis_due_at is None
        assert bad.analysis.state == SessionAnalysis.State.FAILED

        monkeypatch.undo()
        assert sessions_requeue(actor=cast.alice, session_ids=[bad.pk]) == 1
        assert analyze_account(cast.account.pk)
        assert SessionAnalysis.objects.get().state == SessionAnalysis.State.DONE

    def test_a_foreign_session_cannot_be_requeued(self, cast: Cast) -> None:
        session = make_session(cast.account)
        analyze_account(cast.account.pk)
        assert sessions_requeue(actor=cast.mallory, session_ids=[session.pk]) == 0

    def test_a_topic_that_cannot_be_mined_keeps_its_mark(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        add_printer_sessions(cast.account)

        def broken(*args: Any) -> None:
            raise RuntimeError("no idea")

        monkeypatch.setattr("proposals.analysis.propose.mine_topic", broken)
        result = analyze_account(cast.account.pk)
        assert result
        assert "RuntimeError: no idea" in result.error
        monkeypatch.undo()
        analyze_account(cast.account.pk)
        assert FlowProposal.objects.get().supporting_session_count == 4
