"""Metrics of flows against a recount by hand over random ways through two versions."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.metrics.flows import Quality, Whole, flow_rows, qualities, reasons_of, reuse, with_endings
from analytics.metrics.ways import Ways, ways
from analytics.scope import Scope
from flowpilot.common.statistics import Rate, wilson_interval
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.upkeep import flow_archive
from proposals.health import versions_health
from sessions.models import AISession, Client
from tests.analytics.guided import is_completed, way_of
from tests.analytics.histories import OverOneHistory
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_flow, make_session

SCOPES: list[dict[str, Any]] = [{}, {"days": 90}, {"days": 90, "domain": "networking"}]


def in_scope(scope: Scope) -> list[AISession]:
    """Ended sessions of the scope's account and period that name a version."""
    rows = AISession.objects.filter(account__slug="northwind").select_related("flow_version").prefetch_related("steps")
    return [
        row
        for row in rows
        if row.status in AISession.ENDED and row.ended_at and scope.start <= row.ended_at < scope.end
        if not scope.domain or row.problem_domain == scope.domain
    ]


def median(values: list[int]) -> int:
    return sorted(values)[(len(values) + 1) // 2 - 1]


def count(rows: list[AISession], **wanted: Any) -> int:
    return sum(all(getattr(row, name) == value for name, value in wanted.items()) for row in rows)


def by_hand(rows: list[AISession]) -> dict[str, Any]:
    n = len(rows)
    timed = [row for row in rows if row.status == "resolved" and row.duration]
    ratings = [row.rating for row in rows if row.rating is not None]
    completed = [row for row in rows if is_completed(row)]
    return {
        "n": n,
        "completed": Rate(len(completed), n),
        "helped": Rate(count(completed, status="resolved"), n),
        "resolved": Rate(count(rows, status="resolved"), n),
        "escalated": Rate(count(rows, status="escalated"), n),
        "median": timedelta(minutes=median([int(row.duration.total_seconds() // 60) for row in timed if row.duration])),
        "rating": pytest.approx(sum(ratings) / len(ratings)),
        "rated": len(ratings),
        "flow_right": Rate(count(rows, flow_was_right=True), n - count(rows, flow_was_right=None)),
    }


Walks = list[tuple[AISession, list[str]]]


def check_nodes(version: FlowVersion, found: Ways, walks: Walks) -> None:
    assert [row.node["id"] for row in found.nodes] == [node["id"] for node in version.nodes]
    for row in found.nodes:
        name = row.node["id"]
        came = [way for _, way in walks if name in way]
        assert row.left == Rate(sum(way[-1] == name for way in came), len(came))
        steps = [step for session, _ in walks for step in session.steps.all() if step.node_id == name]
        seconds = [step.seconds for step in steps if step.seconds is not None]
        assert row.timed == len(seconds)
        assert row.seconds == (timedelta(seconds=median(seconds)) if seconds else None)


def check_options(version: FlowVersion, found: Ways, rows: list[AISession]) -> None:
    given: dict[tuple[str, str | None], set[AISession]] = {}
    for session in rows:
        for step in session.steps.all():
            if step.node_id:
                given.setdefault((step.node_id, step.selected_option), set()).add(session)
    expected = {key: Rate(sum(s.status != "resolved" for s in who), len(who)) for key, who in given.items()}
    told = {(row.node["id"], row.label): row.badly for row in found.options}
    assert {key: rate for key, rate in told.items() if rate.n} == expected
    offered = {(node["id"], option["label"]) for node in version.nodes for option in node.get("options", ())}
    assert offered <= set(told)
    assert any(label is None for _, label in told)


def check_passages(version: FlowVersion, found: Ways, walks: Walks) -> None:
    ids = [node["id"] for node in version.nodes]
    expected: Counter[Any] = Counter()
    for session, way in walks:
        for step, source in enumerate(way, 1):
            expected[step, source, way[step] if step < len(way) else session.status] += 1

    def name(place: int | str | None) -> str | None:
        return ids[place] if isinstance(place, int) else place

    assert {(row.step, name(row.source), name(row.target)): row.n for row in found.passages} == expected
    commonest = Counter((tuple(way), session.status) for session, way in walks).most_common(1)[0][1]
    assert found.commonest is not None
    assert found.commonest[2] == commonest


class TestOverARandomHistory(OverOneHistory):
    @staticmethod
    def fill(cast: Cast) -> None:
        now = timezone.now()
        make_history(cast.account, now, count=700)
        make_history(cast.other_account, now, count=60, seed=5)

    @pytest.mark.parametrize("query", SCOPES)
    def test_the_quality_of_a_version_is_that_of_a_recount(self, cast: Cast, query: dict[str, Any]) -> None:
        scope = Scope.from_query(cast.carol, query)
        versions = list(with_endings(FlowVersion.objects.filter(account=cast.account)))
        assert len(versions) == 2
        with CaptureQueriesContext(connection) as asked:
            found = qualities(scope, versions)
        assert len(asked) == 1
        for version in versions:
            rows = [row for row in in_scope(scope) if row.flow_version_id == version.pk]
            assert len(rows) > 10, "a scope of few proves little"
            quality = found[version.pk]
            expected = by_hand(rows)
            assert quality.durations.median == expected.pop("median")
            assert {name: getattr(quality, name) for name in expected} == expected
            assert 0 < quality.completed.count < quality.n
            assert quality.score == wilson_interval(quality.helped.count, quality.n)[0]

    @pytest.mark.parametrize("query", SCOPES)
    def test_nodes_answers_and_ways_are_those_of_a_recount(self, cast: Cast, query: dict[str, Any]) -> None:
        scope = Scope.from_query(cast.carol, query)
        for version in FlowVersion.objects.filter(account=cast.account):
            rows = [row for row in in_scope(scope) if row.flow_version_id == version.pk]
            with CaptureQueriesContext(connection) as asked:
                found = ways(scope, version)
            assert len(asked) == 3
            walks = [(row, way) for row in rows if (way := way_of(row))]
            assert (found.n, found.known) == (len(rows), len(walks))
            assert found.known > 10
            check_nodes(version, found, walks)
            check_options(version, found, rows)
            check_passages(version, found, walks)

    def test_reuse_is_that_of_a_recount(self, cast: Cast) -> None:
        scope = Scope.from_query(cast.carol, {"days": 30})
        flow = Flow.objects.get(account=cast.account)
        Flow.objects.filter(pk=flow.pk).update(problem_domain="networking")
        rows = [row for row in in_scope(scope) if row.flow_id]
        own = [row for row in in_scope(scope) if row.problem_domain == "networking"]
        [found] = reuse(scope)
        assert (found.flow, found.n) == (flow, len(rows))
        assert found.before == len([row for row in in_scope(scope.before()) if row.flow_id]) > 0
        assert found.technicians == len({row.technician_email for row in rows} - {""}) == 2
        assert (
            found.clients
            == len({row.client_id for row in rows} - {None})
            == Client.objects.filter(account=cast.account).count()
        )
        assert found.domain_share == Rate(sum(row.flow_id is not None for row in own), len(own))

    def test_a_new_version_that_does_worse_needs_attention(self, cast: Cast) -> None:
        first, second = FlowVersion.objects.filter(account=cast.account).order_by("number")
        sessions = AISession.objects.filter(status__in=AISession.ENDED)
        sessions.filter(flow_version=first).update(status="resolved")
        sessions.filter(flow_version=second).update(status="escalated")
        [row] = flow_rows(Scope.from_query(cast.carol, {"days": 90}))
        [expected, _] = versions_health([first, second], AISession.objects.filter(account=cast.account))
        assert row.health is not None
        assert (row.health.resolved_change, row.health.escalated_change) == (
            expected.resolved_change,
            expected.escalated_change,
        )
        assert row.reasons[: len(expected.complaints)] == tuple(expected.complaints)
        assert len(expected.complaints) == 2


def test_published_flows_are_listed_and_those_of_others_are_not(cast: Cast) -> None:
    make_history(cast.account, timezone.now())
    make_flow(cast.account, title="Unused", problem_domain="printing")
    old = make_flow(cast.account, title="Old").flow
    flow_archive(actor=None, flow_id=old.pk, reason="Old")
    make_flow(cast.other_account, title="Foreign")
    scope = Scope.from_query(cast.carol, {"days": 90})
    assert {row.flow.title for row in flow_rows(scope)} == {"VPN", "Unused"}
    # A flow of another domain is there where it guided sessions of this one.
    assert {row.flow.title for row in flow_rows(scope.narrowed(domain="networking"))} == {"VPN"}
    assert {row.flow.title for row in flow_rows(scope.narrowed(domain="printing"))} == {"Unused"}


def test_what_does_worse_comes_first_and_says_why(cast: Cast) -> None:
    """Three flows: one clearly escalates, one is fine, one is not used."""
    for key, escalated in (("bad", 24), ("good", 2)):
        make_flow(cast.account, title=key.title(), key=key)
        for number in range(30):
            status = "escalated" if number < escalated else "resolved"
            session = make_session(cast.account, status=status, flow={"key": key, "version": 1})
            AISession.objects.filter(pk=session.pk).update(
                node_id="n3" if status == "resolved" else "n4", is_worked_here=True, flow_was_right=key == "good"
            )
    make_flow(cast.account, title="Unused", key="unused")
    rows = flow_rows(Scope.from_query(cast.carol, {}))
    assert [(row.flow.title, len(row.reasons)) for row in rows] == [("Bad", 3), ("Unused", 1), ("Good", 0)]
    nbsp = "\N{NO-BREAK SPACE}"
    assert rows[0].reasons == (
        f"20{nbsp}% of 30 sessions came to an end of it and were resolved; 57{nbsp}% in all flows.",
        f"80{nbsp}% of 30 sessions were escalated; 43{nbsp}% in all flows.",
        f"100{nbsp}% of 30 who were asked called it wrong.",
    )
    assert rows[1].reasons == ("It guided no session in this period.",)
    assert rows[0].quality.score == pytest.approx(wilson_interval(6, 30)[0])


def test_a_few_sessions_are_no_reason() -> None:
    few, none = Rate(0, 9), Rate(0, 0)
    quality = Quality(FlowVersion(), 9, few, few, few, Rate(9, 9), None, None, 0, Rate(0, 9))  # type: ignore[arg-type]
    whole = Whole(Rate(90, 100), Rate(5, 100))
    assert reasons_of(quality, None, whole) == ()
    unused = Quality(FlowVersion(), 0, none, none, none, none, None, None, 0, none)  # type: ignore[arg-type]
    assert reasons_of(unused, None, whole) == ("It guided no session in this period.",)
    assert unused.score is None
