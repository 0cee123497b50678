"""Each metric of the language model against a recount by hand over random calls."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics import language_model
from analytics.scope import Scope
from flowpilot.accounts.models import Account
from flowpilot.llm.models import ModelCall
from proposals.models import ProposalWording
from tests.analytics.call_rows import make_calls
from tests.conftest import Cast
from tests.factories import make_proposal

pytestmark = pytest.mark.django_db

METRICS = "/api/v1/metrics/language-model/"
PAGE = "/admin/analytics/language-model/"


def make_wording(account: Account, model: int, own: int, other: int, days: int | None, **fields: Any) -> None:
    proposal = make_proposal(account, sessions=0, **fields)
    ProposalWording.objects.create(
        account=account, proposal=proposal, revision=1, state="done", kept_model=model, kept_own=own, kept_edited=other,
        counted_at=None if days is None else timezone.now() - timedelta(days=days),
    )  # fmt: skip


def quantile(rows: list[ModelCall], share: float) -> timedelta | None:
    """The least value that at least the share of the values does not exceed, by counting."""
    values = sorted(row.milliseconds for row in rows if row.attempts)
    found = next((v for v in values if sum(w <= v for w in values) >= share * len(values)), None)
    return None if found is None else timedelta(milliseconds=found)


def test_figures_are_those_of_a_recount(cast: Cast, api: Any) -> None:
    make_calls(cast.account, 300)
    make_calls(cast.other_account, 40, seed=8)
    scope = Scope.from_query(cast.carol, {"days": 30})
    rows = [row for row in ModelCall.objects.filter(account=cast.account) if scope.start <= row.created_at < scope.end]
    assert 50 < len(rows) < 250
    found = language_model.use(scope)

    assert found.total.asked == len(rows)
    assert found.total.fallbacks == Counter(row.fallback for row in rows if row.fallback)
    assert found.total.answered.count == sum(not row.fallback for row in rows)
    assert found.total.sent == sum(row.attempts > 0 for row in rows)
    assert found.total.tokens == sum(row.input_tokens + row.output_tokens for row in rows)
    assert found.total.cost == sum((row.cost for row in rows if row.cost is not None), Decimal())
    assert found.total.unpriced == sum(row.cost is None and row.input_tokens > 0 for row in rows)
    assert (found.latency.median, found.latency.p90) == (quantile(rows, 0.5), quantile(rows, 0.9))
    for name, (calls, latency) in found.purposes.items():
        of_it = [row for row in rows if row.purpose == name]
        assert (calls.asked, calls.input_tokens) == (len(of_it), sum(row.input_tokens for row in of_it))
        assert latency.p90 == quantile(of_it, 0.9)
    assert {model: calls.asked for (_, model), calls in found.models.items()} == Counter(row.model for row in rows)

    body = api(cast.carol).get(METRICS, {"days": 30}).json()
    assert body["total"]["asked"] == len(rows)
    assert Decimal(body["total"]["cost"]) == found.total.cost
    assert body["total"]["median_seconds"] == found.latency.median.total_seconds()  # type: ignore[union-attr]
    assert {row["reason"]: row["count"] for row in body["fallbacks"]} == found.total.fallbacks
    assert {row["purpose"]: row["asked"] for row in body["purposes"]} == {
        k: c.asked for k, (c, _) in found.purposes.items()
    }


def test_share_of_words_that_were_kept(cast: Cast, api: Any) -> None:
    make_wording(cast.account, 5, 3, 1, days=2, problem_domain="networking")
    make_wording(cast.account, 4, 0, 0, days=2, problem_domain="printing")
    make_wording(cast.account, 9, 9, 9, days=40)
    make_wording(cast.account, 0, 0, 0, days=None)
    make_wording(cast.other_account, 7, 7, 7, days=2)
    words = language_model.kept(Scope.from_query(cast.carol, {"days": 30}))
    assert (words.model, words.own, words.other) == (9, 3, 1)
    assert (words.share.count, words.share.n) == (9, 13)
    narrow = language_model.kept(Scope.from_query(cast.carol, {"days": 30, "domain": "networking"}))
    assert (narrow.model, narrow.own, narrow.other) == (5, 3, 1)
    told = api(cast.carol).get(METRICS).json()["words"]
    assert (told["model_rate"]["count"], told["model_rate"]["n"], told["own"], told["other"]) == (9, 13, 3, 1)


def test_page_tells_the_same_and_opens_calls_to_owners_only(cast: Cast, login: Any) -> None:
    make_calls(cast.account, 60)
    make_wording(cast.account, 9, 3, 1, days=2)
    rows = reverse("analytics:rows", args=["calls", "asked"])
    analyst, owner = login(cast.carol), login(cast.olivia)
    page = analyst.get(PAGE, {"days": 90}).content.decode()
    assert "Model's words kept" in page.replace("&#x27;", "'")
    assert "No answer in time" in page
    assert rows not in page
    assert [analyst.get(rows, query).status_code for query in ({}, {"count": 1})] == [403, 403]
    assert rows in owner.get(PAGE, {"days": 90}).content.decode()
    assert 'data-count="60"' in owner.get(rows, {"days": 90, "count": 1}).content.decode()
    for name, count in Counter(ModelCall.objects.exclude(fallback="").values_list("fallback", flat=True)).items():
        url = reverse("analytics:rows", args=["calls", f"unanswered-reason-{name}"])
        assert f'data-count="{count}"' in owner.get(url, {"days": 90, "count": 1}).content.decode()


def test_without_a_model_the_page_says_so(cast: Cast, login: Any, api: Any) -> None:
    assert "everything works without" in login(cast.carol).get(PAGE).content.decode()
    body = api(cast.carol).get(METRICS).json()
    assert (body["total"]["asked"], body["total"]["cost"], body["total"]["median_seconds"]) == (0, None, None)
