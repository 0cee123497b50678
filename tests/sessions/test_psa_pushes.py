"""Pushes are written with the end of their session or not at all, and started when that is certain."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import account_erase
from flowpilot.common.errors import NotAllowed
from flowpilot.common.models import AuditEvent
from sessions.models import AISession, Handover, PsaAttempt, PsaConnection, PsaPush
from sessions.psa.delivery import LONGEST_TEXT, marked, push_deliver
from sessions.psa.selectors import PushCounts, connection_of, due_pushes, push_counts
from sessions.psa.services import pushes_requeue, session_pushes_create, told
from sessions.psa.tasks import deliver_due_pushes, deliver_push
from tests.conftest import Cast
from tests.factories import make_connection, make_member, make_push, make_session
from tests.sessions.psa_servers import FakePsa

State, Kind = PsaPush.State, PsaPush.Kind


def session_of(cast: Cast, system: str = "connectwise", **fields: Any) -> AISession:
    return make_session(cast.account, psa={"system": system, "ticket_id": "48213"}, **fields)


def end(session: AISession, **options: Any) -> list[PsaPush]:
    with transaction.atomic():
        return session_pushes_create(session=session, **options)


def kinds(pushes: list[PsaPush]) -> list[str]:
    return [push.kind for push in pushes]


def test_a_note_a_time_entry_and_a_status(cast: Cast) -> None:
    make_connection(cast.account, time_resource="bob", resolved_status="Closed", escalated_status="Escalated")
    session = session_of(cast, resolution_summary="The router was restarted")
    note, time, status = end(session)
    assert kinds([note, time, status]) == [Kind.NOTE, Kind.TIME, Kind.STATUS]
    assert note.payload["text"] == told(session)
    assert "Resolved with FlowPilot" in note.payload["text"]
    assert "The router was restarted" in note.payload["text"]
    assert session.ended_at is not None
    assert time.payload["started_at"] == (session.ended_at - timedelta(minutes=20)).isoformat()
    assert status.payload == {"status": "Closed"}
    assert {push.state for push in (note, time, status)} == {State.PENDING}
    assert len({push.marker for push in (note, time, status)}) == 3
    assert all(len(push.marker) == 32 for push in (note, time, status))


def test_what_the_caller_says_goes(cast: Cast) -> None:
    make_connection(cast.account, time_resource="bob")
    note, time = end(session_of(cast), note="Told by the runner", worked=timedelta(minutes=5))
    assert note.payload == {"text": "Told by the runner"}
    assert time.payload["text"] == "VPN does not connect"


def test_what_was_charged_before_a_hand_over_is_not_charged_again(cast: Cast) -> None:
    make_connection(cast.account, time_resource="bob")
    session = session_of(cast)
    assert session.ended_at is not None
    claimed = session.ended_at - timedelta(minutes=5)
    Handover.objects.create(account=cast.account, session=session, reason="Needs rights", claimed_at=claimed)
    _, time = end(session)
    assert time.payload["started_at"] == claimed.isoformat()


@pytest.mark.parametrize("worked", [timedelta(), timedelta(seconds=-5), timedelta(hours=25)])
def test_no_time_is_charged_that_nobody_worked(cast: Cast, worked: timedelta) -> None:
    """A session that was left open over the weekend was not worked over the weekend."""
    make_connection(cast.account, time_resource="bob")
    assert kinds(end(session_of(cast), worked=worked)) == [Kind.NOTE]


def test_what_the_connection_leaves_out(cast: Cast) -> None:
    make_connection(cast.account)
    assert kinds(end(session_of(cast))) == [Kind.NOTE]
    make_connection(cast.account, "halopsa", escalated_status="7")
    assert kinds(end(session_of(cast, "HaloPSA"))) == [Kind.NOTE, Kind.TIME]
    assert kinds(end(session_of(cast, "Halo PSA", status="escalated"))) == [Kind.NOTE, Kind.TIME, Kind.STATUS]


def test_without_ticket_or_connection_there_is_nothing_to_tell(cast: Cast) -> None:
    assert end(session_of(cast)) == []
    make_connection(cast.account, is_active=False)
    make_connection(cast.other_account)
    assert end(session_of(cast)) == []
    make_connection(cast.account, "autotask")
    assert end(session_of(cast)) == []
    assert end(make_session(cast.account)) == []
    assert end(session_of(cast, "Remedy")) == []


@pytest.mark.parametrize("name", ["connectwise", "ConnectWise Manage", "CONNECTWISE PSA"])
def test_systems_by_the_names_that_records_use(cast: Cast, name: str) -> None:
    connection = make_connection(cast.account)
    assert connection_of(session_of(cast, name)) == connection


def test_the_same_end_twice_tells_once_and_another_end_again(cast: Cast) -> None:
    make_connection(cast.account)
    session = session_of(cast, status="escalated")
    first = end(session)
    assert end(session) == first
    session.status = AISession.Status.RESOLVED
    assert len(end(session)) == 1
    assert PsaPush.objects.count() == 2
    assert end(session, occasion="handed over 2") != end(session, occasion="handed over 3")


def test_it_belongs_into_the_transaction_that_ends_the_session(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.psa.services.database", type("NoTransaction", (), {"in_atomic_block": False}))
    with pytest.raises(RuntimeError, match="inside one"):
        session_pushes_create(session=session_of(cast))


@pytest.mark.django_db(transaction=True)
def test_delivery_starts_after_the_commit_and_only_then(cast: Cast, queued: list[int]) -> None:
    make_connection(cast.account)
    session = session_of(cast)
    with transaction.atomic():
        session_pushes_create(session=session)
        transaction.set_rollback(True)
    assert queued == []
    assert not PsaPush.objects.exists()
    with transaction.atomic():
        (push,) = session_pushes_create(session=session)
        assert queued == []
    assert queued == [push.pk]


@pytest.mark.django_db(transaction=True)
def test_a_queue_that_is_down_holds_up_nobody(cast: Cast, monkeypatch: pytest.MonkeyPatch, queued: list[int]) -> None:
    make_connection(cast.account)

    def down(push_id: int) -> None:
        raise ConnectionError("Redis is down")

    with monkeypatch.context() as patched:
        patched.setattr("sessions.psa.services.push_start", down)
        (push,) = end(session_of(cast))
    assert deliver_due_pushes() == 1
    assert queued == [push.pk], "beat finds it"


def test_the_number_of_queries_of_an_end_is_known(cast: Cast) -> None:
    """A technician waits for these."""
    make_connection(cast.account, time_resource="bob", resolved_status="Closed")
    session = session_of(cast)
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        session_pushes_create(session=session)
    # The connection, when it was taken up, a savepoint and its end around the insert, the insert, the rows.
    assert len(captured) <= 6


def test_the_task_delivers_what_is_due(cast: Cast, psa: FakePsa, queued: list[int]) -> None:
    make_connection(cast.account, base_url=psa.url)
    (push,) = end(session_of(cast))
    assert deliver_push(push.pk) == State.SUCCEEDED
    assert deliver_push(push.pk) is None
    assert deliver_push(987_654_321) is None
    assert len(psa.tickets[48213].notes) == 1


def test_beat_takes_of_each_connection_its_oldest(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.psa.selectors.AT_ONCE", 2)
    now = timezone.now()
    one, two = make_connection(cast.account), make_connection(cast.other_account)
    for connection_, count in ((one, 5), (two, 1)):
        session = make_session(connection_.account)
        for n in range(count):
            make_push(session, connection=connection_, next_attempt_at=now - timedelta(minutes=n))
    of_one = list(PsaPush.objects.filter(connection=one).order_by("next_attempt_at").values_list("pk", flat=True))
    of_two = PsaPush.objects.get(connection=two).pk
    assert due_pushes(now) == [*of_one[:2], of_two]


def test_a_long_text_is_cut_before_its_marker() -> None:
    text = marked("x" * 100_000, "m" * 32)
    assert text.endswith(f"x\n\n[FlowPilot {'m' * 32}]")
    assert len(text) < LONGEST_TEXT + 100


def give_up(push: PsaPush, state: str, outcome: str) -> PsaPush:
    PsaPush.objects.filter(pk=push.pk).update(
        state=state, next_attempt_at=None, settled_at=timezone.now(), attempt_count=12
    )
    PsaAttempt.objects.create(
        account_id=push.account_id,
        push=push,
        number=12,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        outcome=outcome,
    )
    return push


def test_given_up_pushes_are_queued_again(cast: Cast, psa: FakePsa) -> None:
    connection_ = make_connection(cast.account, base_url=psa.url)
    session = session_of(cast)
    refused = give_up(make_push(session, connection=connection_), State.EXHAUSTED, "failed")
    unclear = give_up(make_push(session, connection=connection_), State.UNKNOWN, "unknown")
    psa.ticket(48213).notes.append({"id": 1, "text": f"… {unclear.marker}"})  # type: ignore[union-attr]
    ids = [refused.pk, unclear.pk]
    assert pushes_requeue(actor=cast.alice, push_ids=ids) == 2
    states = dict(PsaPush.objects.values_list("pk", "state"))
    assert states == {refused.pk: State.PENDING, unclear.pk: State.UNKNOWN}, "one may be there: it is looked for first"
    assert pushes_requeue(actor=cast.alice, push_ids=ids) == 0, "they are under way"
    assert [push_deliver(push_id=pk) for pk in ids] == [State.SUCCEEDED] * 2
    assert len(psa.tickets[48213].notes) == 2, "sent once, found once"
    assert pushes_requeue(actor=cast.alice, push_ids=ids) == 0, "they have succeeded"
    events = AuditEvent.objects.filter(action="psa_push.requeued").order_by("pk")
    assert [(e.actor, e.before["state"], e.after["state"]) for e in events] == [
        (cast.alice, "exhausted", "pending"),
        (cast.alice, "unknown", "unknown"),
    ]
    counts = push_counts(PsaPush.objects.all())
    assert counts == PushCounts(first_try=0, eventual=2, exhausted=0, pending=0, unknown=0)


def test_who_queues_pushes_again(cast: Cast) -> None:
    push = give_up(make_push(session_of(cast)), State.EXHAUSTED, "failed")
    for actor in (cast.bob, cast.carol, cast.sam):
        with pytest.raises(NotAllowed):
            pushes_requeue(actor=actor, push_ids=[push.pk])
    team = Team.objects.create(account=cast.account, name="Other team")
    tess = make_member(cast.account, Role.TEAM_ADMIN, team=team)
    for actor in (cast.mallory, tess):
        assert pushes_requeue(actor=actor, push_ids=[push.pk]) == 0
    assert pushes_requeue(actor=cast.olivia, push_ids=[push.pk]) == 1


def test_counts(cast: Cast) -> None:
    connection_ = make_connection(cast.account)
    session, done = session_of(cast), {"next_attempt_at": None, "settled_at": timezone.now()}
    rows: list[dict[str, Any]] = [
        {"state": State.SUCCEEDED, "attempt_count": 1, **done},
        {"state": State.SUCCEEDED, "attempt_count": 1, **done},
        {"state": State.SUCCEEDED, "attempt_count": 2, **done},
        {"state": State.SUCCEEDED, "attempt_count": 9, **done},
        {"state": State.SUCCEEDED, "attempt_count": 3, **done},
        {"state": State.EXHAUSTED, "attempt_count": 12, **done},
        {"state": State.UNKNOWN, "attempt_count": 1},
        {"state": State.UNKNOWN, "attempt_count": 15, **done},
        {"state": State.PENDING},
        {"state": State.PENDING, "attempt_count": 4},
    ]
    for row in rows:
        make_push(session, connection=connection_, **row)
    with CaptureQueriesContext(connection) as captured:
        counts = push_counts(PsaPush.objects.filter(account=cast.account))
    assert counts == PushCounts(first_try=2, eventual=3, exhausted=1, pending=2, unknown=2)
    assert counts.total == len(rows)
    assert len(captured) == 1


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"state": "sent"}, "psa_push_state"),
        ({"state": State.SUCCEEDED}, "psa_push_state"),
        ({"state": State.SUCCEEDED, "next_attempt_at": None, "settled_at": None}, "psa_push_state"),
        ({"state": State.PENDING, "next_attempt_at": None}, "psa_push_state"),
        ({"state": State.EXHAUSTED, "settled_at": timezone.now()}, "psa_push_state"),
        ({"kind": "fax"}, "psa_push_kind"),
        ({"marker": "a" * 32}, "psa_push_marker"),
        ({"occasion": "end"}, "psa_push_once"),
    ],
)
def test_what_the_database_refuses(cast: Cast, fields: dict[str, Any], constraint: str) -> None:
    session = session_of(cast)
    make_push(session, marker="a" * 32, occasion="end")
    with pytest.raises(IntegrityError, match=constraint):
        make_push(session, **fields)


def test_an_account_goes_with_its_pushes_and_a_connection_alone_does_not(cast: Cast) -> None:
    push = make_push(session_of(cast))
    with pytest.raises(IntegrityError):
        push.connection.delete()
    AISession.objects.all().delete()
    assert not PsaPush.objects.exists()
    make_push(session_of(cast, client=None), connection=PsaConnection.objects.get())
    account_erase(account=cast.account)
    assert not PsaPush.objects.exists()
    assert not PsaConnection.objects.exists()
