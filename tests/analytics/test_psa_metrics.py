"""Each metric of pushes against a recount by hand over random pushes in every state."""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics import psa
from analytics.metrics.counting import Durations
from analytics.push_facts import push_fact
from analytics.rows.pushes import PUSHES
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.accounts.models import Account, Team
from flowpilot.accounts.roles import Role
from flowpilot.common.statistics import Rate
from sessions.models import Client, PsaAttempt, PsaPush
from sessions.psa.selectors import OUTCOMES, push_counts
from tests.analytics.rows import make_history
from tests.conftest import Cast, MadeOnce, make_cast
from tests.factories import make_account, make_member, make_push, make_session

METRICS = "/api/v1/metrics/psa/"
QUERIES: dict[str, Callable[[Cast], dict[str, Any]]] = {
    "a month": lambda _: {"days": 30},
    "a week": lambda cast: {"days": 7, "zone": "Pacific/Auckland"},
    "one team": lambda cast: {"days": 90, "team": Team.objects.get(account=cast.account, name="Field").pk},
    "one client": lambda cast: {"days": 90, "client": Client.objects.get(account=cast.account, name="Acme").pk},
    "no domain": lambda cast: {"days": 90, "domain": NO_DOMAIN},
    "one technician": lambda cast: {"days": 90, "technician": "bob@northwind.test"},
}


def in_scope(push: PsaPush, scope: Scope) -> bool:
    session = push.session
    wanted = {"team": scope.team, "client": scope.client, "technician_email": scope.technician}
    narrowed = all(not value or getattr(session, name) == value for name, value in wanted.items())
    domain = not scope.domain or session.problem_domain == scope.domain.replace(NO_DOMAIN, "")
    return narrowed and domain and scope.start <= push.created_at < scope.end


def outcome_of(push: PsaPush) -> str:
    if push.state != "succeeded":
        return push.state
    return "first_try" if push.attempt_count == 1 else "eventual"


def counted(pushes: list[PsaPush]) -> dict[str, int]:
    found = Counter(map(outcome_of, pushes))
    return {name: found[name] for name in ("first_try", "eventual", "exhausted", "pending", "unknown")}


def waited(pushes: list[PsaPush]) -> Durations:
    seconds = sorted(ceil((p.settled_at - p.created_at).total_seconds()) for p in pushes if p.settled_at)
    n = len(seconds)
    if not n:
        return Durations(0, None, None)
    return Durations(n, *(timedelta(seconds=seconds[-(-n * share // 100) - 1]) for share in (50, 90)))


def tracked(push: PsaPush) -> timedelta:
    try:
        start, end = (datetime.fromisoformat(push.payload[key]) for key in ("started_at", "ended_at"))
    except (KeyError, ValueError):
        return timedelta()
    return end - start


@pytest.fixture(scope="module")
def people(made_once: MadeOnce) -> Cast:
    """The cast, with a random history of both accounts."""

    def make() -> Cast:
        cast, now = make_cast(), timezone.now()
        make_history(cast.account, now, count=400)
        make_history(cast.other_account, now, count=40, seed=8)
        return cast

    return made_once(make)


@pytest.fixture
def cast(db: None, people: Cast) -> Cast:
    return deepcopy(people)


@pytest.fixture
def empty(db: None) -> Account:
    return make_account("empty")


@pytest.mark.parametrize("name", QUERIES)
def test_the_figures_are_those_of_a_recount(cast: Cast, name: str) -> None:
    scope = Scope.from_query(cast.carol, QUERIES[name](cast))
    everything = PsaPush.objects.filter(account=cast.account).select_related("session", "connection")
    pushes = [push for push in everything if in_scope(push, scope)]
    assert all(counted(pushes).values()), "a state without a push proves nothing"

    found, details = psa.summary(scope), psa.details(scope)
    assert found.outcomes == counted(pushes)
    assert found.created == len(pushes)
    assert found.rate("eventual") == Rate(counted(pushes)["eventual"], len(pushes))
    for outcome in ("first_try", "eventual", "exhausted", "unknown"):
        assert found.latency.by_outcome[outcome] == waited([p for p in pushes if outcome_of(p) == outcome]), outcome
    assert found.latency.written == waited([p for p in pushes if p.state == "succeeded"])
    entries = [p for p in pushes if p.state == "succeeded" and p.kind == "time"]
    assert found.time_entries == len(entries)
    assert found.tracked == sum(map(tracked, entries), timedelta())

    pairs = {(row.system, row.kind): row.outcomes for row in details.systems}
    of_pair: dict[tuple[str, str], list[PsaPush]] = {}
    of_tries: dict[int, list[PsaPush]] = {}
    of_day: dict[date, list[PsaPush]] = {}
    for push in pushes:
        of_pair.setdefault((push.connection.kind, push.kind), []).append(push)
        of_tries.setdefault(push.attempt_count, []).append(push)
        of_day.setdefault(push.created_at.astimezone(scope.start.tzinfo).date(), []).append(push)
    assert pairs == {key: counted(own) for key, own in of_pair.items()}
    assert details.attempts == {key: counted(own) for key, own in of_tries.items()}
    assert details.days == {key: counted(own) for key, own in of_day.items()}
    assert sum(sum(week.counts.values()) for week in details.periods("week")) == len(pushes)


def test_a_push_counts_once_whatever_its_attempts(empty: Account) -> None:
    """Also when the rows of its tries have gone; and one that an unclear try had written is written."""
    session, now = make_session(empty), timezone.now()
    done = {"state": "succeeded", "settled_at": now, "next_attempt_at": None}
    many = make_push(session, attempt_count=3, **done)
    found = make_push(session, attempt_count=2, **done)
    make_push(session, attempt_count=1, **done)
    for number, outcome in enumerate(("failed", "rejected", "sent"), 1):
        PsaAttempt.objects.create(
            account=empty, push=many, number=number, started_at=now, finished_at=now, outcome=outcome
        )
    for number, outcome in enumerate(("unknown", "found"), 1):
        PsaAttempt.objects.create(
            account=empty, push=found, number=number, started_at=now, finished_at=now, outcome=outcome
        )
    expected = {"first_try": 1, "eventual": 2, "exhausted": 0, "pending": 0, "unknown": 0}
    scope = Scope.from_query(
        make_member(empty, Role.ANALYST), {"first": "2020-01-01", "last": f"{now + timedelta(days=1):%Y-%m-%d}"}
    )
    assert psa.summary(scope).outcomes == expected
    PsaAttempt.objects.all().delete()
    assert psa.summary(scope).outcomes == expected


def test_outcomes_are_those_of_the_ticketing_side(cast: Cast) -> None:
    scope = Scope.from_query(cast.carol, {"days": 90})
    counts = push_counts(psa.scoped_pushes(scope))
    assert {name: getattr(counts, name) for name in OUTCOMES} == psa.summary(scope).outcomes


def test_a_member_of_one_team_counts_that_team(cast: Cast, empty: Account) -> None:
    make_push(make_session(empty, team="Service Desk"))
    make_push(make_session(empty, team="Field"))
    make_push(make_session(empty))
    make_push(make_session(cast.account))
    tess = make_member(empty, Role.ANALYST, team=Team.objects.get(account=empty, name="Service Desk"))
    assert psa.summary(Scope.from_query(tess, {})).created == 1
    assert psa.summary(Scope.from_query(make_member(empty, Role.OWNER), {})).created == 3


def test_days_are_those_of_the_scopes_zone(empty: Account) -> None:
    push = make_push(make_session(empty))
    analyst = make_member(empty, Role.ANALYST)
    PsaPush.objects.filter(pk=push.pk).update(created_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    for zone, day in (("Europe/London", date(2026, 3, 1)), ("Pacific/Auckland", date(2026, 3, 2))):
        scope = Scope.from_query(analyst, {"first": "2026-02-20", "last": "2026-03-05", "zone": zone})
        assert list(psa.details(scope).days) == [day]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("exhausted-attempts-3-system-halopsa", "that were given up, unwritten, tried 3 times, to HaloPSA"),
        ("over-12", "tried more than 12 times"),
        ("attempts-1", "tried once"),
        ("written-kind-time", "that were written, time entries"),
        ("kind-time-written", None),
        ("exhausted-attempts-x", None),
        ("exhausted-attempts-1-attempts-2", None),
        ("exhausted-attempts", None),
        ("system-zendesk", None),
        ("attempts-9999999999", None),
        ("nothing", None),
        ("exhausted-pending", None),
    ],
)
def test_a_fact_is_read_from_its_name(name: str, label: str | None) -> None:
    fact = push_fact(name)
    assert (fact and fact.label) == label


def test_facts_put_together_hold_together(cast: Cast) -> None:
    scope = Scope.from_query(cast.carol, {"days": 90})
    fact = push_fact("written-attempts-2-system-halopsa-kind-note")
    assert fact is not None
    by_hand = [
        push.pk
        for push in psa.scoped_pushes(scope).select_related("connection")
        if (push.state, push.attempt_count, push.connection.kind, push.kind) == ("succeeded", 2, "halopsa", "note")
    ]
    assert set(PUSHES.matching(scope, fact).values_list("pk", flat=True)) == set(by_hand)
    assert by_hand


@pytest.mark.parametrize("scope", ["days=90", "team", "days=90&domain=-", "days=90&technician=bob%40northwind.test"])
def test_the_queue_shows_what_is_to_be_tried_again(cast: Cast, login: Any, scope: str) -> None:
    """The page's link to the admin opens the exhausted pushes of the scope, and they can be queued there."""
    team = Team.objects.get(account=cast.account, name="Field")
    browser = login(cast.alice)
    page = browser.get(f"{reverse('analytics:psa')}?{f'team={team.pk}' if scope == 'team' else scope}")
    [block] = [block for block in page.context["page"].blocks if block.key == "funnel"]
    counts = {row[0].value: row[1].counted for row in block.rows}
    for label, url in block.links:
        listed = browser.get(url).context["cl"].queryset
        if label.startswith("Exhausted"):
            assert listed.count() == counts["Exhausted"] > 0
        else:
            assert 0 < listed.count() < counts["Unknown"]
        assert listed.requeueable().count() == listed.count()
    ids = list(browser.get(block.links[0][1]).context["cl"].queryset.values_list("pk", flat=True))
    browser.post(block.links[0][1], {"action": "requeue", "_selected_action": ids})
    assert set(PsaPush.objects.filter(pk__in=ids).values_list("state", flat=True)) == {"pending"}


def test_the_api_tells_what_the_metrics_tell(cast: Cast, api: Any) -> None:
    query = {"days": "90", "domain": "networking", "step": "day"}
    body = api(cast.carol).get(METRICS, query).json()
    scope = Scope.from_query(cast.carol, query)
    found, details = psa.summary(scope), psa.details(scope)
    assert body["pushes"] == found.created > 0
    assert {name: (told["count"], told["n"]) for name, told in body["rates"].items()} == {
        name: (count, found.created) for name, count in found.outcomes.items()
    }
    assert found.latency.written.median is not None
    assert body["latency"]["written"]["median_seconds"] == found.latency.written.median.total_seconds()
    assert body["latency"]["exhausted"]["n"] == found.latency.by_outcome["exhausted"].n
    assert body["hours_tracked"] == pytest.approx(found.tracked.total_seconds() / 3600)
    assert body["time_entries"] == found.time_entries
    assert body["attempts"] == [{"attempts": n, "pushes": counts} for n, counts in details.attempts.items()]
    assert [(row["system"], row["kind"], row["pushes"]) for row in body["systems"]] == [
        (row.system, row.kind, row.created) for row in details.systems
    ]
    assert body["points"] == [{"first": str(p.first), "pushes": p.counts} for p in details.periods("day")]
    assert api(cast.carol).get(METRICS, {"step": "year"}).status_code == 400


def test_nothing_was_told(empty: Account, login: Any, api: Any) -> None:
    analyst = make_member(empty, Role.ANALYST)
    found = psa.summary(Scope.from_query(analyst, {}))
    assert (found.created, found.tracked, found.latency.written) == (0, timedelta(), Durations(0, None, None))
    assert "over a connection under Set-up" in login(analyst).get(reverse("analytics:psa")).content.decode()
    body = api(analyst).get(METRICS).json()
    assert (body["rates"]["eventual"]["share"], body["hours_tracked"], body["points"]) == (None, 0, [])
