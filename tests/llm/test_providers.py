"""Each provider is asked at its own address, with its own key, in its own protocol; nothing goes over the network."""

import json
from typing import Any

import httpx
import pytest

from flowpilot.accounts.models import Account
from flowpilot.common.vault import seal
from flowpilot.llm.client import request
from flowpilot.llm.models import LanguageModel
from flowpilot.llm.transport import AsyncTransport, Seen
from tests.conftest import Cast
from tests.llm_server import completion

pytestmark = pytest.mark.django_db

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": '{"ok": "yes"}'}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1000, "output_tokens": 100},
}
COMPLETION = completion('{"ok": "yes"}', usage={"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100})


@pytest.fixture
def exchanged(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """The requests that would have left the house; each gets the answer of whoever's address it is."""
    seen: list[httpx.Request] = []

    def exchange(self: AsyncTransport, sent: httpx.Request) -> tuple[int, dict[str, str], bytes]:
        seen.append(sent)
        self.seen = Seen(200)
        asked = json.loads(sent.content)
        answer = {**(MESSAGE if sent.url.host == "api.anthropic.com" else COMPLETION), "model": asked["model"]}
        return 200, {"content-type": "application/json"}, json.dumps(answer).encode()

    monkeypatch.setattr(AsyncTransport, "_exchange", exchange)
    return seen


def model(account: Account, provider: str, name: str, address: str = "") -> LanguageModel:
    sealed = seal(account_id=account.pk, credentials={"key": "sk-of-the-account"})
    return LanguageModel(account=account, provider=provider, model=name, base_url=address, sealed_key=sealed)


@pytest.mark.parametrize(
    ("provider", "name", "address", "url", "header", "is_priced"),
    [
        (
            "anthropic", "claude-haiku-4-5", "",
            "https://api.anthropic.com/v1/messages", "authorization", True,
        ),
        (
            "openai", "gpt-5-mini", "",
            "https://api.openai.com/v1/chat/completions", "authorization", True,
        ),
        (
            "azure", "gpt-4o", "https://northwind.openai.azure.com",
            "https://northwind.openai.azure.com/openai/deployments/gpt-4o/chat/completions", "api-key", True,
        ),
        (
            "compatible", "qwen3:8b", "https://models.example/v1",
            "https://models.example/v1/chat/completions", "authorization", False,
        ),
    ],
)  # fmt: skip
def test_provider_is_asked_in_its_own_way(
    cast: Cast, exchanged: list[httpx.Request], monkeypatch: pytest.MonkeyPatch,
    provider: str, name: str, address: str, url: str, header: str, is_priced: bool,
) -> None:  # fmt: skip
    # What stands in the environment for other programs is not ours.
    for variable in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "AZURE_OPENAI_ENDPOINT", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "https://elsewhere.example")
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(variable, "sk-of-somebody-else")
    reply = request(
        model(cast.account, provider, name, address), "sk-of-the-account", "Say it.", '{"text": "x"}', max_tokens=50,
        seconds=20,
    )  # fmt: skip
    assert (reply.text, reply.fallback) == ('{"ok": "yes"}', "")
    assert (reply.input_tokens, reply.output_tokens) == (1000, 100)
    assert (reply.cost is not None) == is_priced
    [sent] = exchanged
    assert str(sent.url).startswith(url)
    assert "sk-of-the-account" in sent.headers[header]
    assert "somebody" not in str(sent.headers)
    body: Any = json.loads(sent.content)
    assert '{"text": "x"}' in json.dumps(body["messages"][-1]["content"]).replace('\\"', '"')
    assert "Say it." in json.dumps(body)
    assert "tools" not in body


def test_a_provider_of_ones_own_needs_an_address_and_no_other_has_one(cast: Cast, exchanged: Any) -> None:
    for provider, address in (("azure", ""), ("compatible", ""), ("openai", "https://elsewhere.example/v1")):
        told = request(model(cast.account, provider, "m", address), "k", "Say it.", "{}", max_tokens=50, seconds=5)
        assert told.fallback == "unreachable"
    assert not exchanged
