"""The API of metrics: the pages' figures for programs."""

from typing import Any

import pytest
from django.utils import timezone

from analytics.api.base import durations
from analytics.facts import RATES
from analytics.metrics import sessions
from analytics.metrics.coverage import coverage
from analytics.metrics.proposals import proposals_by_status
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from tests.analytics.rows import make_history
from tests.conftest import Cast

METRICS = "/api/v1/metrics/"
SUMMARY = f"{METRICS}summary/"


def told(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval or (None, None)
    return {"count": rate.count, "n": rate.n, "share": rate.share, "low": low, "high": high}


def test_the_summary_tells_what_the_metrics_tell(cast: Cast, api: Any) -> None:
    make_history(cast.account, timezone.now())
    query = {"days": "90", "domain": "networking"}
    body = api(cast.carol).get(SUMMARY, query).json()
    scope = Scope.from_query(cast.carol, query)
    found = sessions.summary(scope)
    assert body["sessions_ended"] == found.ended > 0
    assert body["rates"] == {f"{name}_rate": told(found.rates[name]) for name in RATES}
    assert body["tiers"] == {tier: told(rate) for tier, rate in found.tiers.items()}
    assert found.durations.median is not None
    assert body["time_to_resolve"]["median_seconds"] == found.durations.median.total_seconds()
    assert body["proposals_by_status"] == proposals_by_status(scope)


def test_series_and_tiers_and_coverage(cast: Cast, api: Any) -> None:
    make_history(cast.account, timezone.now())
    client, scope = api(cast.carol), Scope.from_query(cast.carol, {})
    series = client.get(f"{METRICS}series/", {"step": "day", "fact": ["ended", "reopened"]}).json()
    days = sessions.series(scope, ["ended", "reopened"], "day")
    assert series["points"] == [{"first": str(day.first), "counts": day.counts} for day in days] != []
    tiers = client.get(f"{METRICS}tiers/").json()
    assert sum(sum(week["counts"].values()) for week in tiers["weeks"]) == sessions.summary(scope).ended
    found = client.get(f"{METRICS}coverage/").json()
    assert found["domains"] == [
        {
            "domain": row.domain,
            "published_flows": row.flows,
            "sessions_ended": row.sessions.counts["ended"],
            "sessions_without_flow": row.sessions.counts["unlinked"],
            "resolution_rate": told(row.sessions.rate("resolution")),
            "escalation_rate": told(row.sessions.rate("escalation")),
            "guided_rate": told(row.sessions.guided),
            "time_to_resolve": durations(row.sessions.durations),
        }
        for row in coverage(scope)
    ]
    assert {row["published_flows"] for row in found["domains"]} == {0, 1}


def test_nothing_is_null_and_not_zero(cast: Cast, api: Any) -> None:
    body = api(cast.carol).get(SUMMARY).json()
    assert body["rates"]["resolution_rate"] == {"count": 0, "n": 0, "share": None, "low": None, "high": None}
    assert body["time_to_resolve"] == {"n": 0, "median_seconds": None, "p90_seconds": None}


@pytest.mark.parametrize(
    ("query", "field"), [("days=8", "days"), ("team=999999", "team"), ("client=x", "client"), ("domain=%00", "domain")]
)
def test_a_wrong_scope_names_its_field(cast: Cast, api: Any, query: str, field: str) -> None:
    response = api(cast.carol).get(f"{SUMMARY}?{query}")
    assert response.status_code == 400
    body = response.json()
    assert (body["code"], body["detail"]) == ("invalid", "This scope is not valid.")
    assert [error["parameter"] for error in body["errors"]] == [field]


@pytest.mark.parametrize("query", ["step=year", "fact=nothing"])
def test_a_series_of_what_there_is_not(cast: Cast, api: Any, query: str) -> None:
    assert api(cast.carol).get(f"{METRICS}series/?{query}").status_code == 400
