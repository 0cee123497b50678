"""Parked proposals: what a dismissal holds back, what wakes it, what expires; and what a rejection remembers."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from flowpilot.common.errors import Conflict, InvalidInput, NotFound
from flowpilot.common.leases import lease_take
from flowpilot.common.models import AuditEvent
from proposals.models import FlowProposal, SessionAnalysis
from proposals.review import proposal_approve, proposal_dismiss, proposal_reject, proposal_wake
from proposals.review.parking import accounts_to_tend, queue_tend
from proposals.selectors import analysis_lease_key
from proposals.tasks import tend_account_queue, tend_queues
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import make_proposal, make_session
from tests.proposals.test_analysis import add_printer_sessions, run

Status = FlowProposal.Status
pytestmark = pytest.mark.django_db


def mined(cast: Cast, count: int = 6) -> FlowProposal:
    add_printer_sessions(cast.account, count)
    run(cast.account)
    return FlowProposal.objects.get()


def dismiss(cast: Cast, proposal: FlowProposal, **how: Any) -> FlowProposal:
    return proposal_dismiss(actor=cast.alice, proposal_id=proposal.pk, revision=proposal.revision, **how)


def states() -> list[str]:
    return list(FlowProposal.objects.order_by("pk").values_list("status", flat=True))


class TestScope:
    def test_a_parked_topic_brings_up_nothing(self, cast: Cast) -> None:
        dismiss(cast, mined(cast), scope="topic")
        add_printer_sessions(cast.account, 12)
        run(cast.account)
        assert states() == [Status.DISMISSED]

    def test_a_parked_change_comes_up_again_with_enough_new_sessions(self, cast: Cast) -> None:
        dismiss(cast, mined(cast))
        add_printer_sessions(cast.account, 4)
        run(cast.account)
        assert states() == [Status.DISMISSED]
        add_printer_sessions(cast.account, 1)
        run(cast.account)
        assert states() == [Status.DISMISSED, Status.PENDING]

    def test_what_its_dismissal_says_goes_first(self, cast: Cast) -> None:
        dismiss(cast, mined(cast), wake_sessions=20)
        add_printer_sessions(cast.account, 12)
        run(cast.account)
        assert states() == [Status.DISMISSED]

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ({"scope": "everything"}, "scope"),
            ({"wake_at": timezone.now() - timedelta(days=1)}, "has passed"),
            ({"wake_sessions": 0}, "at least 1"),
            ({"wake_sessions": 2, "wake_clients": 3}, "wake clients"),
            ({"wake_clients": 3}, "wake clients"),
            ({"wake_at": timezone.now() + timedelta(days=1), "wake_sessions": 2}, "not both"),
        ],
    )
    def test_a_bad_condition_is_told_and_nothing_decided(self, cast: Cast, how: dict[str, Any], told: str) -> None:
        proposal = make_proposal(cast.account)
        with pytest.raises(InvalidInput, match=told):
            dismiss(cast, proposal, **how)
        proposal.refresh_from_db()
        assert proposal.is_pending


class TestWaking:
    def test_on_its_date(self, cast: Cast) -> None:
        proposal = dismiss(cast, mined(cast), wake_at=timezone.now() + timedelta(days=7))
        assert queue_tend(cast.account.pk) == (0, 0)
        FlowProposal.objects.update(wake_at=timezone.now() - timedelta(minutes=1))
        assert accounts_to_tend() == [cast.account.pk]
        assert queue_tend(cast.account.pk) == (1, 0)
        proposal.refresh_from_db()
        assert (proposal.status, proposal.wake_at, proposal.reviewed_by) == ("pending", None, None)
        event = AuditEvent.objects.get(action="proposal.woken")
        assert (event.actor, event.reason) == (None, "its date has come")
        assert queue_tend(cast.account.pk) == (0, 0), "done twice it does nothing"

    def test_after_so_many_new_sessions_of_so_many_clients_and_with_them(self, cast: Cast) -> None:
        dismiss(cast, mined(cast), scope="topic", wake_sessions=3, wake_clients=2)
        # add_printer_sessions gives each session of a call a client of its own.
        for _ in range(3):
            add_printer_sessions(cast.account, 1)
        run(cast.account)
        assert queue_tend(cast.account.pk) == (0, 0), "three sessions, but of one client"
        add_printer_sessions(cast.account, 2)
        run(cast.account)
        assert queue_tend(cast.account.pk) == (1, 0)
        run(cast.account)
        proposal = FlowProposal.objects.get()
        assert (proposal.status, proposal.supporting_session_count, proposal.revision) == ("pending", 11, 2)

    def test_waits_while_another_proposal_of_the_topic_is_open(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        dismiss(cast, proposal, wake_at=timezone.now() + timedelta(days=7))
        FlowProposal.objects.update(wake_at=timezone.now())
        make_proposal(cast.account, topic=proposal.topic)
        assert queue_tend(cast.account.pk) == (0, 0)
        assert states() == [Status.DISMISSED, Status.PENDING]

    def test_by_hand(self, cast: Cast) -> None:
        proposal = dismiss(cast, make_proposal(cast.account), scope="topic")
        with pytest.raises(NotFound):
            proposal_wake(actor=cast.mallory, proposal_id=proposal.pk)
        woken = proposal_wake(actor=cast.olivia, proposal_id=proposal.pk)
        assert woken.is_pending
        woken.topic.refresh_from_db()
        assert woken.topic.mining_due
        with pytest.raises(Conflict, match="only a dismissed"):
            proposal_wake(actor=cast.olivia, proposal_id=proposal.pk)

    def test_leaves_an_account_alone_while_analysis_works_there(self, cast: Cast) -> None:
        dismiss(cast, make_proposal(cast.account), wake_at=timezone.now() + timedelta(days=7))
        FlowProposal.objects.update(wake_at=timezone.now())
        lease_take(key=analysis_lease_key(cast.account.pk), duration=settings.ANALYSIS_LEASE)
        assert queue_tend(cast.account.pk) is None
        tend_account_queue(cast.account.pk)
        assert states() == [Status.DISMISSED]


class TestExpiry:
    def test_what_nothing_has_supported_of_late_is_dismissed(self, cast: Cast) -> None:
        old, young = make_proposal(cast.account), make_proposal(cast.account)
        limit = timezone.now() - settings.PROPOSAL_EXPIRES
        FlowProposal.objects.filter(pk=old.pk).update(evidence_at=limit - timedelta(minutes=1))
        FlowProposal.objects.filter(pk=young.pk).update(evidence_at=limit + timedelta(minutes=1))
        assert timedelta(days=28) == settings.PROPOSAL_EXPIRES
        assert queue_tend(cast.account.pk) == (0, 1)
        old.refresh_from_db()
        assert (old.status, old.reviewer_notes, old.reviewed_by) == (Status.DISMISSED, "expired", None)
        assert AuditEvent.objects.get(action="proposal.expired").after["evidence"]["sessions"] == 1
        assert states() == [Status.DISMISSED, Status.PENDING]

    def test_new_evidence_keeps_it_young(self, cast: Cast) -> None:
        proposal = mined(cast)
        FlowProposal.objects.update(evidence_at=timezone.now() - timedelta(days=40))
        add_printer_sessions(cast.account, 1)
        run(cast.account)
        assert queue_tend(cast.account.pk) == (0, 0)
        proposal.refresh_from_db()
        assert proposal.is_pending

    def test_what_expired_can_be_brought_back_and_waits_anew(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account)
        FlowProposal.objects.update(evidence_at=timezone.now() - timedelta(days=40))
        queue_tend(cast.account.pk)
        proposal_wake(actor=cast.alice, proposal_id=proposal.pk)
        assert queue_tend(cast.account.pk) == (0, 0)

    def test_beat_starts_one_task_for_each_account_with_something_due(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_proposal(cast.account)
        make_proposal(cast.other_account)
        FlowProposal.objects.filter(account=cast.account).update(evidence_at=timezone.now() - timedelta(days=40))
        sent: list[int] = []
        monkeypatch.setattr(tend_account_queue, "delay", sent.append)
        assert tend_queues() == 1
        assert sent == [cast.account.pk]


class TestRejection:
    def test_the_same_evidence_is_not_proposed_again(self, cast: Cast) -> None:
        proposal = mined(cast)
        proposal_reject(actor=cast.alice, proposal_id=proposal.pk, revision=1, notes="too vague")
        # Analysed once more, in whatever order: the sessions are the same.
        AISession.objects.update(analysis_due_at=timezone.now())
        run(cast.account)
        SessionAnalysis.objects.filter(topic__isnull=False).first().topic.__class__.objects.update(  # type: ignore[union-attr]
            mining_due=True
        )
        run(cast.account)
        assert states() == [Status.REJECTED]

    def test_new_evidence_is(self, cast: Cast) -> None:
        proposal = mined(cast)
        proposal_reject(actor=cast.alice, proposal_id=proposal.pk, revision=1, notes="too vague")
        add_printer_sessions(cast.account, 5)
        run(cast.account)
        assert states() == [Status.REJECTED, Status.PENDING]


class TestWhatIsKept:
    def test_a_decision_outlives_its_sources(self, cast: Cast) -> None:
        proposal = make_proposal(cast.account, sessions=3)
        lines = sorted(f"{s.external_id}:{s.digest}\n" for s in proposal.supporting_sessions.all())
        proposal_approve(actor=cast.alice, proposal_id=proposal.pk, revision=1)
        FlowProposal.objects.all().delete()
        AISession.objects.all().delete()
        kept = AuditEvent.objects.get(action="proposal.approved").after["evidence"]
        assert kept["sessions"] == 3
        assert kept["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()

    def test_a_stale_decision_is_told_what_changed(self, cast: Cast) -> None:
        proposal = mined(cast)
        add_printer_sessions(cast.account, 2)
        make_session(cast.account)
        run(cast.account)
        with pytest.raises(Conflict) as caught:
            proposal_approve(actor=cast.alice, proposal_id=proposal.pk, revision=1)
        assert isinstance(caught.value.details, dict)
        assert "The evidence changed: 2 sessions joined." in caught.value.details["changes"]
        assert any("confidence" in change for change in caught.value.details["changes"])
