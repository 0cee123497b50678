"""The owner's page of the language model: what leaves the house, the key that is never shown, and trying it."""

from typing import Any

import pytest
from django.core.management import call_command

from flowpilot.accounts.models import Account
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.common.vault import unseal
from flowpilot.llm.configuration import language_model_change, language_model_create, language_model_test
from flowpilot.llm.models import LanguageModel
from tests.conftest import Cast
from tests.llm_server import allow_model, model_server

pytestmark = pytest.mark.django_db

KEY = "sk-abcdefghijklmnop"
ADD = "/admin/llm/languagemodel/add/"


def form(account: Account, **more: Any) -> dict[str, Any]:
    said = {
        "account": account.pk, "is_active": "on", "provider": "openai", "model": "gpt-5-mini", "base_url": "",
        "api_key": KEY, "words_proposals": "on", "judges": "on", "daily_tokens": 1000, "input_price": "",
        "output_price": "",
    }  # fmt: skip
    return said | more


def test_page_says_what_leaves_the_house_and_never_shows_the_key(cast: Cast, login: Any) -> None:
    browser = login(cast.olivia)
    assert "What leaves the house" in browser.get(ADD).content.decode()
    assert browser.post(ADD, form(cast.account)).status_code == 302
    model = LanguageModel.objects.get()
    assert (model.is_active, model.words_proposals, model.helps_sessions) == (True, True, False)
    assert unseal(account_id=cast.account.pk, sealed=model.sealed_key or b"") == {"key": KEY}
    page = browser.get(f"/admin/llm/languagemodel/{model.pk}/change/").content.decode()
    assert KEY not in page
    assert KEY not in str(list(AuditEvent.objects.values_list("before", "after")))
    changed = browser.post(
        f"/admin/llm/languagemodel/{model.pk}/change/", form(cast.account, api_key="", model="gpt-5")
    )
    assert changed.status_code == 302
    model.refresh_from_db()
    assert model.model == "gpt-5"
    assert model.sealed_key


def test_it_is_off_until_somebody_switches_it_on() -> None:
    assert LanguageModel().is_active is False


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": "with a space"}, "api_key"),
        ({"provider": "azure"}, "base_url"),
        ({"provider": "compatible", "base_url": "http://10.0.0.5/v1"}, "base_url"),
        ({"provider": "compatible", "base_url": "https://u:p@models.example/v1"}, "base_url"),
        ({"base_url": "https://models.example/v1"}, "base_url"),
        ({"input_price": "-1"}, "input_price"),
        ({"model": ""}, "model"),
    ],
)
def test_faults_are_told_beside_their_field(cast: Cast, login: Any, settings: Any, more: Any, field: str) -> None:
    settings.LLM_ALLOW_PRIVATE = False
    answer = login(cast.olivia).post(ADD, form(cast.account, **more))
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert not LanguageModel.objects.exists()
    assert KEY not in answer.content.decode()


def test_only_owners_and_only_one(cast: Cast) -> None:
    said: dict[str, Any] = {"account": cast.account, "provider": "openai", "model": "m", "api_key": KEY}
    with pytest.raises(NotAllowed):
        language_model_create(actor=cast.alice, **said)
    model = language_model_create(actor=cast.olivia, **said)
    with pytest.raises(Conflict):
        language_model_create(actor=cast.olivia, **said)
    with pytest.raises(NotFound):
        language_model_change(actor=cast.mallory, model_id=model.pk, model="x")


def test_a_kept_key_goes_to_nobody_else(cast: Cast) -> None:
    model = language_model_create(actor=cast.olivia, account=cast.account, provider="openai", model="m", api_key=KEY)
    with pytest.raises(InvalidInput, match="api_key"):
        language_model_change(actor=cast.olivia, model_id=model.pk, provider="azure", base_url="https://evil.example")
    moved = language_model_change(
        actor=cast.olivia, model_id=model.pk, provider="compatible", base_url="https://evil.example/v1"
    )
    assert moved.sealed_key is None


def test_trying_it_sends_nothing_of_the_account(cast: Cast, login: Any) -> None:
    with model_server(lambda _: {"ok": True}) as server:
        model = allow_model(cast.account, server.url)
        url = f"/admin/llm/languagemodel/{model.pk}/test/"
        assert "It answers" in login(cast.olivia).post(url, follow=True).content.decode()
        assert server.contents == [{}]
        server.always = "401"
        assert "answered 401" in language_model_test(actor=cast.olivia, model_id=model.pk)


def test_keys_are_sealed_anew(cast: Cast) -> None:
    model = language_model_create(actor=cast.olivia, account=cast.account, provider="openai", model="m", api_key=KEY)
    before = bytes(model.sealed_key or b"")
    call_command("reseal_credentials", verbosity=0)
    model.refresh_from_db()
    assert bytes(model.sealed_key or b"") != before
    assert unseal(account_id=cast.account.pk, sealed=model.sealed_key or b"") == {"key": KEY}
