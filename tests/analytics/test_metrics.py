"""Each metric against a recount by hand over a random history."""

import zoneinfo
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics import metrics
from analytics.scope import Scope
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.statistics import Rate
from proposals.models import FlowProposal
from sessions.models import AISession, Client, Tier
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_member, make_proposal, make_session

Narrow = Callable[[Cast], dict[str, Any]]
SCOPES: dict[str, tuple[int, Narrow]] = {
    "a month": (30, lambda cast: {}),
    "a week": (7, lambda cast: {}),
    "a quarter": (90, lambda cast: {}),
    "one team": (90, lambda cast: {"team": Team.objects.get(account=cast.account, name="Field")}),
    "one client": (90, lambda cast: {"client": Client.objects.get(account=cast.account, name="Acme")}),
    "one domain": (90, lambda cast: {"domain": "networking"}),
    "all at once": (
        90,
        lambda cast: {
            "team": Team.objects.get(account=cast.account, name="Field"),
            "client": Client.objects.get(account=cast.account, name="Globex"),
            "domain": "email & calendar",
        },
    ),
}


def tier_by_hand(session: AISession) -> str:
    score = session.confidence_score
    if score is None or score < 0.4:
        return "discovery"
    return "exploring" if score < 0.8 else "guided"


@pytest.mark.parametrize("name", SCOPES)
def test_the_figures_are_those_of_a_recount(cast: Cast, name: str) -> None:
    now = timezone.now()
    history = make_history(cast.account, now, count=900)
    make_history(cast.other_account, now, count=40, seed=8)
    days, narrow = SCOPES[name]
    extra = narrow(cast)
    scope = Scope(cast.alice, now - timedelta(days=days), now, days, **extra)
    ended = [
        s
        for s in history
        if s.ended_at
        and scope.start <= s.ended_at < scope.end
        and all((s.problem_domain if key == "domain" else getattr(s, key)) == value for key, value in extra.items())
    ]
    assert len(ended) > 3, "an empty scope proves nothing"
    states = Counter(s.status for s in ended)
    assert metrics.sessions_ended(scope) == len(ended)
    assert metrics.resolution_rate(scope) == Rate(states["resolved"], len(ended))
    assert metrics.escalation_rate(scope) == Rate(states["escalated"], len(ended))
    assert metrics.flow_link_rate(scope) == Rate(sum(s.flow_id is not None for s in ended), len(ended))
    seconds = [(s.ended_at - s.started_at).total_seconds() for s in ended if s.status == "resolved" and s.ended_at]
    mean = metrics.mean_time_to_resolve(scope)
    assert mean is not None
    assert mean.total_seconds() == pytest.approx(sum(seconds) / len(seconds), abs=1e-3)
    for tier, rate in metrics.tiers(scope).items():
        of_tier = [s for s in ended if tier_by_hand(s) == tier]
        assert rate == Rate(sum(s.status == "resolved" for s in of_tier), len(of_tier))
    weeks = Counter(
        (s.ended_at.date() - timedelta(days=s.ended_at.weekday()), tier_by_hand(s)) for s in ended if s.ended_at
    )
    told = {(week.week, tier): n for week in metrics.tiers_by_week(scope) for tier, n in week.counts.items() if n}
    assert told == dict(weeks)


def test_weeks_begin_on_the_viewers_monday(cast: Cast) -> None:
    """Sunday noon in London is Monday in Auckland."""
    sunday = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    make_session(cast.account, started_at="2026-03-01T11:00:00Z", ended_at=sunday.isoformat())
    scope = Scope(cast.alice, sunday - timedelta(days=7), sunday + timedelta(days=7), 7)
    for zone, monday in (("Europe/London", date(2026, 2, 23)), ("Pacific/Auckland", date(2026, 3, 2))):
        with timezone.override(zoneinfo.ZoneInfo(zone)):
            assert [week.week for week in metrics.tiers_by_week(scope)] == [monday]


def test_nothing_ended(cast: Cast) -> None:
    scope = Scope.from_query(cast.alice, {})
    assert metrics.resolution_rate(scope) == Rate(0, 0)
    assert metrics.mean_time_to_resolve(scope) is None
    assert metrics.tiers(scope) == dict.fromkeys(Tier.values, Rate(0, 0))
    assert metrics.tiers_by_week(scope) == []
    assert metrics.proposals_by_status(scope) == dict.fromkeys(FlowProposal.Status.values, 0)


def test_two_periods_meet_and_do_not_overlap(cast: Cast) -> None:
    now = timezone.now()
    scope = Scope(cast.alice, now - timedelta(days=7), now, 7)
    before = scope.before()
    assert (before.end, before.end - before.start) == (scope.start, scope.end - scope.start)
    make_session(cast.account, started_at="2020-01-01T00:00:00Z", ended_at=scope.start.isoformat())
    assert (metrics.sessions_ended(scope), metrics.sessions_ended(before)) == (1, 0)


def test_proposals_are_counted_as_they_stand(cast: Cast) -> None:
    make_proposal(cast.account, sessions=0, team=cast.team)
    make_proposal(cast.account, sessions=0, problem_domain="email")
    make_proposal(cast.account, sessions=0, status="dismissed", reviewed_at=timezone.now())
    make_proposal(cast.other_account, sessions=0)
    now = timezone.now()
    scope = Scope(cast.alice, now - timedelta(days=7), now, 7)
    assert metrics.proposals_by_status(scope) == {
        "pending": 2, "approved": 0, "modified": 0, "rejected": 0, "dismissed": 1, "auto_reinforced": 0,
    }  # fmt: skip
    assert metrics.proposals_by_status(Scope(cast.alice, now, now, 7, team=cast.team))["pending"] == 1
    assert metrics.proposals_by_status(Scope(cast.alice, now, now, 7, domain="email"))["pending"] == 1


def test_a_member_of_one_team_counts_that_team(cast: Cast) -> None:
    make_session(cast.account, team="Service Desk")
    make_session(cast.account, team="Field")
    make_session(cast.account)
    tess = make_member(cast.account, Role.ANALYST, team=cast.team)
    assert metrics.sessions_ended(Scope.from_query(tess, {})) == 1
    assert metrics.sessions_ended(Scope.from_query(cast.carol, {})) == 3
