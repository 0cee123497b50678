"""The newest sessions of a rare fact are those that a look at every session gives, whatever is kept of them."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db.models import QuerySet

from analytics.metrics.counting import wanted_of
from analytics.metrics.funnel import FUNNEL, RARE
from analytics.rollups import newest, roll
from analytics.rollups.kept import BITS
from analytics.rollups.models import PROPOSED, EndedSession
from analytics.rollups.roll import account_roll_up
from analytics.rows.flywheel import FLYWHEEL
from analytics.scope import Scope
from flowpilot.accounts.models import Account, User
from flowpilot.accounts.roles import Role
from flowpilot.common.leases import lease_release, lease_take
from proposals.models import ProposalEvidence, SessionAnalysis
from sessions.models import AISession
from tests.analytics.ledger import DAYS, START, Ledger
from tests.factories import make_account, make_member, make_proposal

pytestmark = pytest.mark.django_db(transaction=True)
PERIOD = {"first": (START - timedelta(days=2)).date(), "last": (START + timedelta(days=DAYS + 2)).date(), "zone": "UTC"}


@pytest.fixture
def account() -> Account:
    return make_account("northwind")


@pytest.fixture
def analyst(account: Account) -> User:
    return make_member(account, Role.ANALYST)


def directly(scope: Scope, name: str) -> QuerySet[Any]:
    return FLYWHEEL.matching(scope, FUNNEL[name]).order_by("-ended_at", "-pk")


def found(scope: Scope, name: str, count: int, until: datetime | None = None) -> list[int]:
    matching = directly(scope, name)
    if until is not None:
        matching = matching.filter(ended_at__lte=until)
    return [row.pk for row in FLYWHEEL.newest(scope, name, matching, count, until)]


def supported(account: Account, number: int) -> list[AISession]:
    """So many sessions in a proposal, the newest first, an hour apart."""
    proposal, sessions = make_proposal(account, 0), []
    for hours in range(number):
        ended = START + timedelta(days=20, hours=-hours)
        session = AISession.objects.create(
            account=account, external_id=f"S-{hours}", status="resolved", started_at=ended, ended_at=ended
        )
        SessionAnalysis.objects.create(account=account, session=session, state="done")
        ProposalEvidence.objects.create(account=account, session=session, proposal=proposal)
        sessions.append(session)
    return sessions


def test_the_index_is_about_the_fact() -> None:
    assert BITS["proposed"] == PROPOSED
    assert all("proposed" in facts for facts in RARE.values())


@pytest.mark.parametrize("seed", range(3))
def test_they_are_those_of_a_direct_look_whatever_happens_between_turns(
    account: Account, analyst: User, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "MOST_MARKED", 12)
    ledger, dice = Ledger(account, Random(seed)), Random(seed)
    for _ in range(20):
        ledger.insert()
    SessionAnalysis.objects.bulk_create(
        SessionAnalysis(account=account, session=session, state="done") for session in ledger.sessions
    )
    for _ in range(30):
        ledger.support()
    seen, ways = 0, set()
    for _ in range(60):
        act = dice.choice([ledger.change, ledger.support, ledger.review, ledger.analyse])
        act()
        if dice.random() < 0.4:
            lease = lease_take(key=roll.rollup_lease_key(account.pk), duration=roll.LEASE)
            assert lease
            roll.roll_turn(lease, account.pk)
            lease_release(lease)
        client, team = dice.choice([None, ledger.clients[1]]), dice.choice([None, ledger.teams[1]])
        scope = Scope.of(analyst, PERIOD | {"client": client, "team": team})
        until = dice.choice([None, None, START + timedelta(days=dice.randrange(DAYS))])
        name, count = dice.choice(list(RARE)), dice.choice([1, 2, 5, 50])
        expected = [row.pk for row in directly(scope, name) if until is None or row.ended_at <= until][:count]
        assert found(scope, name, count, until) == expected, (act, scope, name, count, until)
        ways.add(newest.candidates(wanted_of(scope), RARE[name], count) is None)
        seen += len(expected)
    assert seen > 20
    assert ways == {True, False}


def test_what_is_not_marked_is_not_looked_at(account: Account, analyst: User) -> None:
    """Or else all of this would only show that looking directly is right."""
    sessions = supported(account, 4)
    account_roll_up(account.pk)
    scope = Scope.of(analyst, PERIOD)
    EndedSession.objects.filter(session=sessions[1]).update(facts=BITS["resolved"])
    kept = [session.pk for session in sessions]
    assert found(scope, "proposed", 4) == [kept[0], *kept[2:]]
    AISession.objects.filter(pk=kept[1]).update(rating=5)  # and now it is marked
    assert found(scope, "proposed", 4) == kept


def test_what_is_kept_wrongly_of_a_marked_time_hides_nothing(account: Account, analyst: User) -> None:
    """The newest lose the fact, more of them than are looked at: those behind them are found all the same."""
    sessions = supported(account, 30)
    account_roll_up(account.pk)
    ProposalEvidence.objects.filter(session__in=sessions[:25]).delete()
    scope, rest = Scope.of(analyst, PERIOD), [session.pk for session in sessions[25:]]
    assert found(scope, "proposed", 1) == rest[:1]
    assert found(scope, "proposed", 2) == rest[:2]
    assert found(scope, "proposed", 50) == rest
    assert found(scope, "proposed", 50, sessions[26].ended_at) == rest[1:]


def test_where_nothing_is_kept_every_session_is_looked_at(account: Account, analyst: User) -> None:
    sessions = [session.pk for session in supported(account, 3)]
    other = supported(make_account("contoso"), 2)
    account_roll_up(other[0].account_id)
    assert found(Scope.of(analyst, PERIOD), "proposed", 2) == sessions[:2]
    root = User.objects.create_superuser("root@platform.test", "a long enough phrase")
    assert len(found(Scope.of(root, PERIOD), "proposed", 50)) == 5
