"""Many callers at once on the real database: the day's budget, the breaker's one try, one payment for one revision."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from flowpilot.llm.limits import breaker_lets_through, budget_take
from flowpilot.llm.models import LanguageModel, ModelCall
from proposals.models import ProposalWording
from proposals.wordings.run import proposal_word, word
from tests.conftest import Cast
from tests.llm_server import allow_model, model_server
from tests.proposals.wording_cases import polite, worded_proposal

CALLERS = 6
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(call: Callable[[], Any]) -> list[Any]:
    """What CALLERS callers get who begin at one moment."""
    start = threading.Barrier(CALLERS)
    results: list[Any] = []

    def work() -> None:
        try:
            start.wait()
            results.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == CALLERS
    return results


def test_budget_is_not_overdrawn_by_many_at_once(cast: Cast) -> None:
    model = allow_model(cast.account, "http://127.0.0.1:1/v1", daily_tokens=350)
    now = timezone.now()
    assert sum(at_once(lambda: budget_take(model.pk, 100, now))) == 3
    assert LanguageModel.objects.get().tokens_spent == 300

    # Who looks first and takes then overdraws it.
    LanguageModel.objects.update(tokens_spent=0)
    looked = threading.Barrier(CALLERS)

    def look_and_take() -> bool:
        row = LanguageModel.objects.get()
        looked.wait()
        if row.tokens_spent + 100 <= row.daily_tokens:
            LanguageModel.objects.update(tokens_spent=F("tokens_spent") + 100)
            return True
        return False

    assert sum(at_once(look_and_take)) == CALLERS


def test_one_of_many_tries_an_open_breaker(cast: Cast) -> None:
    now = timezone.now()
    model = allow_model(cast.account, "http://127.0.0.1:1/v1", open_until=now - timedelta(seconds=1))
    assert sum(at_once(lambda: breaker_lets_through(model.pk, now))) == 1

    LanguageModel.objects.update(open_until=now - timedelta(seconds=1))
    looked = threading.Barrier(CALLERS)

    def look_and_try() -> bool:
        row = LanguageModel.objects.get()
        looked.wait()
        return row.open_until is not None and row.open_until <= now

    assert sum(at_once(look_and_try)) == CALLERS


def test_one_of_many_workers_pays_for_a_revision(cast: Cast, settings: Any) -> None:
    settings.LLM_TIMEOUT = 10.0
    proposal = worded_proposal(cast.account)
    arrived = threading.Semaphore(0)

    def slowly(content: dict[str, Any]) -> Any:
        arrived.release()
        # Until the other workers have looked, or a quarter of a second.
        for _ in range(CALLERS - 1):
            arrived.acquire(timeout=0.05)
        return polite(content)

    with model_server(slowly) as server:
        allow_model(cast.account, server.url)
        found = at_once(lambda: proposal_word(proposal_id=proposal.pk))
        assert (len(server.asked), ModelCall.objects.count(), ProposalWording.objects.count()) == (1, 1, 1)
        assert sum(wording is not None for wording in found) == 1

        # What a worker does under the lease; without it several would have paid.
        ProposalWording.objects.all().delete()
        ModelCall.objects.all().delete()
        server.asked.clear()
        at_once(lambda: word(proposal))
        assert len(server.asked) > 1
