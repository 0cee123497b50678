"""A gap closes when the measured rate recovers, comes back by relapse, and does not flap in between."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from analytics.gaps.detect import gaps_detect
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.services import gap_change
from flowpilot.common.models import AuditEvent
from flowpilot.flows.upkeep import flow_archive
from tests.analytics.gap_rows import at_first, flow_definition, make_ended, outcomes
from tests.conftest import Cast
from tests.factories import make_flow

State = KnowledgeGap.State
START = timezone.now() - timedelta(days=100)


def week(cast: Cast, number: int, bad: int, good: int) -> str:
    """A week of sessions in the watched domain beside an ordinary one, and the gap's state after a detection."""
    now = START + timedelta(weeks=number)
    make_ended(cast.account, outcomes(6, 54), domain="networking", now=now, days_ago=3)
    make_ended(cast.account, outcomes(bad, good), domain="remote access", now=now, days_ago=3)
    gaps_detect(account_id=cast.account.pk, now=now)
    gap = KnowledgeGap.objects.filter(account=cast.account).first()
    return gap.state if gap else "none"


def test_recovery_closes_it_and_relapse_opens_the_same_row(cast: Cast) -> None:
    assert week(cast, 0, 1, 9) == "none"
    assert week(cast, 1, 20, 20) == State.OPEN
    row = KnowledgeGap.objects.get()
    assert week(cast, 2, 1, 14) == State.OPEN  # too few sessions since
    assert week(cast, 3, 6, 14) == State.OPEN  # better, not clearly
    assert week(cast, 4, 1, 39) == State.CLOSED
    closed = KnowledgeGap.objects.get()
    assert (closed.pk, closed.closed_at, closed.revision) == (row.pk, START + timedelta(weeks=4), row.revision + 1)
    # The bad weeks still lie in the window; only what came since can bring it back.
    assert week(cast, 5, 5, 20) == State.CLOSED
    assert week(cast, 6, 18, 10) == State.OPEN
    again = KnowledgeGap.objects.get()
    assert (again.pk, again.times_reopened, again.closed_at) == (row.pk, 1, None)
    assert again.rate.n == 25 + 28  # the sessions since it closed
    assert again.measured_from == START + timedelta(weeks=6)
    actions = AuditEvent.objects.filter(object_id=row.pk).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["gap.opened", "gap.closed", "gap.reopened"]


@pytest.mark.parametrize("rate", [4, 6])
def test_a_rate_in_between_changes_nothing(cast: Cast, rate: int) -> None:
    """20 to 30 % against a base of 10 %, ten weeks long."""
    week(cast, 0, 1, 9)
    week(cast, 1, 20, 20)
    states = {week(cast, number, rate, 20 - rate) for number in range(2, 12)}
    assert states == {State.OPEN}


def test_work_that_began_is_what_recovery_is_measured_from(cast: Cast) -> None:
    week(cast, 0, 2, 18)
    week(cast, 1, 20, 20)
    week(cast, 2, 20, 20)
    gap = KnowledgeGap.objects.get()
    gap_change(actor=cast.alice, gap_id=gap.pk, revision=gap.revision, state=State.WORKING)
    KnowledgeGap.objects.update(measured_from=START + timedelta(weeks=2))
    assert week(cast, 3, 1, 29) == State.CLOSED


def test_what_is_accepted_stays_so_and_is_still_measured(cast: Cast) -> None:
    week(cast, 0, 2, 18)
    week(cast, 1, 20, 20)
    gap = KnowledgeGap.objects.get()
    gap_change(actor=cast.alice, gap_id=gap.pk, revision=gap.revision, state="accepted", reason="No remote tools there")
    assert week(cast, 2, 0, 60) == State.ACCEPTED
    gap.refresh_from_db()
    assert (gap.rate.n, gap.reason) == (120, "No remote tools there")


def test_what_is_gone_closes_and_says_so(cast: Cast) -> None:
    version = make_flow(cast.account, definition=flow_definition())
    make_ended(cast.account, outcomes(2, 78), version=version, steps=at_first("A login"))
    make_ended(cast.account, outcomes(20, 20), version=version, steps=at_first("Nothing"))
    gaps_detect(account_id=cast.account.pk)
    flow_archive(actor=cast.alice, flow_id=version.flow_id, reason="Merged into another")
    gaps_detect(account_id=cast.account.pk)
    gap = KnowledgeGap.objects.get(kind="weak_option")
    assert gap.state == State.CLOSED
    assert "no longer there" in gap.reason


def test_what_nobody_meets_any_more_closes(cast: Cast) -> None:
    week(cast, 0, 2, 18)
    week(cast, 1, 20, 20)
    gaps_detect(account_id=cast.account.pk, now=START + timedelta(days=300))
    assert KnowledgeGap.objects.get().reason == "No session came by in 180 days."


def test_the_times_are_of_the_detection(cast: Cast) -> None:
    week(cast, 0, 2, 18)
    week(cast, 1, 20, 20)
    gap = KnowledgeGap.objects.get()
    now: datetime = START + timedelta(weeks=1)
    assert (gap.found_at, gap.measured_at, gap.measured_from) == (now, now, now)
