"""The review page and its API: the same figures as the metrics, in their words; and the block that comes later."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics.funnel import funnel
from analytics.metrics.review import Tally, decisions_by_week, review
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from tests.analytics.histories import OverOneHistory
from tests.analytics.review_rows import make_review
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_proposal, make_session

REVIEW, OVERVIEW = "/admin/analytics/review/", "/admin/analytics/"


def told(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval or (None, None)
    return {"count": rate.count, "n": rate.n, "share": rate.share, "low": low, "high": high}


def in_words(tally: Tally) -> dict[str, Any]:
    counts = {name: getattr(tally, name) for name in ("approved", "modified", "rejected", "dismissed")}
    return {**counts, "acceptance_rate": told(tally.acceptance)}


class TestOfARandomHistory(OverOneHistory):
    @staticmethod
    def fill(cast: Cast) -> None:
        now = timezone.now()
        sessions = make_history(cast.account, now, count=300)
        make_review(cast.account, sessions, now, [cast.alice, cast.olivia])
        make_proposal(cast.other_account, sessions=0, title="Foreign")

    @pytest.mark.parametrize("query", ["", "days=90&domain=networking"])
    def test_the_api_tells_what_the_metrics_tell(self, cast: Cast, api: Any, query: str) -> None:
        body = api(cast.alice).get(f"/api/v1/metrics/review/?{query}").json()
        scope = Scope.from_query(cast.alice, dict(part.split("=") for part in query.split("&") if part))
        found = review(scope)
        assert found.tally.decided > 10
        assert body["decisions"] == in_words(found.tally)
        assert body["by_type"] == [{"proposal_type": kind, **in_words(tally)} for kind, tally in found.by_type.items()]
        by_reviewer = [{"reviewer": r.reviewer and r.reviewer.pk, "name": r.name} for r in found.by_reviewer]
        assert [{"reviewer": row["reviewer"], "name": row["name"]} for row in body["by_reviewer"]] == by_reviewer
        assert [row["acceptance_rate"] for row in body["by_confidence"]] == [
            told(b.tally.acceptance) for b in found.bins
        ]
        assert [row["mean_confidence"] for row in body["by_confidence"]] == [b.mean_confidence for b in found.bins]
        weeks = decisions_by_week(scope)
        assert body["by_week"] == [{"first": str(week.first), **in_words(week.tally)} for week in weeks]
        assert (body["retired"], body["taken_back"]) == (found.retired, found.taken_back)
        assert body["waiting"]["n"] == found.waiting.n > 0
        assert found.decisions.median is not None
        assert body["time_to_decide"]["median_seconds"] == found.decisions.median.total_seconds()

    def test_the_funnel_over_the_api(self, cast: Cast, api: Any) -> None:
        body = api(cast.carol).get("/api/v1/metrics/funnel/?days=90").json()
        found = funnel(Scope.from_query(cast.carol, {"days": 90}))
        assert [(step["name"], step["sessions"]) for step in body["steps"]] == [(s.name, s.count) for s in found.steps]
        medians = [None if step.median is None else step.median.total_seconds() for step in found.steps]
        assert [step["median_seconds"] for step in body["steps"]] == medians
        assert found.to_published is not None
        assert body["resolved_to_published_seconds"] == found.to_published.total_seconds()

    def test_the_page_names_no_reviewer_to_an_analyst(self, cast: Cast, login: Any) -> None:
        page = login(cast.carol).get(f"{REVIEW}?days=90").content.decode()
        assert "Reviewers whose names you may not see" in page
        assert "Olivia" not in page
        assert "Foreign" not in page
        assert "Olivia" in login(cast.alice).get(f"{REVIEW}?days=90").content.decode()

    def test_calibration_says_how_acceptance_goes_with_the_tiers(self, cast: Cast, login: Any) -> None:
        page = login(cast.alice).get(f"{REVIEW}?days=90").context["page"]
        found = review(Scope.from_query(cast.alice, {"days": 90}))
        block = next(block for block in page.blocks if block.key == "calibration")
        assert [row[0].value for row in block.rows] == ["0.0–0.2", "0.2–0.4", "0.4–0.6", "0.6–0.8", "0.8–1.0"]
        assert [row[1].badge for row in block.rows] == ["discovery", "discovery", "exploring", "exploring", "guided"]
        low = found.bins[0].tally + found.bins[1].tally
        share = f"{low.acceptance.count / low.acceptance.n * 100:.0f}"
        assert f"{share}\N{NO-BREAK SPACE}% below 0.4" in block.summary

    @pytest.mark.parametrize("address", [OVERVIEW, REVIEW])
    def test_the_flywheel_comes_after_the_page(self, cast: Cast, login: Any, address: str) -> None:
        browser = login(cast.carol)
        page = browser.get(f"{address}?days=90").content.decode()
        assert f'hx-get="{address}?days=90&amp;block=flywheel"' in page
        assert "Reused since" not in page
        steps = funnel(Scope.from_query(cast.carol, {"days": 90})).steps
        for query in ("block=flywheel", "whole=1"):
            part = browser.get(f"{address}?days=90&{query}")
            assert part.status_code == 200
            for step in steps:
                assert f"{reverse('analytics:rows', args=['flywheel', step.name])}?days=90" in part.content.decode()
        assert "HX-Push-Url" not in browser.get(f"{address}?days=90&block=flywheel").headers
        lines = browser.get(f"{address}?days=90&csv=flywheel").getvalue().decode().splitlines()
        assert [line.split(",")[:2] for line in lines[1:]] == [[step.label, str(step.count)] for step in steps]
        assert browser.get(f"{address}?block=tiers").status_code == 404


def test_an_empty_page_says_what_fills_it(cast: Cast, login: Any) -> None:
    page = login(cast.carol).get(REVIEW).content.decode()
    assert "Proposals come up as resolved sessions are analysed" in page


def test_a_period_without_resolved_sessions_has_no_funnel(cast: Cast, login: Any) -> None:
    make_session(cast.account, status="escalated")
    part = login(cast.carol).get(f"{OVERVIEW}?block=flywheel").content.decode()
    assert "none was in this period" in part
