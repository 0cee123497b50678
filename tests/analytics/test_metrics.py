"""Each metric of sessions against a recount by hand over a random history."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.facts import FACTS, RATES
from analytics.metrics import sessions
from analytics.metrics.counting import RATING_SUM, Durations, count_facts, count_facts_by, durations, durations_by
from analytics.metrics.proposals import proposals_by_status
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.statistics import Rate
from proposals.models import FlowProposal
from sessions.models import AISession, Client, Handover
from tests.analytics.histories import OverOneHistory
from tests.analytics.recount import facts_by_hand
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_member, make_proposal, make_session

Query = Callable[[Cast], dict[str, Any]]
SCOPES: dict[str, Query] = {
    "a month": lambda cast: {},
    "a week": lambda cast: {"days": 7},
    "a quarter": lambda cast: {"days": 90},
    "one team": lambda cast: {"days": 90, "team": Team.objects.get(account=cast.account, name="Field").pk},
    "one client": lambda cast: {"days": 90, "client": Client.objects.get(account=cast.account, name="Acme").pk},
    "one domain": lambda cast: {"days": 90, "domain": "networking"},
    "no domain": lambda cast: {"days": 90, "domain": NO_DOMAIN},
    "one technician": lambda cast: {"days": 90, "technician": "bob@northwind.test", "zone": "Pacific/Auckland"},
    "one flow": lambda cast: {"days": 90, "flow": AISession.objects.exclude(flow=None)[0].flow_id},
    "all at once": lambda cast: {
        "days": 90,
        "team": Team.objects.get(account=cast.account, name="Field").pk,
        "client": Client.objects.get(account=cast.account, name="Globex").pk,
        "domain": "email & calendar",
    },
}


def in_scope(session: AISession, scope: Scope) -> bool:
    wanted = {"team": scope.team, "client": scope.client, "flow": scope.flow, "technician_email": scope.technician}
    narrowed = all(not value or getattr(session, name) == value for name, value in wanted.items())
    domain = not scope.domain or session.problem_domain == scope.domain.replace(NO_DOMAIN, "")
    return narrowed and domain and session.ended_at is not None and scope.start <= session.ended_at < scope.end


def quantile(values: list[int], percent: int) -> timedelta | None:
    values = sorted(values)
    return timedelta(minutes=values[-(-len(values) * percent // 100) - 1]) if values else None


class TestOverARandomHistory(OverOneHistory):
    @staticmethod
    def fill(cast: Cast) -> None:
        now = timezone.now()
        make_history(cast.account, now, count=900)
        make_history(cast.other_account, now, count=40, seed=8)

    @pytest.mark.parametrize("name", SCOPES)
    def test_the_figures_are_those_of_a_recount(self, cast: Cast, name: str) -> None:
        history = list(AISession.objects.filter(account=cast.account))
        scope = Scope.from_query(cast.alice, SCOPES[name](cast))
        ended = [session for session in history if in_scope(session, scope)]
        assert len(ended) > 3, "an empty scope proves nothing"
        given = set(Handover.objects.values_list("session", flat=True))
        facts = {session.pk: facts_by_hand(session, session.pk in given, history) for session in ended}
        counts = Counter(fact for found in facts.values() for fact in found)
        assert count_facts(scope, FACTS) == {name: counts[name] for name in FACTS}

        days: dict[date, Counter[str]] = {}
        domains: dict[str, Counter[str]] = {}
        for session in ended:
            assert session.ended_at is not None
            day = session.ended_at.astimezone(scope.start.tzinfo).date()
            days.setdefault(day, Counter()).update(facts[session.pk])
            domains.setdefault(session.problem_domain, Counter()).update(facts[session.pk])
        assert count_facts_by(scope, FACTS, "day") == {day: {n: c[n] for n in FACTS} for day, c in days.items()}
        assert count_facts_by(scope, FACTS, "domain") == {d: {n: c[n] for n in FACTS} for d, c in domains.items()}
        assert count_facts(scope, [RATING_SUM]) == {RATING_SUM: sum(session.rating or 0 for session in ended)}

        timed = [s for s in ended if "timed" in facts[s.pk]]
        minutes = [(s.problem_domain, int(d.total_seconds() // 60)) for s in timed if (d := s.duration)]
        values = [value for _, value in minutes]
        assert durations(scope) == Durations(len(values), quantile(values, 50), quantile(values, 90))
        for domain, found in durations_by(scope, "domain").items():
            values = [value for of, value in minutes if of == domain]
            assert found == Durations(len(values), quantile(values, 50), quantile(values, 90))

    def test_the_summary_is_made_of_the_facts(self, cast: Cast) -> None:
        scope = Scope.from_query(cast.alice, {"days": 90})
        counts, found = count_facts(scope, FACTS), sessions.summary(scope)
        assert found.ended == counts["ended"] > 0
        assert found.rates == {name: Rate(counts[count], counts[among]) for name, (count, among) in RATES.items()}
        assert found.tiers["guided"] == Rate(counts["tier_guided_resolved"], counts["tier_guided"])
        assert found.ratings.mean == pytest.approx(count_facts(scope, [RATING_SUM])[RATING_SUM] / counts["rated"])
        rows = sessions.by_domain(scope)
        assert [row.counts["ended"] for row in rows] == sorted((row.counts["ended"] for row in rows), reverse=True)
        assert sum(row.counts["ended"] for row in rows) == found.ended


def test_weeks_begin_on_the_scopes_monday(cast: Cast) -> None:
    """Sunday noon in London is Monday in Auckland."""
    sunday = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    make_session(cast.account, started_at="2026-03-01T11:00:00Z", ended_at=sunday.isoformat())
    for zone, monday in (("Europe/London", date(2026, 2, 23)), ("Pacific/Auckland", date(2026, 3, 2))):
        scope = Scope.from_query(cast.alice, {"first": "2026-02-20", "last": "2026-03-05", "zone": zone})
        assert [week.first for week in sessions.series(scope, ["ended"], "week")] == [monday]


def test_nothing_ended(cast: Cast) -> None:
    scope = Scope.from_query(cast.alice, {})
    found = sessions.summary(scope)
    assert (found.ended, found.ratings.mean) == (0, None)
    assert set(found.rates.values()) == {Rate(0, 0)}
    assert found.durations == Durations(0, None, None)
    assert sessions.series(scope, ["ended"], "week") == []
    assert sessions.by_domain(scope) == []
    assert proposals_by_status(scope) == dict.fromkeys(FlowProposal.Status.values, 0)


def test_proposals_are_counted_as_they_stand(cast: Cast) -> None:
    make_proposal(cast.account, sessions=0, team=cast.team)
    make_proposal(cast.account, sessions=0, problem_domain="email")
    make_proposal(cast.account, sessions=0, status="dismissed", reviewed_at=timezone.now())
    make_proposal(cast.other_account, sessions=0)
    assert proposals_by_status(Scope.from_query(cast.alice, {})) == {
        "pending": 2, "approved": 0, "modified": 0, "rejected": 0, "dismissed": 1, "auto_reinforced": 0,
    }  # fmt: skip
    for query in ({"team": cast.team.pk}, {"domain": "email"}):
        assert proposals_by_status(Scope.from_query(cast.alice, query))["pending"] == 1


def test_a_member_of_one_team_counts_that_team(cast: Cast) -> None:
    make_session(cast.account, team="Service Desk")
    make_session(cast.account, team="Field")
    make_session(cast.account)
    tess = make_member(cast.account, Role.ANALYST, team=cast.team)
    assert sessions.summary(Scope.from_query(tess, {})).ended == 1
    assert sessions.summary(Scope.from_query(cast.carol, {})).ended == 3
