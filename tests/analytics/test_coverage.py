"""Coverage of problem domains: counted again by hand, coloured in steps, told in words."""

from collections import Counter
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics.coverage import coverage, worst_covered
from analytics.pages.coverage import SCALES
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from flowpilot.flows.upkeep import flow_archive
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_flow, make_session

COVERAGE = "/admin/analytics/coverage/"


def test_domains_are_those_of_a_recount(cast: Cast) -> None:
    history = make_history(cast.account, timezone.now(), count=400)
    make_history(cast.other_account, timezone.now(), count=40)
    for domain, times in (("networking", 2), ("printing", 1)):
        for n in range(times):
            make_flow(cast.account, title=f"{domain} {n}", problem_domain=domain)
    archived = make_flow(cast.account, title="Old", problem_domain="networking").flow
    flow_archive(actor=None, flow_id=archived.pk, reason="Old")
    make_flow(cast.other_account, title="Theirs", problem_domain="networking")
    scope = Scope.from_query(cast.carol, {"days": 30})
    ended = [s for s in history if s.ended_at and scope.start <= s.ended_at < scope.end]
    sessions = Counter(s.problem_domain for s in ended)
    guided = Counter(s.problem_domain for s in ended if (s.confidence_score or 0) >= 0.8)
    without = Counter(s.problem_domain for s in ended if s.flow_id is None)
    rows = coverage(scope)
    assert {row.domain: row.flows for row in rows} == {"networking": 2, "printing": 1, "": 1, "email & calendar": 0}
    assert {row.domain: row.sessions.counts["ended"] for row in rows} == {**sessions, "printing": 0}
    assert {row.domain: row.without_flow for row in rows if sessions[row.domain]} == {
        domain: Rate(without[domain], n) for domain, n in sessions.items()
    }
    assert worst_covered(rows) == min(
        (row for row in rows if sessions[row.domain]), key=lambda row: guided[row.domain] / sessions[row.domain]
    )
    narrowed = {row.domain: row.flows for row in coverage(scope.narrowed(team=cast.team))}
    assert narrowed["networking"] == 2, "a flow of no team guides every team"


def test_the_worst_covered_domain_is_said(cast: Cast, login: Any) -> None:
    make_flow(cast.account, problem_domain="networking")
    make_flow(cast.account, title="Printing", problem_domain="printing")
    for number in range(12):
        status = "resolved" if number < 3 else "escalated"
        make_session(cast.account, problem_domain="identity", status=status)
        make_session(cast.account, problem_domain="networking", flow={"key": "vpn", "version": 1})
    make_session(cast.account, problem_domain="telephony")
    page = login(cast.carol).get(COVERAGE).context["page"].blocks[0]
    nbsp = "\N{NO-BREAK SPACE}"
    assert page.summary == (
        f"Worst covered: identity, where 0{nbsp}% of 12 sessions were guided, 25{nbsp}% were resolved, and 12 had no "
        "flow. Without a published flow: identity (12 sessions), telephony (1 session). "
        "Flows without a session in this period: printing."
    )
    heat = {row[0].value: [cell.heat for cell in row] for row in page.rows}
    assert heat["identity"] == ["", "", "", "poor", "poor", "poor", "", "poor"]
    assert heat["networking"] == ["", "", "", "strong", "strong", "poor", "", "strong"]
    assert heat["telephony"] == [""] * 8


@pytest.mark.parametrize(
    ("name", "count", "step"),
    [("resolved", 17, "strong"), ("resolved", 16, "fair"), ("resolved", 14, "fair"), ("resolved", 10, "weak"),
     ("resolved", 9, "poor"), ("escalated", 2, "strong"), ("escalated", 3, "fair"), ("escalated", 7, "weak"),
     ("escalated", 8, "poor")],
)  # fmt: skip
def test_steps_begin_where_the_legend_says(name: str, count: int, step: str) -> None:
    assert SCALES[name].of(Rate(count, 20)) == step
    assert SCALES[name].of(Rate(0, 9)) == SCALES[name].of(Rate(0, 0)) == ""


def test_the_flows_of_a_domain_are_those_that_are_counted(cast: Cast, login: Any) -> None:
    make_history(cast.account, timezone.now(), count=60)
    for number in range(3):
        make_flow(cast.account, title=f"Net {number}", problem_domain="networking")
    browser = login(cast.carol)
    linked = [row[1] for row in browser.get(COVERAGE).context["page"].blocks[0].rows if row[1].url]
    assert {cell.value for cell in linked} == {0, 3}
    for cell in linked:
        assert browser.get(cell.url).context["cl"].result_count == cell.value
    scoped = browser.get(COVERAGE, {"flow": make_flow(cast.account, title="One").flow.pk, "days": 90}).context["page"]
    assert not any(row[1].url for block in scoped.blocks for row in block.rows)


def test_an_empty_account_says_what_fills_it(cast: Cast, login: Any) -> None:
    assert "Domains appear as sessions end" in login(cast.carol).get(COVERAGE).content.decode()
    assert reverse("analytics:coverage") == COVERAGE
