"""`GET /api/v1/metrics/summary/`: the overview's figures for programs."""

from typing import Any

import pytest
from django.utils import timezone

from analytics import metrics
from analytics.scope import Scope
from tests.analytics.rows import make_history
from tests.conftest import Cast

SUMMARY = "/api/v1/metrics/summary/"


def test_it_tells_what_the_metrics_tell(cast: Cast, api: Any) -> None:
    make_history(cast.account, timezone.now())
    body = api(cast.carol).get(f"{SUMMARY}?days=90&domain=networking").json()
    scope = Scope.from_query(cast.carol, {"days": "90", "domain": "networking"})
    rate = metrics.resolution_rate(scope)
    assert rate.interval is not None
    assert body["sessions_ended"] == metrics.sessions_ended(scope) > 0
    assert body["resolution_rate"] == {
        "count": rate.count,
        "n": rate.n,
        "share": rate.share,
        "low": rate.interval[0],
        "high": rate.interval[1],
    }
    mean = metrics.mean_time_to_resolve(scope)
    assert mean is not None
    assert body["mean_seconds_to_resolve"] == pytest.approx(mean.total_seconds())
    assert {tier: r["n"] for tier, r in body["tiers"].items()} == {t: r.n for t, r in metrics.tiers(scope).items()}
    assert body["proposals_by_status"] == metrics.proposals_by_status(scope)


def test_nothing_is_null_and_not_zero(cast: Cast, api: Any) -> None:
    body = api(cast.carol).get(SUMMARY).json()
    assert body["resolution_rate"] == {"count": 0, "n": 0, "share": None, "low": None, "high": None}
    assert body["mean_seconds_to_resolve"] is None


@pytest.mark.parametrize(
    ("query", "field"), [("days=8", "days"), ("team=999999", "team"), ("client=x", "client"), ("domain=%00", "domain")]
)
def test_a_wrong_scope_names_its_field(cast: Cast, api: Any, query: str, field: str) -> None:
    response = api(cast.carol).get(f"{SUMMARY}?{query}")
    assert response.status_code == 400
    body = response.json()
    assert (body["code"], body["message"]) == ("invalid", "This scope is not valid.")
    assert list(body["details"]) == [field]
