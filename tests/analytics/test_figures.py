"""Every figure of every dashboard that opens rows opens exactly the rows that it counts."""

import random
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


# So many of a page's figures are opened, and of each so many again as a file; others are opened in the other scopes.
OPENED, DOWNLOADED = 25, 5


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
    """How many rows each address must open, of some of a page's cards and cells."""
    cells = [cell for block in page.blocks for row in block.rows for cell in row]
    items = [item for item in (*page.cards, *cells) if item.url.startswith(ROWS)]
    found = {item.url: item.counted for item in items if item.counted is not None}
    return random.Random(seed).sample(sorted(found.items()), min(OPENED, len(found)))


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
