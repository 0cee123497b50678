"""Review and the flywheel's funnel against a recount by hand over random proposals, sessions and evidence."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from analytics.metrics.funnel import FUNNEL, STEPS, funnel, step_count
from analytics.metrics.review import Tally, Waits, decisions_by_week, review
from analytics.proposal_facts import proposal_fact
from analytics.rows.flywheel import FLYWHEEL
from analytics.rows.proposals import PROPOSALS
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow
from proposals.models import FlowProposal, ProposalEvidence, SessionAnalysis
from sessions.models import AISession, Client
from tests.analytics.review_rows import make_review
from tests.analytics.rows import make_history
from tests.conftest import Cast, MadeOnce, make_cast
from tests.factories import make_account, make_member, make_proposal

Query = Callable[[Cast], dict[str, Any]]
SCOPES: dict[str, Query] = {
    "a month": lambda cast: {},
    "a week": lambda cast: {"days": 7, "zone": "Pacific/Auckland"},
    "one team": lambda cast: {"days": 90, "team": Team.objects.get(account=cast.account, name="Field").pk},
    "one domain": lambda cast: {"days": 90, "domain": "networking", "zone": "America/Los_Angeles"},
    "no domain": lambda cast: {"days": 90, "domain": NO_DOMAIN},
    "one client": lambda cast: {"days": 90, "client": Client.objects.get(account=cast.account, name="Acme").pk},
    "one technician": lambda cast: {"days": 90, "technician": "bob@northwind.test"},
    "both at once": lambda cast: {
        "days": 90,
        "technician": "bob@northwind.test",
        "client": Client.objects.get(account=cast.account, name="Acme").pk,
    },
    "one flow": lambda cast: {"days": 90, "flow": Flow.objects.get(account=cast.account, title="Published 1").pk},
}
BOUNDS = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.1))


@pytest.fixture(scope="module")
def people(made_once: MadeOnce) -> Cast:
    """The cast, with a random history of both accounts."""

    def make() -> Cast:
        cast, now = make_cast(), timezone.now()
        make_review(cast.account, make_history(cast.account, now, count=500), now, [cast.alice, cast.olivia])
        others = make_history(cast.other_account, now, count=40, seed=8)
        make_review(cast.other_account, others, now, [cast.mallory], count=30, seed=9)
        return cast

    return made_once(make)


@pytest.fixture
def cast(db: None, people: Cast) -> Cast:
    return deepcopy(people)


@pytest.fixture
def history(cast: Cast) -> tuple[list[AISession], list[FlowProposal]]:
    proposals = FlowProposal.objects.filter(account=cast.account).prefetch_related("supporting_sessions")
    return list(AISession.objects.filter(account=cast.account)), list(proposals)


def in_scope(proposal: FlowProposal, scope: Scope) -> bool:
    """All but the period, by hand."""
    if scope.team and proposal.team != scope.team:
        return False
    if scope.domain and proposal.problem_domain != scope.domain.replace(NO_DOMAIN, ""):
        return False
    if scope.flow and scope.flow not in (proposal.target_flow, proposal.published_flow):
        return False
    # By the same session, where both are asked for.
    wanted = {"client": scope.client, "technician_email": scope.technician}
    return not any(wanted.values()) or any(
        all(getattr(session, name) == value for name, value in wanted.items() if value)
        for session in proposal.supporting_sessions.all()
    )


def is_decision(proposal: FlowProposal) -> bool:
    return proposal.status in ("approved", "modified", "rejected") or bool(proposal.dismiss_scope)


def waits(lengths: Iterable[timedelta]) -> Waits:
    found = sorted(lengths)
    if not found:
        return Waits(0, None, None, None)
    at = [found[math.ceil(len(found) * share) - 1] for share in (0.5, 0.9)]
    return Waits(len(found), at[0], at[1], found[-1])


def tally(proposals: Iterable[FlowProposal]) -> Tally:
    return Tally(**Counter(proposal.status for proposal in proposals))


@pytest.mark.parametrize("name", SCOPES)
def test_review_is_that_of_a_recount(cast: Cast, history: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, now = Scope.from_query(cast.alice, SCOPES[name](cast)), timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    mine = [proposal for proposal in history[1] if in_scope(proposal, scope)]
    period = [p for p in mine if p.reviewed_at and scope.start <= p.reviewed_at < scope.end]
    decided = [proposal for proposal in period if is_decision(proposal)]
    assert len(decided) > 3, "an empty scope proves nothing"
    found = review(scope)

    assert found.waiting == waits(now - p.created_at for p in mine if p.status == "pending")
    assert found.decisions == waits(p.reviewed_at - p.created_at for p in decided if p.reviewed_at)
    assert found.tally == tally(decided)
    accepted = [p for p in decided if p.status in ("approved", "modified")]
    assert (found.tally.acceptance.count, found.tally.acceptance.n) == (len(accepted), len(decided))
    assert found.retired == len(period) - len(decided)
    for kind, counted in found.by_type.items():
        assert counted == tally(p for p in decided if p.proposal_type == kind)
    people = {row.reviewer.pk if row.reviewer else None: row.tally for row in found.by_reviewer}
    reviewers = {p.reviewed_by_id for p in decided}
    assert people == {pk: tally(p for p in decided if p.reviewed_by_id == pk) for pk in reviewers}
    for row, (low, high) in zip(found.bins, BOUNDS, strict=True):
        inside = [p for p in decided if low <= p.confidence_score < high]
        assert row.tally == tally(inside)
        mean = sum(p.confidence_score for p in inside) / len(inside) if inside else None
        assert row.mean_confidence == pytest.approx(mean)
    undone = AuditEvent.objects.filter(action="proposal.undone", created_at__gte=scope.start, created_at__lt=scope.end)
    assert found.taken_back == len({event.object_id for event in undone} & {p.pk for p in mine})

    weeks: dict[Any, list[FlowProposal]] = {}
    for proposal in decided:
        assert proposal.reviewed_at is not None
        day = proposal.reviewed_at.astimezone(ZoneInfo(scope.zone)).date()
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(proposal)
    counted_weeks = {week.first: week.tally for week in decisions_by_week(scope)}
    assert counted_weeks == {first: tally(of) for first, of in weeks.items()}


def steps_by_hand(session: AISession, sessions: list[AISession]) -> dict[str, datetime]:
    """When a session reached each step that it reached."""
    if session.status != "resolved" or session.ended_at is None:
        return {}
    reached = {"resolved": session.ended_at}
    analysis = SessionAnalysis.objects.filter(session=session, state="done").first()
    if analysis is None:
        return reached
    reached["analysed"] = analysis.analyzed_at
    evidence = ProposalEvidence.objects.filter(session=session).select_related("proposal")
    rows = [row for row in evidence if row.proposal.proposal_type != "auto_reinforced"]
    if rows:
        reached["proposed"] = min(row.added_at for row in rows)
    published = [row.proposal for row in rows if row.proposal.status in ("approved", "modified")]
    if published:
        reached["published"] = min(proposal.reviewed_at for proposal in published if proposal.reviewed_at)
    later = [
        other.started_at
        for proposal in published
        for other in sessions
        if other.flow_id == proposal.published_flow_id and other.started_at > proposal.reviewed_at  # type: ignore[operator]
    ]
    return reached | ({"reused": min(later)} if later else {})


@pytest.mark.parametrize("name", SCOPES)
def test_the_funnel_is_that_of_a_recount(cast: Cast, history: Any, name: str) -> None:
    scope, sessions = Scope.from_query(cast.alice, SCOPES[name](cast)), history[0]
    ended = set(scope.ended_sessions().values_list("pk", flat=True))
    reached = {s.pk: steps_by_hand(s, sessions) for s in sessions if s.pk in ended}
    found = funnel(scope)
    names = list(STEPS)
    counts = [sum(step in steps for steps in reached.values()) for step in names]
    assert [step.count for step in found.steps] == counts
    if name == "a month":
        assert 0 < counts[4] < counts[3] < counts[2] < counts[1] < counts[0], "each step loses some"
    for before, step in zip(names, found.steps[1:], strict=False):
        took = [max(s[step.name] - s[before], timedelta()) for s in reached.values() if step.name in s]
        assert step.median == waits(took).median
    took = [max(s["published"] - s["resolved"], timedelta()) for s in reached.values() if "published" in s]
    assert found.to_published == waits(took).median
    for at in names:
        rows = FLYWHEEL.matching(scope, FUNNEL[at]).values_list("pk", flat=True)
        assert sorted(rows) == sorted(pk for pk, steps in reached.items() if at in steps)
        assert step_count(scope, at) == len(rows)


def test_only_own_rows_count(cast: Cast, history: Any) -> None:
    team = Team.objects.get(account=cast.account, name="Field")
    limited = make_member(cast.account, Role.ANALYST, team=team)
    wide = Scope.from_query(cast.alice, {"days": 90, "team": team.pk})
    narrow = Scope.from_query(limited, {"days": 90})
    assert review(narrow).tally == review(wide).tally
    assert funnel(narrow) == funnel(wide)
    stranger = Scope.from_query(cast.bob, {"days": 90})  # a technician, who sees sessions but no proposals
    assert review(stranger).tally == Tally()
    assert review(Scope.from_query(make_member(cast.other_account, "analyst"), {"days": 90})).tally.decided < 31


def test_names_are_told_to_those_who_may_read_them(cast: Cast, history: Any) -> None:
    all_names = {row.name for row in review(Scope.from_query(cast.alice, {"days": 90})).by_reviewer}
    assert all_names == {"Alice", "Olivia", "Reviewers who are gone"}
    told = review(Scope.from_query(cast.carol, {"days": 90})).by_reviewer
    assert {row.name for row in told} == {"Reviewers whose names you may not see", "Reviewers who are gone"}
    assert sum((row.tally for row in told), Tally()) == review(Scope.from_query(cast.alice, {"days": 90})).tally


@pytest.mark.usefixtures("db")
def test_nothing_is_nothing() -> None:
    scope = Scope.from_query(make_member(make_account("empty"), Role.OWNER), {})
    found = review(scope)
    assert (found.waiting, found.tally.acceptance.share) == (Waits(0, None, None, None), None)
    assert [step.count for step in funnel(scope).steps] == [0] * 5
    assert decisions_by_week(scope) == []


@pytest.mark.parametrize(
    "name",
    ["", "-", "decided-", "decided-type", "decided-type-auto_reinforced", "decided-reviewer-x", "decided-bin-5",
     "decided-bin--1", "accepted-reviewer-99999999999999999999", "nothing", "decided-colour-red", "pending-bin-\u0665"],
)  # fmt: skip
def test_there_is_no_fact_of_another_name(name: str) -> None:
    assert proposal_fact(name) is None


@pytest.mark.usefixtures("db")
def test_pending_rows_are_listed_newest_first_with_the_decided(login: Any) -> None:
    """What waits has no decision to be ordered by: its creation stands in, and the next page goes on from it."""
    account = make_account("other")
    for number in range(60):
        make_proposal(account, sessions=0, title=f"Number {number}")
    analyst = make_member(account, Role.ANALYST)
    browser = login(analyst)
    first = browser.get("/admin/analytics/rows/proposals/pending/")
    second = browser.get(first.context["next_url"])
    titles = [line["values"][0] for page in (first, second) for line in page.context["lines"]]
    assert titles == [f"Number {number}" for number in reversed(range(60))]
    assert PROPOSALS.counted(Scope.from_query(analyst, {}), "pending") == 60
