"""Every figure of every dashboard that opens rows opens exactly the rows that it counts."""

import random
import re
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.pages.frame import PAGES
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from sessions.models import Client
from tests.analytics.review_rows import make_review
from tests.analytics.rows import make_history
from tests.conftest import Cast, MadeOnce, make_cast
from tests.factories import make_member

ROWS = "/admin/analytics/rows/"
SCOPES = ["", "days=7", "days=90&domain=-", "team", "everything"]


# Every card is opened, and so many of a page's other figures; so many of all again as a file. Others are opened in the
# other scopes.
OPENED, DOWNLOADED = 14, 5


@pytest.fixture(scope="module")
def people(made_once: MadeOnce) -> Cast:
    """The cast, with a random history of both accounts."""

    def make() -> Cast:
        cast, now = make_cast(), timezone.now()
        make_review(cast.account, make_history(cast.account, now), now, [cast.alice, cast.olivia])
        make_history(cast.other_account, now, count=30, seed=3)
        return cast

    return made_once(make)


@pytest.fixture
def cast(db: None, people: Cast) -> Cast:
    return deepcopy(people)


def figures(page: Any, seed: str) -> list[tuple[str, int]]:
    """How many rows each address must open: of all of a page's cards, and of some of its cells."""
    dice = random.Random(seed)
    cards = counts(page.cards)
    cells = counts(cell for block in page.blocks for row in block.rows for cell in row)
    others = sorted(cells.items() - cards.items())
    found = [*cards.items(), *dice.sample(others, min(OPENED, len(others)))]
    return dice.sample(found, len(found))


def counts(items: Iterable[Any]) -> dict[str, int]:
    return {item.url: item.counted for item in items if item.url.startswith(ROWS) and item.counted is not None}


def count_of(browser: Any, url: str) -> int:
    """How many rows the list at the address says it has: at once, or when it is asked again as its page does."""
    found = browser.get(url).context
    if found["count"] is None:
        found = browser.get(found["count_url"]).context
    count: int = found["count"]
    return count


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("address", [address for _, address in PAGES])
def test_each_figure_opens_the_rows_it_counts(cast: Cast, login: Any, address: str, scope: str) -> None:
    team = f"team={Team.objects.get(account=cast.account, name='Field').pk}"
    client = f"client={Client.objects.get(account=cast.account, name='Acme').pk}"
    query = {"team": team, "everything": f"days=90&{team}&{client}&domain=networking&zone=Asia/Tokyo"}
    for user in (cast.carol, make_member(cast.account, Role.ANALYST, team=cast.team)):
        if user != cast.carol and "team=" in query.get(scope, scope):
            continue  # the other team's: refused, which the tenant matrix sees to
        browser = login(user)
        response = browser.get(f"{reverse(address)}?{query.get(scope, scope)}")
        assert response.status_code == 200
        for number, (url, count) in enumerate(figures(response.context["page"], f"{scope} {user.email}")):
            assert count_of(browser, url) == count, url
            if number < DOWNLOADED:
                download = browser.get(f"{url}&format=csv").getvalue().decode()
                assert len(download.splitlines()) == count + 1, url


@pytest.mark.parametrize("address", [address for _, address in PAGES])
def test_each_chart_says_in_a_sentence_what_it_shows(cast: Cast, login: Any, address: str) -> None:
    for scope in ("days=7", "days=90"):
        page = login(cast.carol).get(f"{reverse(address)}?{scope}").context["page"]
        charts = [block for block in page.blocks if getattr(block, "chart", "") and block.rows]
        assert [block.key for block in charts if not re.search(r"\d", block.summary)] == []


def test_what_the_charts_say_is_what_their_tables_hold(cast: Cast, login: Any) -> None:
    browser = login(cast.carol)
    pages = [
        browser.get(f"{reverse(f'analytics:{name}')}?days=90").context["page"] for name in ("psa", "scripts", "review")
    ]
    found = {block.key: block for page in pages for block in page.blocks}

    def told(key: str) -> tuple[list[list[int]], str]:
        return [[cell.counted for cell in row[1:]] for row in found[key].rows], found[key].summary

    weeks, words = told("pushes-by-time")
    lost = max(week[2] for week in weeks)
    assert words.startswith(f"Most pushes, {max(map(sum, weeks))}, were created in the week from ")
    assert words.endswith(f": {lost}.")
    (outcomes,), words = told("outcomes")
    assert [int(number) for number in re.findall(r"\d+", words)] == [sum(outcomes), *outcomes]
    weeks, words = told("decisions-by-week")
    assert words.startswith(f"Most decisions, {max(map(sum, weeks))}, were made in the week from ")
    assert words.endswith(f"; {len(weeks)} weeks saw any.")
    _, words = told("attempts")
    tries = {row[0].value: sum(cell.counted for cell in row[1:]) for row in found["attempts"].rows}
    tried = sum(n for label, n in tries.items() if label != "0")
    assert words.startswith(f"{tried - tries['1']} of {tried} took more than one try; ")
