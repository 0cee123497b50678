"""Erasing people and clients: nothing of them is left anywhere, and nobody else's rows change."""

import zlib
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from flowpilot.accounts.models import Membership, RecoveryCode, Team, TotpDevice, User
from flowpilot.common.audit import audit_record, audit_texts_erasable
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.leases import lease_release, lease_take
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import FlowVersion
from flowpilot.privacy import rewrite
from flowpilot.privacy.erasing import LEASE, erasure_run, erasure_turn, erasures_under_way
from flowpilot.privacy.erasures import erasure_cancel, erasure_confirm, erasure_request
from flowpilot.privacy.models import Erasure
from flowpilot.privacy.tables import text_tables
from sessions.ingest.models import IngestJob
from sessions.models import AISession, Attachment, Client
from tests.conftest import Cast
from tests.factories import make_member, make_session, make_worked
from tests.privacy.everywhere import columns_without, fill, places_of, snapshot_of

pytestmark = pytest.mark.django_db
WORD = "zyxqvok"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def counted(cast: Cast, *spellings: str, **whom: Any) -> Erasure:
    whom = whom or {"kind": "person"}
    erasure = erasure_request(actor=cast.olivia, account=cast.account, spellings=spellings, **whom)
    assert erasure_run(erasure.pk)
    erasure.refresh_from_db()
    assert erasure.state == "counted"
    return erasure


def erased(cast: Cast, *spellings: str, **whom: Any) -> Erasure:
    erasure = counted(cast, *spellings, **whom)
    erasure_confirm(actor=cast.olivia, erasure_id=erasure.pk, typed=erasure.terms[0])
    assert erasure_run(erasure.pk)
    erasure.refresh_from_db()
    assert erasure.state == "done"
    return erasure


def test_a_word_in_every_column_is_gone_from_the_whole_database(cast: Cast) -> None:
    other_team = Team.objects.create(account=cast.other_account, name="Others")
    fill(cast.other_account, f"{WORD}-b", cast.mallory, other_team)
    only_theirs = places_of(WORD)
    fill(cast.account, WORD, cast.bob, cast.team)
    # Without this the walk below would prove nothing of a column that was never filled.
    blind = columns_without(cast.account, WORD)
    assert not blind, blind
    theirs = snapshot_of(cast.other_account)
    mine = {label: len(rows) for label, rows in snapshot_of(cast.account).items()}

    erasure = counted(cast, WORD.upper())
    assert snapshot_of(cast.other_account) == theirs
    assert erasure.found["attached files"] == 1
    erasure_confirm(actor=cast.olivia, erasure_id=erasure.pk, typed=WORD)
    assert erasure_run(erasure.pk)

    assert snapshot_of(cast.other_account) == theirs
    assert places_of(WORD) == only_theirs
    talk = Attachment.objects.get(key=f"{cast.account.pk}-talk")
    with talk.file.open() as file:
        assert file.read().decode() == f"to erased-{erasure.mark}: hello"
    # Nothing was removed with it: the chain of events, too, is as long as it was, plus what tells of this.
    now = {label: len(rows) for label, rows in snapshot_of(cast.account).items()}
    grown = {label for label, count in now.items() if count != mine[label]}
    assert grown <= {"common.AuditEvent", "privacy.Erasure", "analytics.SessionMark", "analytics.RollupMark"}
    assert now["common.AuditEvent"] == mine["common.AuditEvent"] + 3
    erasure.refresh_from_db()
    assert (erasure.state, erasure.terms) == ("done", [])
    assert erasure.erased["sessions"] == erasure.found["sessions"]


def test_a_table_that_nobody_knows_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowpilot.privacy.tables.OF_USER", ())
    with pytest.raises(LookupError, match="whose"):
        text_tables()


def test_a_member_is_locked_out_and_told_by_a_mark(cast: Cast, login: Any) -> None:
    bob = cast.bob
    bob.full_name = "Bob Miller"
    bob.save()
    session = make_worked(bob, cast.account, problem="Miller, Bob wrote to bob@northwind.test")
    event = audit_record(actor=bob, action="seen", target=session, reason="as bob  MILLER said")
    browser = login(bob)
    User.objects.filter(pk=bob.pk).update(two_factor_at=timezone.now())
    TotpDevice.objects.create(user=bob, secret=b"sealed", last_counter=0)
    RecoveryCode.objects.create(user=bob, code_hash="0" * 64)
    membership = Membership.objects.get(user=bob)
    erasure = erased(cast, kind="member", membership=membership)
    session.refresh_from_db()
    mark = f"erased-{erasure.mark}@erased.invalid"
    assert session.problem_summary == f"{erasure.label} wrote to {mark}"
    assert session.technician_email == mark
    event.refresh_from_db()
    assert (event.actor_id, event.actor_label, event.reason) == (bob.pk, erasure.label, f"as {erasure.label} said")
    bob.refresh_from_db()
    assert (bob.email, bob.full_name, bob.is_active) == (mark, erasure.label, False)
    assert (bob.two_factor_at, TotpDevice.objects.count(), RecoveryCode.objects.count()) == (None, 0, 0)
    assert not Membership.objects.filter(user=bob).exists()
    assert browser.get(reverse("work:home")).status_code == 302
    assert places_of("bob@northwind") == {}
    assert places_of("miller") == {}


def test_a_log_in_that_another_account_has_too_stays_there(cast: Cast) -> None:
    bob = cast.bob
    bob.full_name = "Bob Miller"
    bob.save()
    Membership.objects.create(account=cast.other_account, user=bob, role="technician")
    session = make_worked(bob, cast.account, problem="of Bob Miller")
    theirs = make_worked(bob, cast.other_account, problem="of Bob Miller")
    erased(cast, kind="member", membership=Membership.objects.get(user=bob, account=cast.account))
    bob.refresh_from_db()
    session.refresh_from_db()
    theirs.refresh_from_db()
    assert (bob.full_name, bob.is_active) == ("Bob Miller", True)
    assert session.technician is None
    assert theirs.technician == bob
    assert theirs.problem_summary == "of Bob Miller"
    assert not AuditEvent.objects.filter(account=cast.account, actor=bob).exists()


def test_a_client_is_erased_by_its_name(cast: Cast) -> None:
    session = make_session(cast.account, client="Contoso Bakery", title="Contoso  bakery: till")
    same = make_session(cast.account, client="Contoso bakery", title="x")
    erasure = erased(cast, kind="client", client=Client.objects.get(name="Contoso Bakery"))
    session.refresh_from_db()
    assert session.title == f"{erasure.label}: till"
    same.refresh_from_db()
    assert session.client
    assert same.client
    assert {session.client.name, same.client.name} == {erasure.label, f"{erasure.label}-{same.client.pk}"}


def test_what_waits_in_ingest_jobs_and_their_results_are_looked_through(cast: Cast) -> None:
    job = IngestJob.objects.create(account=cast.account, size=1, lines=2)
    packed = zlib.compress(b'{"title": "of Jana Nova"}')
    for number, data in enumerate(({"body": packed}, {"results": packed})):
        job.pieces.create(account=cast.account, number=number, first_line=number, line_count=1, **data)
    erasure = erased(cast, "Jana Nova")
    assert erasure.erased == {"parts of ingest jobs": 2}
    told = [zlib.decompress(piece.body or piece.results or b"").decode() for piece in job.pieces.all()]
    assert told == [f'{{"title": "of {erasure.label}"}}'] * 2


def test_only_owners_erase_and_only_their_own(cast: Cast) -> None:
    for name in ("alice", "bob", "carol", "sam", "mallory"):
        with pytest.raises(NotAllowed):
            erasure_request(actor=getattr(cast, name), account=cast.account, kind="person", spellings=["Jana Nova"])
    erasure = counted(cast, "Jana Nova")
    stranger = make_member(cast.other_account, "owner")
    for service in (erasure_cancel, lambda **at: erasure_confirm(typed="Jana Nova", **at)):
        with pytest.raises(NotFound):
            service(actor=stranger, erasure_id=erasure.pk)
    erasure_cancel(actor=cast.olivia, erasure_id=erasure.pk)
    foreign = Membership.objects.get(user=cast.mallory)
    with pytest.raises(NotFound):
        erasure_request(actor=cast.olivia, account=cast.account, kind="member", membership=foreign)


@pytest.mark.parametrize("spellings", [[], [" "], ["Al"], ["x" * 201], [f"Name {n}" for n in range(51)]])
def test_names_that_are_none_are_refused(cast: Cast, spellings: list[str]) -> None:
    with pytest.raises(InvalidInput):
        erasure_request(actor=cast.olivia, account=cast.account, kind="person", spellings=spellings)


def test_nobody_erases_themselves_or_the_last_owner_or_a_service(cast: Cast) -> None:
    def ask(user: User) -> None:
        actor = cast.root if user == cast.olivia else cast.olivia
        membership = Membership.objects.get(user=user)
        erasure_request(actor=actor, account=cast.account, kind="member", membership=membership)

    with pytest.raises(Conflict, match="last owner"):
        ask(cast.olivia)
    with pytest.raises(InvalidInput, match="service"):
        ask(cast.sam)
    second = make_member(cast.account, "owner")
    own = Membership.objects.get(user=second)
    with pytest.raises(Conflict, match="another owner"):
        erasure_request(actor=second, account=cast.account, kind="member", membership=own)


def test_it_is_confirmed_by_the_name_once_and_one_at_a_time(cast: Cast) -> None:
    make_session(cast.account, title="of Jana Nova")
    erasure = erasure_request(actor=cast.olivia, account=cast.account, kind="person", spellings=["Jana Nova"])
    at: dict[str, Any] = {"actor": cast.olivia, "erasure_id": erasure.pk}
    with pytest.raises(Conflict, match="counting"):
        erasure_confirm(**at, typed="Jana Nova")
    with pytest.raises(Conflict, match="another erasure"):
        erasure_request(actor=cast.olivia, account=cast.account, kind="person", spellings=["Petra"])
    erasure_run(erasure.pk)
    with pytest.raises(InvalidInput):
        erasure_confirm(**at, typed="Jana")
    assert AISession.objects.get().title == "of Jana Nova"
    erasure_confirm(**at, typed=" jana nova ")
    with pytest.raises(Conflict):
        erasure_cancel(**at)
    erasure_run(erasure.pk)
    assert "Jana" not in AISession.objects.get().title


def test_a_cancelled_one_keeps_no_name_and_changes_nothing(cast: Cast) -> None:
    make_session(cast.account, title="of Jana Nova")
    erasure = counted(cast, "Jana Nova")
    assert erasure.found == {"sessions": 1}
    erasure_cancel(actor=cast.olivia, erasure_id=erasure.pk)
    erasure.refresh_from_db()
    assert (erasure.state, erasure.terms) == ("cancelled", [])
    assert AISession.objects.get().title == "of Jana Nova"
    assert erasures_under_way() == []


def test_a_killed_run_goes_on_where_it_was(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "ROWS", 2)
    for number in range(5):
        make_session(cast.account, title=f"{number} of Jana Nova")
    erasure = counted(cast, "Jana Nova")
    assert erasure.found == {"sessions": 5}
    erasure_confirm(actor=cast.olivia, erasure_id=erasure.pk, typed="Jana Nova")
    lease = lease_take(key=f"erasure:{erasure.pk}", duration=LEASE)
    assert lease is not None
    while not AISession.objects.filter(title__contains="erased").exists():
        assert erasure_turn(lease, erasure.pk)
    assert AISession.objects.filter(title__contains="Jana").count() == 3
    assert not erasure_run(erasure.pk)  # the killed worker's lease still holds
    lease_release(lease)
    assert erasures_under_way() == [erasure.pk]
    assert erasure_run(erasure.pk)
    erasure.refresh_from_db()
    assert (erasure.state, erasure.erased) == ("done", {"sessions": 5})


def test_what_is_written_meanwhile_is_found_in_the_next_round(cast: Cast) -> None:
    make_session(cast.account, title="of Jana Nova")
    erasure = counted(cast, "Jana Nova")
    erasure_confirm(actor=cast.olivia, erasure_id=erasure.pk, typed="Jana Nova")
    lease = lease_take(key=f"erasure:{erasure.pk}", duration=LEASE)
    assert lease is not None
    while not AISession.objects.filter(title__contains="erased").exists():
        erasure_turn(lease, erasure.pk)
    make_session(cast.account, title="late, of Jana Nova")
    while erasure_turn(lease, erasure.pk):
        pass
    erasure.refresh_from_db()
    assert (erasure.state, erasure.erased) == ("done", {"sessions": 2})
    assert not AISession.objects.filter(title__contains="Jana").exists()


def test_the_doors_in_the_walls_let_texts_through_and_nothing_else(cast: Cast) -> None:
    session = make_session(cast.account)
    event = audit_record(actor=cast.bob, action="seen", target=session, reason="why")
    rows = AuditEvent.objects.filter(pk=event.pk)

    def refused(**values: Any) -> bool:
        try:
            with transaction.atomic():
                rows.update(**values)
        except IntegrityError:
            return True
        return False

    assert refused(reason="x")
    with audit_texts_erasable(cast.other_account.pk):
        assert refused(reason="x")
    with audit_texts_erasable(cast.account.pk):
        assert not refused(reason="x", actor_label="y", object_label="z", before={}, after={})
        assert refused(object_id=1)
        assert refused(created_at="2020-01-01T00:00Z")
        assert refused(actor=cast.alice)
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.delete()
    assert refused(reason="why")
    assert not FlowVersion.objects.exists()
