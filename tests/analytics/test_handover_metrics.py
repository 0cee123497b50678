"""Metrics of hand-overs against a recount by hand."""

from datetime import timedelta
from math import ceil
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics.counting import Durations
from analytics.metrics.handovers import handovers
from analytics.scope import Scope
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from sessions.models import Handover
from tests.analytics.histories import OverOneHistory
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_member, make_session

METRICS = "/api/v1/metrics/handovers/"


def quantiles(waits: list[timedelta]) -> Durations:
    seconds = sorted(ceil(wait.total_seconds()) for wait in waits)
    n = len(seconds)
    return Durations(n, *(timedelta(seconds=seconds[-(-n * share // 100) - 1]) for share in (50, 90)))


class TestOverARandomHistory(OverOneHistory):
    @staticmethod
    def fill(cast: Cast) -> None:
        now = timezone.now()
        make_history(cast.account, now, count=900)
        make_history(cast.other_account, now, count=60, seed=8)

    @pytest.mark.parametrize("scope_of", ["", "team"])
    def test_the_figures_are_those_of_a_recount(self, cast: Cast, scope_of: str) -> None:
        team = Team.objects.get(account=cast.account, name="Field") if scope_of else None
        scope = Scope.from_query(cast.carol, {"days": 30, **({"team": team.pk} if team else {})})
        rows = [
            one
            for one in Handover.objects.filter(account=cast.account).select_related("session")
            if team is None or one.session.team_id == team.pk
        ]
        given = [one for one in rows if scope.start <= one.created_at < scope.end]
        claims = [one.claimed_at - one.created_at for one in given if one.claimed_at]
        steps = [one.first_step_at - one.claimed_at for one in given if one.claimed_at and one.first_step_at]
        waiting = [one.created_at for one in rows if one.claimed_at is None and one.session.status == "escalated"]
        assert len(given) > len(claims) > len(steps) > 3
        assert min(waiting) < scope.start, "one that waits since before the period"

        found = handovers(scope)
        assert (found.given, found.claim, found.first_step) == (len(given), quantiles(claims), quantiles(steps))
        assert (found.waiting, found.oldest) == (len(waiting), min(waiting))

    def test_the_api_tells_what_the_metrics_tell(self, cast: Cast, api: Any) -> None:
        body = api(cast.carol).get(METRICS).json()
        found = handovers(Scope.from_query(cast.carol, {}))
        assert found.claim.median is not None
        assert found.first_step.p90 is not None
        assert found.oldest is not None
        assert body["given"] == found.given > 0
        assert body["given_to_claimed"]["n"] == found.claim.n
        assert body["given_to_claimed"]["median_seconds"] == found.claim.median.total_seconds()
        assert body["claimed_to_first_step"]["p90_seconds"] == found.first_step.p90.total_seconds()
        assert body["waiting"] == found.waiting > 0
        assert body["oldest_waiting_since"].startswith(f"{timezone.localtime(found.oldest):%Y-%m-%dT%H:%M}")


def test_the_block_says_what_waits_and_opens_it(cast: Cast, login: Any) -> None:
    session = make_session(cast.account, status="escalated", title="No mail")
    Handover.objects.create(
        account=cast.account, session=session, reason="Beyond me", created_at=timezone.now() - timedelta(days=60)
    )
    browser = login(cast.carol)
    [block] = [b for b in browser.get(reverse("analytics:overview")).context["page"].blocks if b.key == "handovers"]
    assert block.block.summary.startswith("The oldest that waits has done so for 60 d, since ")
    assert [row[1].value for row in block.rows] == [0, 0, 0, 1]
    opened = browser.get(block.rows[-1][1].url)
    assert opened.context["count"] == 1
    assert "No mail" in opened.content.decode()


def test_a_member_of_one_team_counts_that_team(cast: Cast) -> None:
    for team in ("Service Desk", "Field"):
        session = make_session(cast.account, team=team, status="escalated")
        Handover.objects.create(account=cast.account, session=session, reason="Beyond me")
    tess = make_member(cast.account, Role.ANALYST, team=cast.team)
    assert (handovers(Scope.from_query(tess, {})).given, handovers(Scope.from_query(tess, {})).waiting) == (1, 1)
    assert handovers(Scope.from_query(cast.carol, {})).waiting == 2


def test_nothing_was_handed_over(cast: Cast, api: Any) -> None:
    body = api(cast.carol).get(METRICS).json()
    assert (body["given"], body["waiting"], body["oldest_waiting_since"]) == (0, 0, None)
    assert body["given_to_claimed"] == {"n": 0, "median_seconds": None, "p90_seconds": None}
