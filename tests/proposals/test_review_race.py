"""Thirty-two reviewers decide the same two hundred proposals at once, on the real database."""

import random
import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from flowpilot.accounts.models import User
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, ServiceError
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow, FlowVersion
from proposals.models import FlowProposal
from proposals.review import proposal_approve, proposal_dismiss, proposal_publish, proposal_reject
from tests.conftest import Cast
from tests.factories import make_change, make_member, make_proposal

REVIEWERS, PROPOSALS = 32, 200
Status = FlowProposal.Status
pytestmark = pytest.mark.django_db(transaction=True)


def decide(actor: User, proposal: FlowProposal, rng: random.Random) -> FlowProposal:
    """Whatever this reviewer would do with it."""
    common: dict[str, Any] = {"actor": actor, "proposal_id": proposal.pk, "revision": 1, "notes": "seen"}
    is_new = proposal.proposal_type == FlowProposal.Type.NEW_FLOW
    choices = [
        proposal_approve if is_new else None,
        lambda **c: proposal_publish(definition=proposal.proposed_flow_data, **c),
        proposal_dismiss,
        proposal_reject,
    ]
    return rng.choice([choice for choice in choices if choice is not None])(**common)


def review_at_once(reviewers: list[User], proposals: list[FlowProposal]) -> tuple[Counter[int], list[Exception]]:
    """Each reviewer goes through all of them in an order of their own: {proposal: decisions made}, and refusals."""
    done: Counter[int] = Counter()
    refused: list[Exception] = []
    start = threading.Barrier(len(reviewers))

    def work(number: int) -> None:
        rng = random.Random(number)
        # The same neighbourhood at the same time: that is where the races are.
        order = sorted(proposals, key=lambda proposal: proposal.pk + rng.random() * 4)
        start.wait()
        try:
            for proposal in order:
                try:
                    decide(reviewers[number], proposal, rng)
                    done[proposal.pk] += 1
                except Exception as error:
                    refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(reviewers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done, refused


def people(cast: Cast, count: int) -> list[User]:
    return [make_member(cast.account, Role.TEAM_ADMIN, f"r{n}@northwind.test", f"Reviewer {n}") for n in range(count)]


def test_each_is_decided_once_and_every_loser_is_told(cast: Cast) -> None:
    make = (make_proposal, make_proposal, make_change)
    proposals = [make[n % 3](cast.account, sessions=0, title=f"P{n}") for n in range(PROPOSALS)]
    changes = sum(proposal.target_flow_id is not None for proposal in proposals)
    done, refused = review_at_once(people(cast, REVIEWERS), proposals)

    assert set(done.values()) == {1}, "exactly one decision each"
    assert len(done) == PROPOSALS
    unexpected = [error for error in refused if not isinstance(error, Conflict)]
    assert unexpected == [], "no deadlock, no lost connection"
    assert len(refused) == (REVIEWERS - 1) * PROPOSALS
    assert all("has decided this already" in str(error) for error in refused)
    published = [Status.APPROVED, Status.MODIFIED]
    assert FlowProposal.objects.filter(status=Status.PENDING).count() == 0
    decided = FlowProposal.objects.filter(status__in=published)
    assert FlowVersion.objects.count() == changes + decided.count(), "one version each"
    assert decided.values("published_version").distinct().count() == decided.count()
    assert Flow.objects.count() == changes + decided.filter(target_flow=None).count()
    assert AuditEvent.objects.filter(object_type="proposals.flowproposal").count() == PROPOSALS


def test_with_the_guard_off_the_same_race_is_lost(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock on the proposal's row some are decided more than once."""
    lock = QuerySet.select_for_update

    def unlocked(rows: Any, **options: Any) -> Any:
        return rows if rows.model is FlowProposal else lock(rows, **options)

    monkeypatch.setattr(QuerySet, "select_for_update", unlocked)
    reviewers = people(cast, REVIEWERS)
    for _ in range(5):
        proposals = [make_proposal(cast.account, sessions=0) for _ in range(20)]
        done, refused = review_at_once(reviewers, proposals)
        assert all(isinstance(error, ServiceError) for error in refused)
        if max(done.values()) > 1:
            return
    raise AssertionError("no race was lost: the guard was not what prevented it")
