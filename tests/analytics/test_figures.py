"""Every figure of every dashboard that opens rows opens exactly the rows that it counts."""

import random
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
from tests.conftest import Cast
from tests.factories import make_member

ROWS = "/admin/analytics/rows/"
SCOPES = ["", "days=7", "days=90&domain=-", "team", "everything"]


# A page of many small figures is opened at so many of them; others are opened in the other scopes.
OPENED = 40


def figures(context: Any, seed: str) -> dict[str, int]:
    """How many rows each address must open, of all cards and of some cells of a page."""
    page = context["page"]
    cells = [cell for block in page.blocks for row in block.rows for cell in row]
    cells = random.Random(seed).sample(cells, min(OPENED, len(cells)))
    items = [item for item in (*page.cards, *cells) if item.url.startswith(ROWS)]
    return {item.url: item.counted for item in items if item.counted is not None}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("address", [address for _, address in PAGES])
def test_each_figure_opens_the_rows_it_counts(cast: Cast, login: Any, address: str, scope: str) -> None:
    make_review(cast.account, make_history(cast.account, timezone.now()), timezone.now(), [cast.alice, cast.olivia])
    make_history(cast.other_account, timezone.now(), count=30, seed=3)
    team = f"team={Team.objects.get(account=cast.account, name='Field').pk}"
    client = f"client={Client.objects.get(account=cast.account, name='Acme').pk}"
    query = {"team": team, "everything": f"days=90&{team}&{client}&domain=networking&zone=Asia/Tokyo"}
    for user in (cast.carol, make_member(cast.account, Role.ANALYST, team=cast.team)):
        if user != cast.carol and "team=" in query.get(scope, scope):
            continue  # the other team's: refused, which the tenant matrix sees to
        browser = login(user)
        response = browser.get(f"{reverse(address)}?{query.get(scope, scope)}")
        assert response.status_code == 200
        for url, count in figures(response.context, f"{scope} {user.pk}").items():
            opened = browser.get(url)
            assert opened.context["count"] == count, url
            if user == cast.carol:
                download = browser.get(f"{url}&format=csv").getvalue().decode()
                assert len(download.splitlines()) == count + 1, url
