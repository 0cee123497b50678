"""Rollups are exact at every moment, whatever happens to what they count and to the task that keeps them."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Q
from django.db.utils import OperationalError

from analytics import tasks
from analytics.choices import session_values
from analytics.facts import FACTS, Fact
from analytics.metrics.counting import count_facts, durations
from analytics.rollups import roll, spans
from analytics.rollups.kept import BITS, COUNTS, DURATIONS, Kept
from analytics.rollups.models import (
    ClientDurationDay,
    ClientDurationMonth,
    ClientSessionDay,
    ClientSessionMonth,
    EndedSession,
    RolledAccount,
    RollupMark,
    SessionDay,
    SessionMark,
    SessionMonth,
)
from analytics.rollups.read import Wanted, read
from analytics.rollups.roll import account_roll_up, accounts_to_roll
from analytics.scope import Scope
from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.leases import LeaseLost, lease_release, lease_take
from flowpilot.common.models import Lease
from proposals.models import FlowProposal, ProposalEvidence, SessionAnalysis
from sessions.models import AISession, Client, GeneratedScript, Handover
from tests.analytics.ledger import DAYS, START, Ledger, counted, found, kept_of
from tests.factories import make_account, make_member, make_proposal, make_template

pytestmark = pytest.mark.django_db(transaction=True)
NOON = START + timedelta(days=10, hours=12)
TRACKING = FlowProposal.Type.AUTO_REINFORCED.value


@pytest.fixture
def account() -> Account:
    account = make_account("northwind")
    account.time_zone = "Europe/Berlin"
    account.save()
    return account


def add(account: Account, **fields: Any) -> AISession:
    given = {"status": "resolved", "started_at": NOON - timedelta(minutes=20), "ended_at": NOON, **fields}
    return AISession.objects.create(account=account, external_id=uuid4().hex, **given)


def everything(account: Account, zone: str = "") -> Wanted:
    return Wanted(
        AISession.objects.filter(account=account),
        kept_of(account),
        [account.pk],
        START - timedelta(days=2),
        START + timedelta(days=DAYS + 2),
        zone or account.time_zone,
    )


def of(account: Account, client: Client) -> Wanted:
    kept = kept_of(account, client=client)
    return replace(everything(account), sessions=client.sessions.all(), kept=kept, client=client.pk)


def assert_exact(account: Account) -> None:
    account.refresh_from_db()
    wanted = everything(account)
    assert found(COUNTS, wanted, ["day"]) == counted(COUNTS, wanted, ["day"])


def kept_total(account: Account, name: str = "ended") -> int:
    return sum(SessionDay.objects.filter(account=account).values_list(name, flat=True))


def total(rollup: Kept, wanted: Wanted, name: str, by: str = "") -> int:
    return sum(row[name] for row in read(rollup, wanted, [by] if by else []))


def marks(account: Account) -> int:
    return RollupMark.objects.filter(account=account).count() + SessionMark.objects.filter(account=account).count()


class Elsewhere(threading.Thread):
    """Work in another connection; `finish` waits for it and raises what it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self.work = work
        self.error: BaseException | None = None
        self.result: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def finish(self) -> Any:
        self.join(30)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.result


class Uncommitted:
    """A transaction of somebody else that has done `work` and not committed yet."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.done, self.go = threading.Event(), threading.Event()
        self.work = work
        self.thread = Elsewhere(self._run)
        assert self.done.wait(30)

    def _run(self) -> None:
        with transaction.atomic():
            self.work()
            self.done.set()
            assert self.go.wait(30)

    def commit(self) -> None:
        self.go.set()
        self.thread.finish()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`held(work)` starts work elsewhere that stops in its first turn after the counts, before it deletes its marks."""
    at, go = threading.Event(), threading.Event()
    here, execute = threading.current_thread(), roll._execute

    def stop(sql: str, *values: Any) -> None:
        if sql == roll._UNMARK and threading.current_thread() is not here:
            at.set()
            assert go.wait(30)
        execute(sql, *values)

    monkeypatch.setattr(roll, "_execute", stop)

    def begin(work: Callable[[], Any]) -> Elsewhere:
        thread = Elsewhere(work)
        assert at.wait(30)
        return thread

    begin.go = go  # type: ignore[attr-defined]
    yield begin
    go.set()


def test_every_fact_has_a_column() -> None:
    for model in COUNTS.models:
        columns = {f.attname for f in model._meta.concrete_fields} - {"problem_domain", "client_id"}
        assert columns == {"id", "account_id", "day", "team_id", "rating_sum", *FACTS}
    assert list(BITS) == list(FACTS)
    assert sum(BITS.values()) < 2**31  # what an integer column holds


@pytest.mark.parametrize("seed", range(6))
def test_they_equal_a_direct_count_whatever_happens_between_turns(
    account: Account, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "DAYS_AT_ONCE", 3)
    monkeypatch.setattr(roll, "CLIENT_SESSIONS", 1 + seed % 3)
    ledger = Ledger(account, Random(seed))
    number = 0
    # Months go by meanwhile.
    monkeypatch.setattr(roll, "month_of", lambda now, zone: (START + timedelta(days=number)).date().replace(day=1))
    for _ in range(8):
        ledger.insert()
    for number in range(0, DAYS, 2):
        act = ledger.change()
        if ledger.dice.random() < 0.4:
            if (lease := lease_take(key=roll.rollup_lease_key(account.pk), duration=roll.LEASE)) is not None:
                roll.roll_turn(lease, account.pk)
                lease_release(lease)
            act = f"{act}, then a turn"
        if ledger.dice.random() < 0.1:
            account_roll_up(account.pk, anew=ledger.dice.random() < 0.3)
            act = f"{act}, then all"
        ledger.check(f"{number}: {act}")
    account_roll_up(account.pk)
    assert marks(account) == 0
    ledger.check()
    assert_exact(account)
    assert kept_total(account) == ledger.sessions.filter(status__in=AISession.ENDED).count()


def test_without_marks_only_what_is_kept_is_read(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else all of this would only show that counting directly is right."""
    monkeypatch.setattr(roll, "CLIENT_SESSIONS", 1)
    client = Client.objects.create(account=account, name="Ana")
    add(account, client=client)
    account_roll_up(account.pk)
    for rollup, name in ((COUNTS, "ended"), (DURATIONS, "sessions")):
        for number, model in enumerate(rollup.models, 5):
            rows: Any = model._default_manager
            assert rows.update(**{name: number}) == 1
    for rollup, name in ((COUNTS, "ended"), (DURATIONS, "sessions")):
        wanted = everything(account)
        assert sum(row[name] for row in read(rollup, wanted, ["day", "problem_domain"])) == 5
        assert total(rollup, wanted, name, by="problem_domain") == 6
        assert total(rollup, replace(wanted, is_of_domain=True), name) == 6
        assert total(rollup, wanted, name, by="week") == 7
        assert total(rollup, wanted, name) == 8
        of_client = of(account, client)
        assert total(rollup, of_client, name, by="week") == total(rollup, of_client, name) == 9
    assert total(COUNTS, everything(account, "UTC"), "ended") == 8
    # Days of another time zone, and what a rollup does not tell apart, are read session by session.
    EndedSession.objects.update(facts=BITS["rated"], minutes=7)
    for wanted in everything(account, "UTC"), replace(everything(account), is_narrow=True):
        assert [total(COUNTS, wanted, name, by="day") for name in ("ended", "rated")] == [0, 1]
        assert [row["minutes"] for row in read(DURATIONS, wanted, ["minutes", "day"])] == [7]
    # Of a client's domains no sums are kept.
    assert total(DURATIONS, of(account, client), "sessions", by="problem_domain") == 1
    add(account)
    assert total(COUNTS, everything(account), "ended") == 2
    assert total(DURATIONS, everything(account), "sessions") == 2


def test_of_a_client_only_days_with_many_sessions_are_kept(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "CLIENT_SESSIONS", 3)
    desk = Team.objects.create(account=account, name="Desk")
    ana, bo = (Client.objects.create(account=account, name=name) for name in ("Ana", "Bo"))
    for client, team, days in (
        (ana, desk, 0), (ana, desk, 0), (ana, None, 0), (ana, desk, 1), (ana, desk, 1), (bo, desk, 0), (None, None, 0),
    ):  # fmt: skip
        add(account, client=client, team=team, ended_at=NOON + timedelta(days=days))
    account_roll_up(account.pk)
    rows = ClientSessionDay.objects.order_by("ended").values_list("client", "team", "ended")
    assert list(rows) == [(ana.pk, None, 1), (ana.pk, desk.pk, 2)]
    assert [total(COUNTS, of(account, client), "ended") for client in (ana, bo)] == [5, 1]
    # A kept day holds for each team, also for one without a session of it.
    EndedSession.objects.filter(ended_at=NOON).update(facts=0)
    field = Team.objects.create(account=account, name="Field")
    teams = [replace(of(account, ana), kept=kept_of(account, client=ana, team=t)) for t in (desk, field)]
    assert [total(COUNTS, wanted, "ended") for wanted in teams] == [4, 0]
    # One fewer, and the day is kept no more.
    AISession.objects.filter(client=ana, team=None).delete()
    account_roll_up(account.pk)
    assert not ClientSessionDay.objects.exists()
    assert not ClientDurationDay.objects.exists()
    assert not ClientSessionMonth.objects.exists()


def test_of_a_client_a_month_is_read_where_each_of_its_days_is_kept(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "CLIENT_SESSIONS", 1)
    ana = Client.objects.create(account=account, name="Ana")
    days = [add(account, client=ana, ended_at=START + timedelta(days=31 + number, hours=12)) for number in range(30)]
    account_roll_up(account.pk)
    assert ClientSessionMonth.objects.get().ended == 30
    ClientSessionMonth.objects.update(ended=7)
    ClientDurationMonth.objects.update(sessions=7)
    assert [total(COUNTS, of(account, ana), "ended"), total(DURATIONS, of(account, ana), "sessions")] == [7, 30 * 7]
    days[3].delete()
    assert total(COUNTS, of(account, ana), "ended") == 29
    account_roll_up(account.pk)
    ClientSessionMonth.objects.update(ended=7)
    assert total(COUNTS, of(account, ana), "ended") == 29


def test_of_a_marked_day_only_the_marked_quarter_is_looked_at(account: Account) -> None:
    add(account)
    add(account, ended_at=NOON + timedelta(hours=2))
    account_roll_up(account.pk)
    EndedSession.objects.filter(ended_at=NOON).update(facts=0)
    SessionDay.objects.update(ended=9)
    add(account, ended_at=NOON + timedelta(hours=2, minutes=1))
    assert total(COUNTS, everything(account), "ended", by="day") == 2
    account_roll_up(account.pk)
    assert kept_total(account) == 2
    add(account, ended_at=NOON + timedelta(minutes=1))
    account_roll_up(account.pk)
    assert kept_total(account) == 4
    assert EndedSession.objects.filter(account=account).count() == 4


def test_a_session_that_is_no_more_or_ends_elsewhere_is_kept_no_more(account: Account) -> None:
    sessions = [add(account) for _ in range(4)]
    account_roll_up(account.pk)
    sessions[0].delete()
    AISession.objects.filter(pk=sessions[1].pk).update(ended_at=NOON + timedelta(days=1))
    AISession.objects.filter(pk=sessions[2].pk).update(status="active", ended_at=None)
    assert total(COUNTS, replace(everything(account), is_narrow=True), "ended") == 2
    account_roll_up(account.pk)
    assert set(EndedSession.objects.values_list("session_id", flat=True)) == {sessions[1].pk, sessions[3].pk}
    assert_exact(account)


def test_an_open_session_at_work_leaves_no_marks(account: Account) -> None:
    """Each answer writes to the session's row: that must not make the day dirty."""
    session = add(account, status="active", ended_at=None)
    account_roll_up(account.pk)
    AISession.objects.filter(pk=session.pk).update(revision=5, node_id="n3", touched_at=NOON, title="Other words")
    assert marks(account) == 0


def test_a_bulk_of_one_quarter_leaves_one_mark(account: Account) -> None:
    AISession.objects.bulk_create(
        AISession(account=account, external_id=f"B-{n}", status="resolved", started_at=NOON, ended_at=NOON)
        for n in range(500)
    )
    assert marks(account) == 1


def test_what_commits_between_the_count_and_the_end_of_the_turn_stays_marked(account: Account, held: Any) -> None:
    add(account)
    account_roll_up(account.pk)
    add(account)
    turn = held(lambda: account_roll_up(account.pk))
    add(account)  # the same day and quarter, committed while the turn has counted and not yet deleted its marks
    assert_exact(account)
    held.go.set()
    assert turn.finish() == 1
    assert kept_total(account) == 2
    assert RollupMark.objects.filter(account=account).count() == 1
    assert_exact(account)
    account_roll_up(account.pk)
    assert kept_total(account) == 3
    assert marks(account) == 0


def test_what_was_written_before_a_turn_and_commits_after_it_is_counted(account: Account) -> None:
    add(account)
    account_roll_up(account.pk)
    late = Uncommitted(lambda: add(account))
    add(account)
    account_roll_up(account.pk)
    late.commit()
    assert_exact(account)
    account_roll_up(account.pk)
    assert kept_total(account) == 3


def test_two_who_write_to_one_ticket_at_once_do_not_hide_that_it_was_reopened(account: Account) -> None:
    """Neither sees the other's session: what its mark means is found by who reads it."""
    ticket = {"psa_system": "halopsa", "psa_ticket_id": "1"}
    account_roll_up(account.pk)
    later = NOON + timedelta(days=1)
    late = Uncommitted(lambda: add(account, started_at=later, ended_at=later, **ticket))
    add(account, **ticket)
    account_roll_up(account.pk)
    assert kept_total(account, "reopened") == 0
    late.commit()
    assert_exact(account)
    account_roll_up(account.pk)
    assert kept_total(account, "reopened") == 1


def test_a_hand_over_that_is_written_while_its_session_ends_is_counted(account: Account) -> None:
    session = add(account, status="active", ended_at=None)
    account_roll_up(account.pk)
    late = Uncommitted(lambda: Handover.objects.create(account=account, session=session, reason="?"))
    AISession.objects.filter(pk=session.pk).update(status="resolved", ended_at=NOON)
    account_roll_up(account.pk)
    assert kept_total(account, "first_level") == 1
    late.commit()
    assert_exact(account)
    account_roll_up(account.pk)
    assert kept_total(account, "first_level") == 0


def test_a_session_that_joins_a_proposal_while_it_is_published_is_counted(account: Account) -> None:
    """Neither sees what the other writes; the session's mark is gone when the proposal's comes."""
    session, proposal = add(account), make_proposal(account, 0)
    SessionAnalysis.objects.create(account=account, session=session, state="done")
    account_roll_up(account.pk)
    published = {"status": "approved", "reviewed_at": NOON}
    late = Uncommitted(lambda: FlowProposal.objects.filter(pk=proposal.pk).update(**published))
    # As an import writes it: the foreign key alone does not wait for an update of other columns.
    ProposalEvidence.objects.create(account=account, session=session, proposal=proposal)
    account_roll_up(account.pk)
    assert [kept_total(account, name) for name in ("proposed", "published")] == [1, 0]
    late.commit()
    assert_exact(account)
    account_roll_up(account.pk)
    assert kept_total(account, "published") == 1
    assert marks(account) == 0


@pytest.mark.parametrize(
    ("step", "undo"),
    [
        ("scripted", lambda session: session.generated_scripts.update(session=None)),
        ("scripted_resolved", lambda session: session.generated_scripts.all().delete()),
        ("analysed", lambda session: SessionAnalysis.objects.filter(session=session).update(state="retrying")),
        ("proposed", lambda session: session.evidence.all().delete()),
        ("proposed", lambda session: FlowProposal.objects.update(proposal_type=TRACKING, status=TRACKING)),
        ("published", lambda session: FlowProposal.objects.update(status="dismissed")),
    ],
)
def test_what_is_beside_a_session_is_counted_as_it_comes_and_goes(
    account: Account, step: str, undo: Callable[[AISession], Any]
) -> None:
    session, proposal, script = add(account), make_proposal(account, 0), make_template(account)
    account_roll_up(account.pk)
    GeneratedScript.objects.create(account=account, template_version=script, session=session, text="true")
    SessionAnalysis.objects.create(account=account, session=session, state="done")
    ProposalEvidence.objects.create(account=account, session=session, proposal=proposal)
    FlowProposal.objects.update(status="modified", reviewed_at=NOON)
    assert total(COUNTS, everything(account), step) == 1
    account_roll_up(account.pk)
    assert kept_total(account, step) == 1
    undo(session)
    assert_exact(account)
    account_roll_up(account.pk)
    assert kept_total(account, step) == 0


def test_a_session_written_while_the_time_zone_changes_is_counted_on_its_new_day(account: Account) -> None:
    add(account)
    account_roll_up(account.pk)
    night = NOON.replace(hour=23, minute=30)  # the 11th in Berlin, the 12th in Kiritimati
    late = Uncommitted(lambda: add(account, ended_at=night))
    Account.objects.filter(pk=account.pk).update(time_zone="Pacific/Kiritimati")
    account_roll_up(account.pk)
    late.commit()
    assert_exact(account)
    account_roll_up(account.pk)
    assert marks(account) == 0
    assert kept_total(account) == 2
    assert_exact(account)


def test_a_new_time_zone_is_read_directly_until_its_days_are_kept(account: Account) -> None:
    add(account)
    account_roll_up(account.pk)
    account.time_zone = "America/New_York"
    account.save()
    assert_exact(account)
    assert accounts_to_roll() == [account.pk]
    account_roll_up(account.pk)
    assert RolledAccount.objects.get().time_zone == "America/New_York"
    assert accounts_to_roll() == []
    assert_exact(account)


def test_a_turn_whose_connection_is_killed_changes_nothing(account: Account, held: Any) -> None:
    add(account)
    account_roll_up(account.pk)
    add(account)
    before = marks(account)
    turn = held(lambda: account_roll_up(account.pk))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchall() == [(True,)]
    held.go.set()
    with pytest.raises(OperationalError):
        turn.finish()
    assert kept_total(account) == 1
    assert marks(account) == before
    assert_exact(account)
    Lease.objects.all().delete()  # it runs out after a while
    assert account_roll_up(account.pk) == 1
    assert kept_total(account) == 2


def test_of_two_at_once_one_works_and_the_other_leaves(account: Account, held: Any) -> None:
    add(account)
    account_roll_up(account.pk)
    add(account)
    turn = held(lambda: account_roll_up(account.pk))
    assert account_roll_up(account.pk) is None
    held.go.set()
    assert turn.finish() == 1
    assert kept_total(account) == 2


def test_who_lost_the_lease_writes_nothing(account: Account) -> None:
    add(account)
    lease = lease_take(key=roll.rollup_lease_key(account.pk), duration=roll.LEASE)
    assert lease
    lease_release(lease)
    assert lease_take(key=roll.rollup_lease_key(account.pk), duration=roll.LEASE)
    with pytest.raises(LeaseLost):
        roll.roll_turn(lease, account.pk)
    assert not RolledAccount.objects.exists()


def test_writers_do_not_wait_for_one_another_nor_for_a_turn(account: Account, held: Any) -> None:
    """Two transactions that mark the same quarter and ticket, while a turn holds its marks."""
    add(account)
    account_roll_up(account.pk)
    add(account)
    turn = held(lambda: account_roll_up(account.pk))
    ticket = {"psa_system": "halopsa", "psa_ticket_id": "1"}
    first = Uncommitted(lambda: add(account, **ticket))
    second = Uncommitted(lambda: add(account, **ticket))
    second.commit()
    first.commit()
    held.go.set()
    turn.finish()
    assert_exact(account)


def test_an_account_goes_with_its_days_and_its_marks_are_forgotten(account: Account) -> None:
    add(account, psa_system="halopsa", psa_ticket_id="1")
    account_roll_up(account.pk)
    pk = account.pk
    account.delete()
    assert not SessionDay.objects.exists()
    assert not EndedSession.objects.exists()
    assert pk in accounts_to_roll()
    account_roll_up(pk)
    assert accounts_to_roll() == []
    assert not Account.objects.filter(pk=pk).exists()


def test_the_tasks_and_the_command_count_what_is_marked(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    add(account)
    asked: list[int] = []
    monkeypatch.setattr(tasks.roll_up_account, "delay", asked.append)
    assert tasks.roll_up_days() == 1
    assert asked == [account.pk]
    tasks.roll_up_account(account.pk)
    assert kept_total(account) == 1
    assert tasks.roll_up_days() == 0
    SessionDay.objects.update(ended=7)
    out = StringIO()
    call_command("rebuild_rollups", account="northwind", stdout=out)
    assert out.getvalue() == "Northwind: 1 days counted.\n"
    assert kept_total(account) == 1
    with pytest.raises(CommandError, match="no account"):
        call_command("rebuild_rollups", account="nobody")
    assert lease_take(key=roll.rollup_lease_key(account.pk), duration=roll.LEASE)
    with pytest.raises(CommandError, match="another worker"):
        call_command("rebuild_rollups")


def test_a_month_that_is_over_is_added_up_without_any_mark(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    add(account)
    monkeypatch.setattr(roll, "month_of", lambda now, zone: NOON.date().replace(day=1))
    account_roll_up(account.pk)
    assert not SessionMonth.objects.exists()
    assert accounts_to_roll() == []
    monkeypatch.undo()
    assert accounts_to_roll() == [account.pk]
    assert_exact(account)
    account_roll_up(account.pk)
    assert SessionMonth.objects.get().ended == 1
    assert accounts_to_roll() == []


def test_who_sees_one_team_counts_that_team(account: Account) -> None:
    """Of what is kept, as of what is counted directly; and nobody counts another account's."""
    desk, field = (Team.objects.create(account=account, name=name) for name in ("Desk", "Field"))
    for team in (desk, desk, field, None):
        add(account, team=team)
    other = make_account("contoso")
    add(other)
    for pk in (account.pk, other.pk):
        account_roll_up(pk)
    whole = make_member(account, Role.ANALYST)
    limited = make_member(account, Role.ANALYST, team=desk)
    root = User.objects.create_superuser("root@platform.test", "a long enough phrase")
    add(account, team=field, ended_at=NOON + timedelta(days=1))
    add(account, team=desk, ended_at=NOON + timedelta(days=1))
    period = {"first": NOON.date(), "last": NOON.date() + timedelta(days=1), "zone": account.time_zone}
    for narrowed, all_of_it, of_team in ({}, 6, 3), ({"team": field}, 2, 0), ({"domain": "vpn"}, 0, 0):
        scopes = [Scope.of(user, period | narrowed) for user in (whole, limited, root)]
        every = all_of_it + (1 if not narrowed else 0)
        assert [count_facts(s, ["ended"])["ended"] for s in scopes] == [all_of_it, of_team, every]
        assert [durations(s).n for s in scopes] == [all_of_it, of_team, every]
    nobody = make_member(account, Role.ANALYST)
    nobody.memberships.all().delete()
    assert count_facts(Scope.of(nobody, period), ["ended"]) == {"ended": 0}


def test_what_was_kept_of_a_fact_that_is_defined_anew_is_not_read(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new version of FlowPilot calls other sessions reopened: no session changes, and so no mark is left."""
    ticket = {"psa_system": "halopsa", "psa_ticket_id": "1"}
    add(account, **ticket)
    add(account, started_at=NOON + timedelta(days=1), ended_at=NOON + timedelta(days=1), **ticket)
    account_roll_up(account.pk)
    assert total(COUNTS, everything(account), "reopened") == 1
    monkeypatch.setitem(FACTS, "reopened", Fact("that came back", Q(pk__lt=0)))
    spans.definition.cache_clear()
    try:
        assert total(COUNTS, everything(account), "reopened") == 0
        assert accounts_to_roll() == [account.pk]
        account_roll_up(account.pk)
        assert kept_total(account, "reopened") == 0
        assert accounts_to_roll() == []
    finally:
        spans.definition.cache_clear()


def test_choices_are_those_that_the_viewer_has(account: Account) -> None:
    desk, field = (Team.objects.create(account=account, name=name) for name in ("Desk", "Field"))
    for team, domain, email in (
        (desk, "vpn", "b@x.test"), (desk, "vpn", "a@x.test"), (field, "email", "a@x.test"), (None, "", ""),
    ):  # fmt: skip
        add(account, team=team, problem_domain=domain, technician_email=email)
    add(make_account("contoso"), problem_domain="theirs", technician_email="theirs@x.test")
    whole, limited = make_member(account, Role.ANALYST), make_member(account, Role.ANALYST, team=desk)
    root = User.objects.create_superuser("root@platform.test", "a long enough phrase")
    assert session_values(whole, "problem_domain") == ["email", "vpn"]
    assert session_values(limited, "problem_domain") == ["vpn"]
    assert session_values(root, "problem_domain") == ["email", "theirs", "vpn"]
    assert session_values(whole, "technician_email") == ["a@x.test", "b@x.test"]
    assert session_values(make_member(make_account("empty"), Role.ANALYST), "technician_email") == []
