"""What the sample account has beside its sessions: pushes, scripts, work at hand, reopened tickets."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from flowpilot.accounts.models import Account, User
from flowpilot.sample.cast import PEOPLE
from flowpilot.sample.gaps import PLANTED_GAPS
from flowpilot.sample.generate import generate_sessions
from flowpilot.sample.load import sample_load
from flowpilot.sample.pushes import PUSH_DAYS
from flowpilot.sample.reopened import REOPENED_WITHIN, with_reopened
from sessions.models import AISession, GeneratedScript, Handover, PsaAttempt, PsaConnection, PsaPush
from sessions.psa.selectors import due_pushes, push_counts
from sessions.runner.ending import sessions_abandon_idle
from sessions.scripts.library import LIBRARY, library_load
from tests.sample.conftest import UNTIL

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample() -> Account:
    return sample_load(password=None, count=500, seed=1, until=timezone.now())


def test_pushes_are_believable_and_can_reach_nobody(sample: Account) -> None:
    connections = PsaConnection.objects.filter(account=sample)
    assert {c.kind for c in connections} == {"connectwise", "halopsa"}
    assert all(c.base_url.endswith(".invalid") and not c.is_active for c in connections)
    assert due_pushes(timezone.now() + timedelta(days=3650)) == []

    counts = push_counts(PsaPush.objects.filter(account=sample))
    assert counts.total > 700
    assert counts.first_try / counts.total == pytest.approx(0.88, abs=0.04)
    assert counts.eventual / counts.total == pytest.approx(0.08, abs=0.04)
    assert 0 < counts.exhausted < 0.05 * counts.total
    assert 0 < counts.pending < 10


def test_pushes_are_as_delivery_leaves_them(sample: Account) -> None:
    since = timezone.now() - timedelta(days=PUSH_DAYS, minutes=1)
    for push in PsaPush.objects.filter(account=sample).select_related("session").prefetch_related("attempts"):
        attempts = sorted(push.attempts.all(), key=lambda attempt: attempt.number)
        assert [attempt.number for attempt in attempts] == list(range(1, push.attempt_count + 1))
        assert push.created_at == push.session.ended_at
        assert push.created_at >= since
        assert push.ticket_id == push.session.psa_ticket_id
        moments = [push.created_at, *(at for a in attempts for at in (a.started_at, a.finished_at) if at)]
        assert moments == sorted(moments)
        if push.state == "succeeded":
            assert attempts[-1].outcome in PsaAttempt.SUCCESSES
        if push.settled_at:
            assert push.settled_at == attempts[-1].finished_at
            assert push.settled_at <= timezone.now()


def test_same_seed_same_pushes() -> None:
    until = timezone.now()
    rows = []
    for _ in range(2):
        account = sample_load(password=None, count=80, seed=4, until=until)
        pushes = PsaPush.objects.filter(account=account).annotate(ticket=F("session__external_id"))
        rows.append(list(pushes.order_by("pk").values_list("ticket", "kind", "marker", "state", "settled_at")))
        Account.objects.filter(pk=account.pk).update(slug=f"earlier-{len(rows)}")
    assert rows[0] == rows[1] != []


def test_some_tickets_come_up_again() -> None:
    plain = list(generate_sessions(until=UNTIL))
    records = list(with_reopened(plain, seed=20))
    tickets = Counter((r["psa"]["system"], r["psa"]["ticket_id"]) for r in records)
    assert 0.02 < sum(n > 1 for n in tickets.values()) / len(records) < 0.08
    ended: dict[tuple[str, ...], datetime] = {}
    for record, before in zip(records, plain, strict=True):
        assert {**record, "psa": None} == {**before, "psa": None}
        ticket = tuple(record["psa"].values())
        if ticket in ended:
            waited = datetime.fromisoformat(record["started_at"]) - ended[ticket]
            assert timedelta() < waited <= REOPENED_WITHIN
        if record["ended_at"]:
            ended[ticket] = datetime.fromisoformat(record["ended_at"])


def test_part_of_it_was_worked_here(sample: Account) -> None:
    here = AISession.objects.filter(account=sample, is_worked_here=True)
    assert 50 < here.count() < 250
    assert here.exclude(rating=None).count() > 20
    assert not here.filter(transcript__isnull=False).exists()
    for session in here.select_related("flow_version").prefetch_related("steps"):
        nodes = {node["id"]: node for node in session.flow_version.nodes} if session.flow_version else {}
        assert session.node_id in {"", *nodes}
        assert (session.match_score is not None) == (session.flow_version is not None)
        times = [session.started_at, *(step.at for step in session.steps.all() if step.at), session.ended_at]
        moments = [at for at in times if at]
        assert moments == sorted(moments)
        assert moments[-1] <= timezone.now()
        for step in session.steps.all():
            assert bool(step.node_id) == (step.seconds is not None)
            if step.node_id:
                assert step.prompt == nodes[step.node_id]["text"]


def test_the_demo_technician_has_something_to_do(sample: Account) -> None:
    bob = User.objects.get(email="bob@northwind.example")
    mine = AISession.objects.for_user(bob).filter(is_worked_here=True, technician=bob)
    assert sorted(mine.filter(status__in=["active", "paused"]).values_list("status", flat=True)) == [
        "active",
        "active",
        "paused",
    ]
    waiting = Handover.objects.filter(session__in=AISession.objects.for_user(bob), claimed_at=None)
    assert waiting.filter(session__status="escalated").count() == 2
    assert waiting.filter(to_user=bob).count() == 1
    # The job that gives up what nobody touches leaves it all.
    assert sessions_abandon_idle(timezone.now()) == 0


def test_hand_overs_were_given_then_taken_up_then_worked(sample: Account) -> None:
    taken = Handover.objects.filter(account=sample, claimed_at__isnull=False).select_related("session")
    assert taken
    for handover in taken:
        assert handover.session.ended_at
        assert handover.claimed_at
        assert handover.first_step_at
        assert handover.session.started_at < handover.created_at < handover.claimed_at < handover.first_step_at
        assert handover.first_step_at <= handover.session.ended_at
        assert handover.given_by != handover.claimed_by == handover.session.technician


def test_every_demo_log_in_has_the_password() -> None:
    account = sample_load(password="let me in", count=0, seed=1, until=timezone.now())
    users = User.objects.filter(memberships__account=account)
    assert len(users) == len(PEOPLE)
    assert users[0].check_password("let me in")
    assert {user.password for user in users} == {users[0].password}


def test_scripts_were_generated_and_one_does_not_help() -> None:
    library_load(entries=LIBRARY)
    account = sample_load(password=None, count=1000, seed=1, until=timezone.now())
    scripts = GeneratedScript.objects.filter(account=account).select_related("session", "step__session")
    told = scripts.exclude(outcome=None).values_list("template_version__template__key", "outcome")
    outcomes = Counter(told)
    assert len({key for key, _ in outcomes}) > 5
    for script in scripts:
        assert script.session
        assert script.session.started_at <= script.created_at < timezone.now()
        assert script.created_by == script.session.technician
        assert script.step
        assert (script.step.session, script.step.kind, script.step.at) == (script.session, "script", script.created_at)
        assert script.text
        assert "{{" not in script.text

    (gap,) = [gap for gap in PLANTED_GAPS if gap.kind == "script_no_help"]
    idle, no_change = gap.template or "", outcomes[gap.template or "", "no_change"]
    assert no_change > 0.75 * (no_change + outcomes[idle, "worked"]) > 15
    others = Counter(outcome for key, outcome in told if key != idle)
    assert others["worked"] > 0.6 * others.total()
    ends = AISession.objects.filter(generated_scripts__template_version__template__key=idle).distinct()
    assert ends.filter(status="escalated").count() / ends.count() == pytest.approx(gap.rate, abs=0.15)


def test_same_seed_same_scripts() -> None:
    library_load(entries=LIBRARY)
    until = timezone.now()
    rows = []
    for _ in range(2):
        account = sample_load(password=None, count=200, seed=4, until=until)
        scripts = GeneratedScript.objects.filter(account=account).order_by("pk")
        rows.append(list(scripts.values_list("session__external_id", "text", "outcome", "created_at", "outcome_at")))
        Account.objects.filter(pk=account.pk).update(slug=f"earlier-{len(rows)}")
    assert rows[0] == rows[1] != []
