"""The overview page: its cards open exactly the rows that they count."""

import html
import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics import TierWeek
from flowpilot.accounts.models import Team
from flowpilot.common.templatetags.flowpilot import share_trend
from sessions.models import Client
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_proposal, make_session

OVERVIEW = "/admin/analytics/"
QUERIES = 21


def links(page: str, to: str) -> set[str]:
    """The addresses on the page that begin with `to` and ask for something."""
    found = {html.unescape(address) for address in re.findall(r'href="([^"]*)"', page)}
    return {address for address in found if address.startswith(f"{to}?")}


def rows_behind(browser: Any, address: str) -> int:
    response = browser.get(address)
    assert response.status_code == 200, address
    return int(response.context["cl"].result_count)


@pytest.mark.parametrize("scope", ["", "days=7", "days=90", "team", "client", "domain", "everything"])
def test_each_card_and_tier_opens_the_rows_it_counts(cast: Cast, login: Any, scope: str) -> None:
    make_history(cast.account, timezone.now())
    make_history(cast.other_account, timezone.now(), count=30, seed=3)
    team = f"team={Team.objects.get(account=cast.account, name='Field').pk}"
    client = f"client={Client.objects.get(account=cast.account, name='Acme').pk}"
    domain = "domain=email+%26+calendar"
    query = {"team": team, "client": client, "domain": domain, "everything": f"days=90&{team}&{client}&{domain}"}
    browser = login(cast.carol)
    response = browser.get(f"{OVERVIEW}?{query.get(scope, scope)}")
    on_page = links(response.content.decode(), reverse("admin:ai_sessions_aisession_changelist"))
    context = response.context
    expected = [(card["rows"], counted(card, context["cards"])) for card in context["cards"]]
    expected += [(tier["rows"], tier["rate"].n) for tier in context["tiers"]]
    assert sum(count for _, count in expected) > 0
    for rows, count in expected:
        address = f"{reverse('admin:ai_sessions_aisession_changelist')}?{rows}"
        assert address in on_page
        assert rows_behind(browser, address) == count, address


def counted(card: dict[str, Any], cards: list[dict[str, Any]]) -> int:
    """How many sessions a card's figure is about."""
    if "count" in card:
        return int(card["count"])
    if "rate" in card:
        return int(card["rate"].count)
    # The mean time to resolve is of the resolved sessions.
    return next(counted(other, cards) for other in cards if other["label"] == "Resolved")


def test_each_status_of_proposals_opens_the_rows_it_counts(cast: Cast, login: Any) -> None:
    make_session(cast.account)
    for status, times in (("pending", 3), ("dismissed", 2), ("rejected", 1)):
        for _ in range(times):
            reviewed = None if status == "pending" else timezone.now()
            make_proposal(cast.account, sessions=0, status=status, reviewed_at=reviewed)
    make_proposal(cast.account, sessions=0, team=cast.team)
    browser = login(cast.carol)
    for query, pending in (("", 4), (f"?team={cast.team.pk}", 1)):
        make_session(cast.account, team=cast.team.name)
        response = browser.get(OVERVIEW + query)
        to_queue = links(response.content.decode(), reverse("admin:proposals_flowproposal_changelist"))
        for row in response.context["proposals"]:
            [address] = [a for a in to_queue if f"status={row['status']}" in a]
            assert rows_behind(browser, address) == row["count"], address
        assert response.context["proposals"][0]["count"] == pending


def test_a_team_that_is_the_only_one_still_narrows_the_list(cast: Cast, login: Any) -> None:
    """Django drops a filter with a single choice; the card would then open more rows than it counts."""
    make_session(cast.account, team="Service Desk")
    make_session(cast.account, client=None)
    browser = login(cast.carol)
    for name in (f"team={cast.team.pk}", f"client={Client.objects.get().pk}"):
        [card, *_] = browser.get(f"{OVERVIEW}?{name}").context["cards"]
        assert card["count"] == 1
        assert rows_behind(browser, f"{reverse('admin:ai_sessions_aisession_changelist')}?{card['rows']}") == 1


@pytest.mark.parametrize("query", ["days=8", "days=x", "team=999999", "client=x", "domain=nowhere", "domain=%00"])
def test_a_wrong_scope_is_said_and_is_no_traceback(cast: Cast, login: Any, query: str) -> None:
    make_session(cast.account)
    response = login(cast.carol).get(f"{OVERVIEW}?{query}")
    assert response.status_code == 400
    assert "This scope is not valid" in response.content.decode()


def test_little_data_is_called_so(cast: Cast, login: Any) -> None:
    make_session(cast.account)
    assert "not enough data" in login(cast.carol).get(OVERVIEW).content.decode()


def test_an_empty_account_says_what_to_do(cast: Cast, login: Any) -> None:
    assert "No session ended in this period" in login(cast.carol).get(OVERVIEW).content.decode()


def test_the_scope_offers_own_choices_only(cast: Cast, login: Any) -> None:
    make_session(cast.account, client="Acme", problem_domain="networking")
    make_session(cast.other_account, client="Foreign client", team="Foreign team", problem_domain="foreign domain")
    page = login(cast.carol).get(OVERVIEW).content.decode()
    assert "Acme" in page
    assert "oreign" not in page


def test_the_page_does_not_ask_more_for_more_rows(cast: Cast, login: Any, django_assert_num_queries: Any) -> None:
    browser = login(cast.carol)
    make_history(cast.account, timezone.now() - timedelta(minutes=1), count=20)
    with django_assert_num_queries(QUERIES):
        browser.get(OVERVIEW)
    make_session(cast.account)
    with django_assert_num_queries(QUERIES):
        browser.get(OVERVIEW)


def test_the_trend_compares_whole_weeks_only() -> None:
    weeks = [
        TierWeek(date(2026, 1, 5) + timedelta(weeks=n), {"guided": guided, "exploring": 0, "discovery": 20 - guided})
        for n, guided in enumerate([0, 10, 12, 15, 20])
    ]
    # From a Thursday of the first week to the Tuesday of the last.
    here = timezone.get_current_timezone()
    start, end = datetime(2026, 1, 8, tzinfo=here), datetime(2026, 2, 3, tzinfo=here)
    assert share_trend(weeks, "guided", start, end) == (
        "from 50\N{NO-BREAK SPACE}% in the first whole week to 75\N{NO-BREAK SPACE}% in the last"
    )
    assert share_trend(weeks[:2], "guided", start, end) == ""
