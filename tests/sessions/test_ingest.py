"""Taking records in: once each, replaced when changed, whoever else is at it."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections

from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import InvalidInput, NotAllowed
from sessions.ingest import store
from sessions.ingest.store import IngestResult, sessions_ingest
from sessions.models import AISession, Client, SessionStep
from sessions.records import record_from_object
from tests.conftest import Cast
from tests.factories import make_account, make_flow, make_member, record


def take(account: Account, *objects: dict[str, Any], actor: User | None = None) -> list[IngestResult]:
    return sessions_ingest(actor=actor, account=account, records=[record_from_object(obj) for obj in objects])


def outcomes(results: list[IngestResult]) -> list[str]:
    return [result.outcome for result in results]


def test_a_record_is_kept_as_it_came(cast: Cast) -> None:
    version = make_flow(cast.account, title="VPN")
    obj = record(
        "CW-1",
        team="Field",
        technician="BOB@northwind.test",
        flow={"key": "vpn", "version": 1},
        psa={"system": "connectwise", "ticket_id": "48213"},
    )
    assert outcomes(take(cast.account, obj)) == ["imported"]
    session = AISession.objects.get()
    assert (session.client and session.client.name, session.team and session.team.name) == ("Acme", "Field")
    assert (session.technician, session.technician_email) == (cast.bob, "bob@northwind.test")
    assert (session.flow, session.flow_version) == (version.flow, version)
    assert (session.psa_system, session.psa_ticket_id) == ("connectwise", "48213")
    assert session.analysis_due_at is not None
    steps = list(session.steps.values_list("position", "kind", "prompt", "selected_option", "account_id"))
    assert steps == [
        (0, "question", "Does the VPN client connect?", "Yes", cast.account.pk),
        (1, "action", "Restart the router", "Done", cast.account.pk),
    ]


def test_the_same_record_twice_changes_nothing(cast: Cast) -> None:
    obj = record("CW-1")
    take(cast.account, obj)
    AISession.objects.update(analysis_due_at=None, confidence_score=0.7)
    before = AISession.objects.values().get(), list(SessionStep.objects.values())
    assert outcomes(take(cast.account, obj)) == ["unchanged"]
    assert (AISession.objects.values().get(), list(SessionStep.objects.values())) == before


def test_a_changed_record_replaces_the_session_and_its_steps(cast: Cast) -> None:
    obj = record("CW-1")
    take(cast.account, obj)
    AISession.objects.update(analysis_due_at=None)
    pk = AISession.objects.get().pk
    changed = {**obj, "status": "escalated", "client": None, "steps": [{"kind": "note", "prompt": "Handed over"}]}
    assert outcomes(take(cast.account, changed)) == ["updated"]
    session = AISession.objects.get()
    assert (session.pk, session.status, session.client) == (pk, "escalated", None)
    assert [step.prompt for step in session.steps.all()] == ["Handed over"]
    assert session.analysis_due_at is not None


def test_a_transcript_replaces_steps(cast: Cast) -> None:
    obj = record("CW-1")
    take(cast.account, obj)
    spoken = {**obj, "transcript": [{"role": "user", "text": "It is slow"}]}
    del spoken["steps"]
    take(cast.account, spoken)
    assert AISession.objects.get().transcript == [{"role": "user", "text": "It is slow"}]
    assert not SessionStep.objects.exists()


@pytest.mark.parametrize(
    ("status", "due"),
    [("active", False), ("paused", False), ("abandoned", False), ("resolved", True), ("escalated", True)],
)
def test_what_is_due_for_analysis(cast: Cast, status: str, due: bool) -> None:
    take(cast.account, record("CW-1", status=status))
    session = AISession.objects.get()
    assert (session.analysis_due_at is not None) == due
    assert (session.ended_at is not None) == (status in AISession.ENDED)


def test_times_that_are_missing_come_from_the_steps(cast: Cast) -> None:
    steps = [
        {"kind": "note", "prompt": "One", "at": "2026-03-01T10:00:00+01:00"},
        {"kind": "note", "prompt": "Two", "at": "2026-03-01T09:30:00Z"},
    ]
    take(cast.account, record("CW-1", started_at=None, ended_at=None, steps=steps))
    session = AISession.objects.get()
    assert session.started_at == datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert session.ended_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_an_offset_that_no_country_has(cast: Cast) -> None:
    obj = record("CW-1", started_at="2026-03-01T00:00:00+23:59", ended_at="2026-03-01T00:00:00-23:59", steps=[
        {"kind": "note", "prompt": "One", "at": "2026-03-01T10:00:00-18:08"},
    ])  # fmt: skip
    assert outcomes(take(cast.account, obj)) == ["imported"]
    assert AISession.objects.get().started_at == datetime(2026, 2, 28, 0, 1, tzinfo=UTC)
    assert outcomes(take(cast.account, {**obj, "title": "Changed"})) == ["updated"]


def test_without_any_time_the_same_record_keeps_its_first(cast: Cast) -> None:
    obj = record("CW-1", started_at=None, ended_at=None)
    take(cast.account, obj)
    first = AISession.objects.get()
    take(cast.account, {**obj, "title": "Changed"})
    assert AISession.objects.get().started_at == first.created_at


def test_clients_and_teams_are_made_once(cast: Cast, django_assert_max_num_queries: Any) -> None:
    objects = [record(f"T-{n}", client=f"Client {n % 3}", team=f"Team {n % 2}") for n in range(60)]
    with django_assert_max_num_queries(20):
        take(cast.account, *objects)
    take(cast.account, *[record(f"U-{n}", client=f"Client {n % 3}", team="Service Desk") for n in range(9)])
    assert Client.objects.count() == 3
    assert set(Team.objects.values_list("name", flat=True)) == {"Service Desk", "Team 0", "Team 1"}


def test_one_id_twice_in_a_batch_is_refused_whole(cast: Cast) -> None:
    with pytest.raises(InvalidInput, match="the same external_id comes twice in one batch: A"):
        take(cast.account, record("A"), record("B"), record("A"))
    assert not AISession.objects.exists()


def test_one_id_in_two_accounts_is_two_sessions(cast: Cast) -> None:
    for account in (cast.account, cast.other_account):
        assert outcomes(take(account, record("A"))) == ["imported"]


def test_a_flow_that_is_not_there_is_an_error_of_its_record(cast: Cast) -> None:
    make_flow(cast.account, title="VPN")
    make_flow(cast.other_account, title="Printer")
    results = take(
        cast.account,
        record("A", flow="vpn"),
        record("B", flow="printer"),
        record("C", flow={"key": "vpn", "version": 2}),
        record("D"),
    )
    assert outcomes(results) == ["imported", "bad", "bad", "imported"]
    told = [(error.field, error.reason) for result in results for error in result.errors]
    assert told == [
        ("flow/key", "no flow of this account has the key 'printer'"),
        ("flow/version", "vpn has no version 2"),
    ]
    assert set(AISession.objects.values_list("external_id", flat=True)) == {"A", "D"}


def test_a_member_of_one_team_adds_to_that_team_only(cast: Cast, django_assert_num_queries: Any) -> None:
    tess = make_member(cast.account, Role.TECHNICIAN, team=cast.team)
    take(cast.account, record("theirs", team="Field"), record("nobodys"))
    results = take(
        cast.account,
        record("own", team="Service Desk"),
        record("new", team="Made Up"),
        record("none"),
        record("theirs", team="Service Desk", title="Taken over"),
        record("nobodys", team="Service Desk", title="Taken over"),
        actor=tess,
    )
    assert outcomes(results) == ["imported", "bad", "bad", "bad", "bad"]
    assert {error.reason for result in results for error in result.errors} == {
        "you may only add sessions of your own team"
    }
    assert not Team.objects.filter(name="Made Up").exists()
    assert not AISession.objects.filter(title="Taken over").exists()


def test_who_may_not_add_at_all(cast: Cast) -> None:
    for actor in (cast.carol, cast.mallory):
        with pytest.raises(NotAllowed, match="you may not add sessions to Northwind MSP"):
            take(cast.account, record(), actor=actor)


# --- Two imports of one file at once ----------------------------------------------------------------------------------

SAME = [record(f"R-{n}", client=f"Client {n % 5}", team=f"Team {n % 3}") for n in range(200)]


@contextlib.contextmanager
def in_two_threads(account: Account) -> Iterator[tuple[list[list[str]], list[Exception]]]:
    """Two ingests of the same records that start together; what they gave and what they raised."""
    start, given, raised = threading.Barrier(2), [], []

    def work() -> None:
        try:
            start.wait(timeout=20)
            given.append(outcomes(take(account, *SAME)))
        except Exception as error:  # the test looks at it
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    yield given, raised


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_store_each_record_once() -> None:
    account = make_account()
    with in_two_threads(account) as (given, raised):
        assert raised == []
        assert sorted(Counter(given[0] + given[1]).items()) == [("imported", 200), ("unchanged", 200)]
    assert AISession.objects.filter(account=account).count() == 200
    assert SessionStep.objects.filter(account=account).count() == 400
    assert Client.objects.filter(account=account).count() == 5


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_would_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that the test above guards something: the lock taken away, the same work fails."""
    account = make_account()
    # Their clients and teams are there already: making those would let one wait for the other.
    take(account, *[{**obj, "external_id": f"seed {n}"} for n, obj in enumerate(SAME[:15])])
    both_have_looked = threading.Barrier(2)

    class NoLock:
        """A cursor that takes no lock."""

        def __enter__(self) -> "NoLock":
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, *_: object) -> None: ...

    class Unlocked:
        def __getattr__(self, name: str) -> Any:
            return NoLock if name == "cursor" else getattr(connection, name)

    in_time = store._store

    def late_store(*args: Any) -> Any:
        both_have_looked.wait(timeout=20)
        return in_time(*args)

    monkeypatch.setattr(store, "connection", Unlocked())
    monkeypatch.setattr(store, "_store", late_store)
    with in_two_threads(account) as (given, raised):
        assert len(given) == 1
        assert [type(error) for error in raised] == [IntegrityError]
