"""The dashboards' frame, by the overview."""

import html
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics.sessions import Period
from analytics.pages.overview import _guided_trend
from analytics.scope import Scope
from sessions.models import PsaPush
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_proposal, make_session

OVERVIEW = "/admin/analytics/"


def test_each_status_of_proposals_opens_the_rows_it_counts(cast: Cast, login: Any) -> None:
    make_session(cast.account, team=cast.team.name)
    for status, times in (("pending", 3), ("dismissed", 2), ("rejected", 1)):
        for _ in range(times):
            reviewed = None if status == "pending" else timezone.now()
            make_proposal(cast.account, sessions=0, status=status, reviewed_at=reviewed)
    make_proposal(cast.account, sessions=0, team=cast.team)
    browser = login(cast.carol)
    for query, pending in (("", 4), (f"?team={cast.team.pk}", 1)):
        [block] = [b for b in browser.get(OVERVIEW + query).context["page"].blocks if b.key == "proposals"]
        for _, cell in block.rows:
            assert browser.get(cell.url).context["cl"].result_count == cell.value, cell.url
        assert block.rows[0][1].value == pending


@pytest.mark.parametrize("query", ["days=8", "days=x", "team=999999", "client=x", "zone=nowhere", "domain=%00"])
def test_a_wrong_scope_is_said_and_is_no_traceback(cast: Cast, login: Any, query: str) -> None:
    make_session(cast.account)
    response = login(cast.carol).get(f"{OVERVIEW}?{query}")
    assert response.status_code == 400
    assert "This scope is not valid" in response.content.decode()


def test_little_data_is_called_so(cast: Cast, login: Any) -> None:
    make_session(cast.account)
    assert "not enough data" in login(cast.carol).get(OVERVIEW).content.decode()


def test_an_empty_account_says_what_to_do(cast: Cast, login: Any) -> None:
    assert "import_sessions" in login(cast.carol).get(OVERVIEW).content.decode()


def test_the_scope_offers_own_choices_only(cast: Cast, login: Any) -> None:
    make_session(cast.account, client="Acme", problem_domain="networking")
    make_session(cast.other_account, client="Foreign client", team="Foreign team", problem_domain="foreign domain")
    page = login(cast.carol).get(OVERVIEW).content.decode()
    assert "Acme" in page
    assert "networking" in page
    assert "oreign" not in page


def test_times_are_told_in_the_scopes_zone(cast: Cast, login: Any) -> None:
    make_session(cast.account, started_at="2026-03-01T10:00:00Z", ended_at="2026-03-01T12:00:00Z")
    address = f"{reverse('analytics:rows', args=['sessions', 'ended'])}?first=2026-03-01&last=2026-03-03"
    browser = login(cast.carol)
    for zone, shown, exact in (
        ("Asia/Tokyo", "1 Mar 2026, 21:00".replace(" ", "\N{NO-BREAK SPACE}"), "2026-03-01T21:00:00+09:00"),
    ):
        assert shown in browser.get(f"{address}&zone={zone}").content.decode()
        download = browser.get(f"{address}&zone={zone}&format=csv").getvalue().decode()
        assert exact in download


def test_a_csv_is_the_table_exactly(cast: Cast, login: Any) -> None:
    make_history(cast.account, timezone.now())
    browser = login(cast.carol)
    [block] = [b for b in browser.get(OVERVIEW).context["page"].blocks if b.key == "tiers"]
    response = browser.get(f"{OVERVIEW}?csv=tiers")
    lines = response.getvalue().decode("utf-8-sig").splitlines()
    assert lines[0] == "Tier,Resolved,Resolved: count,Resolved: n,Resolved: low,Resolved: high,Sessions"
    rate = block.rows[0][1].value
    assert lines[1].split(",")[:4] == ["Guided", str(rate.share), str(rate.count), str(rate.n)]
    assert "attachment" in response["Content-Disposition"]
    assert browser.get(f"{OVERVIEW}?csv=nothing").status_code == 404


def test_a_csv_runs_nothing(cast: Cast, login: Any) -> None:
    make_session(cast.account, title="=1+1", external_id="@SUM(A1)")
    address = reverse("analytics:rows", args=["sessions", "ended"])
    download = login(cast.carol).get(f"{address}?format=csv").getvalue().decode()
    assert "'=1+1,'@SUM(A1)," in download


def test_what_is_not_kept_is_counted_after_the_page(cast: Cast, login: Any) -> None:
    make_history(cast.account, timezone.now(), count=120)
    browser, rows = login(cast.carol), reverse("analytics:rows", args=["pushes", "created"])
    for query in ({}, {"after": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}_1"}):
        page = browser.get(rows, {"days": 90} | query).content.decode()
        assert ("more than 50</span>" in page, "data-count" in page) == (True, False)
        [asked] = re.findall(r'<span hx-get="([^"]+)" hx-trigger="load"', page)
        counted = browser.get(html.unescape(asked)).content.decode()
        assert counted.startswith(f'<span data-count="{PsaPush.objects.count()}">')
    # Where the page shows all there is nothing to ask.
    PsaPush.objects.exclude(pk__in=list(PsaPush.objects.values_list("pk", flat=True)[:50])).delete()
    assert 'data-count="50"' in browser.get(rows, {"days": 90}).content.decode()


def test_the_list_goes_on_where_the_page_before_ended(cast: Cast, login: Any) -> None:
    make_history(cast.account, timezone.now(), count=400)
    browser, seen = login(cast.carol), []
    address = f"{reverse('analytics:rows', args=['sessions', 'ended'])}?days=90"
    first = browser.get(address)
    count = first.context["count"]
    while address:
        response = browser.get(address)
        seen += [line["url"] for line in response.context["lines"]]
        address = response.context["next_url"]
    assert len(seen) == len(set(seen)) == count > 100
    assert f'data-count="{count}"' in first.content.decode()
    for wrong in ("x", "2026-01-01_5", "2026-01-01T00:00:00Z_x", "2026-13-01T00:00:00Z_5"):
        assert browser.get(f"{reverse('analytics:rows', args=['sessions', 'ended'])}?after={wrong}").status_code == 400
    for names in (["sessions", "nothing"], ["nothing", "ended"]):
        assert browser.get(reverse("analytics:rows", args=names)).status_code == 404


def test_the_trend_compares_whole_weeks_only(cast: Cast) -> None:
    weeks = [
        Period(date(2026, 1, 5) + timedelta(weeks=n), {"tier_guided": guided, "tier_discovery": 20 - guided})
        for n, guided in enumerate([0, 10, 12, 15, 20])
    ]
    # From a Thursday of the first week to the Tuesday of the last.
    scope = Scope.from_query(cast.alice, {"first": "2026-01-08", "last": "2026-02-03"})
    assert _guided_trend(scope, weeks) == (
        "The guided share of ended sessions went from 50\N{NO-BREAK SPACE}% in the first whole week to "
        "75\N{NO-BREAK SPACE}% in the last."
    )
    assert _guided_trend(scope, weeks[:2]) == "10 of 40 ended sessions were guided."
    assert _guided_trend(scope, []) == ""


def test_links_on_the_page_are_its_own(cast: Cast, login: Any) -> None:
    """What a card holds in its context stands on the page."""
    make_history(cast.account, timezone.now())
    response = login(cast.carol).get(OVERVIEW)
    on_page = {html.unescape(found) for found in re.findall(r'href="([^"]*)"', response.content.decode())}
    assert {card.url for card in response.context["page"].cards} <= on_page


@pytest.mark.parametrize("key", ["flywheel", "handovers"])
def test_a_block_that_comes_later_is_made_without_the_page(
    cast: Cast, login: Any, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def fail(scope: Scope) -> None:
        raise AssertionError("the page's own figures were counted again")

    monkeypatch.setattr("analytics.pages.overview.sessions.summary", fail)
    browser = login(cast.carol)
    assert f'id="{key}"' in browser.get(f"{OVERVIEW}?block={key}").content.decode()
    assert browser.get(f"{OVERVIEW}?block=tiers").status_code == 404
