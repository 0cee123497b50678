"""Past reviews of the sample account."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.sample.cast import PEOPLE
from flowpilot.sample.generate import DEFAULT_COUNT, DEFAULT_SEED, generate_sessions
from flowpilot.sample.history import ANALYZED_DAYS, DECISIONS, PUBLISHED_LATER, history_make, topic_key_of
from flowpilot.sample.load import sample_load
from proposals.analysis.run import analyze_account
from proposals.models import AnalysisRun, FlowProposal
from proposals.queue import Tab, tab_q
from proposals.review import undo_deadline
from sessions.models import AISession
from tests.sample.conftest import UNTIL
from tests.sample.reading import topic_of


def test_a_title_tells_its_topic() -> None:
    for record in generate_sessions(until=UNTIL):
        assert topic_key_of(record["title"]) == topic_of(record)
    assert topic_key_of("Something else (P1)") is None


@pytest.mark.django_db(transaction=True)
def test_past_reviews_fill_the_queue_and_guide_what_came_after() -> None:
    now = UNTIL
    account = sample_load(password=None, count=DEFAULT_COUNT, seed=DEFAULT_SEED, until=now)
    decided = history_make(account=account, seed=DEFAULT_SEED, now=now)
    assert history_make(account=account, seed=DEFAULT_SEED, now=now) == []

    assert Counter(p.status for p in decided) == {"approved": 2, "modified": 1, "rejected": 1, "dismissed": 1}
    rows = FlowProposal.objects.filter(account=account)
    assert rows.filter(tab_q(Tab.DECIDED, None)).count() == 4
    assert rows.filter(tab_q(Tab.PARKED, None)).count() == 1
    demo = {person.email for person in PEOPLE if person.demo}
    for decision, proposal in zip(
        DECISIONS, rows.filter(pk__in=[p.pk for p in decided]).order_by("reviewed_at"), strict=True
    ):
        assert proposal.reviewed_at == now - timedelta(days=decision.days)
        assert proposal.reviewed_by
        assert proposal.reviewed_by.email in demo
        assert undo_deadline(proposal) is None
        assert proposal.created_at < proposal.reviewed_at
        for session in proposal.supporting_sessions.all():
            assert session.ended_at
            assert session.ended_at < proposal.created_at
        _check_guided(proposal)

    # Everything else is due at once, and the newcomer finds enough to decide.
    later = AISession.objects.filter(account=account, analysis_due_at__isnull=False)
    assert later.exists()
    assert not later.filter(analysis_due_at__gt=timezone.now()).exists()
    _check_shares(account, now)


def _check_guided(proposal: FlowProposal) -> None:
    version = proposal.published_version
    if version is None:
        return
    assert version.created_at == proposal.reviewed_at
    guided = AISession.objects.filter(flow_version=version).prefetch_related("steps")
    assert guided.count() > 15
    nodes = {node["id"]: node for node in version.nodes}
    for session in guided:
        assert session.started_at > version.created_at
        assert session.is_worked_here
        asked = [step for step in session.steps.all() if step.node_id]
        assert asked
        assert all(step.prompt == nodes[step.node_id]["text"] for step in asked)
        assert all(step.selected_option in [None, *step.options] and step.options for step in asked)


def _check_shares(account: Account, now: datetime) -> None:
    """More and more is guided by flows."""
    turn = now - timedelta(days=ANALYZED_DAYS)
    sessions = AISession.objects.filter(account=account)
    before, after = sessions.filter(started_at__lt=turn), sessions.filter(started_at__gt=turn + timedelta(days=20))
    share_before, share_after = (rows.exclude(flow=None).count() / rows.count() for rows in (before, after))
    assert share_after > share_before + 0.04


@pytest.mark.django_db(transaction=True)
def test_a_small_sample_has_less_of_a_past_and_loses_nothing() -> None:
    now = timezone.now()
    account = sample_load(password=None, count=60, seed=1, until=now)
    assert len(history_make(account=account, seed=1, now=now)) < len(DECISIONS)
    run = analyze_account(account.pk)
    assert run
    assert run.status == AnalysisRun.Status.DONE
    analyzed = AISession.objects.filter(account=account, status__in=AISession.ANALYZED)
    assert not analyzed.filter(analysis__isnull=True).exists()


def test_three_topics_get_a_flow_on_the_way() -> None:
    assert len(PUBLISHED_LATER) == 3
