"""One request to the model of an account: the only place that knows the library.

Everything that a server may do, or fail to do, comes back as a Reply; nothing is raised for it. The library is imported
when it is first needed: most processes never call a model.
"""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2
from django.conf import settings

from flowpilot.common.transport import address_fault
from flowpilot.llm.models import Fallback, LanguageModel
from flowpilot.llm.transport import AsyncTransport, Seen

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings

Provider = LanguageModel.Provider
MILLION = 1_000_000
# An own server asks for no key, but the protocol wants one.
NO_KEY = "none"
AZURE_VERSION = "2024-10-21"


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of an answer, or why there is none; what it took either way."""

    text: str = ""
    fallback: str = ""
    detail: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    retry_after: str | None = None


def base_url_fault(provider: str, address: str) -> str:
    """What is wrong with the address of a provider's server; "" where nothing is."""
    if provider not in (Provider.AZURE, Provider.COMPATIBLE):
        return "Leave it empty: the provider's own address is used." if address else ""
    if not address:
        return "Say where the server is."
    return address_fault(address, allow_private=settings.LLM_ALLOW_PRIVATE, allow_http=settings.LLM_ALLOW_PRIVATE)


def load() -> None:
    """Import the library, which takes seconds the first time: they are not to count as the server's."""
    import anthropic  # noqa: F401
    import pydantic_ai.direct
    import pydantic_ai.models.anthropic
    import pydantic_ai.models.openai
    import pydantic_ai.providers.azure  # noqa: F401


def request(
    model: LanguageModel, key: str, instructions: str, content: str, *, max_tokens: int, seconds: float
) -> Reply:
    """Ask once. The answer is to be JSON, as the instructions say."""
    if fault := base_url_fault(model.provider, model.base_url):
        return Reply(fallback=Fallback.UNREACHABLE, detail=f"the address is refused: {fault}"[:300])
    load()
    return asyncio.run(_request(model, key, instructions, content, max_tokens, seconds))


async def _request(
    model: LanguageModel, key: str, instructions: str, content: str, max_tokens: int, seconds: float
) -> Reply:
    from pydantic_ai.direct import model_request
    from pydantic_ai.exceptions import AgentRunError
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    transport = AsyncTransport(seconds=seconds, allow_private=settings.LLM_ALLOW_PRIVATE)
    # Nothing of the environment: a proxy set there would connect without the transport's checks.
    async with httpx2.AsyncClient(
        transport=transport, trust_env=False, follow_redirects=False, timeout=seconds
    ) as client:
        try:
            response = await model_request(
                _library_model(model, key, client),
                [ModelRequest(parts=[UserPromptPart(content)], instructions=instructions)],
                model_settings=_settings(model, max_tokens, seconds),
            )
        except (AgentRunError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
            # An answer that is no completion at all makes the library stumble in its own ways.
            return _failed(transport.seen, error)
    return _reply(model, response)


def _settings(model: LanguageModel, max_tokens: int, seconds: float) -> "ModelSettings":
    settings: ModelSettings = {"max_tokens": max_tokens, "timeout": seconds}
    if model.provider == Provider.COMPATIBLE:
        # The providers' own newer models refuse one; small models of one's own are surer without chance.
        settings["temperature"] = 0.0
    return settings


def _library_model(model: LanguageModel, key: str, client: httpx2.AsyncClient) -> "Model":
    from anthropic import AsyncAnthropic
    from openai import AsyncAzureOpenAI, AsyncOpenAI
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.azure import AzureProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    # Tries are made again by us, inside a budget; addresses are given, for else they would come from the environment.
    common: dict[str, Any] = {"api_key": key or NO_KEY, "http_client": client, "max_retries": 0}
    if model.provider == Provider.ANTHROPIC:
        anthropic = AsyncAnthropic(base_url="https://api.anthropic.com", **common)
        return AnthropicModel(model.model, provider=AnthropicProvider(anthropic_client=anthropic))
    if model.provider == Provider.AZURE:
        azure = AsyncAzureOpenAI(azure_endpoint=model.base_url, api_version=AZURE_VERSION, **common)
        return OpenAIChatModel(model.model, provider=AzureProvider(openai_client=azure))
    address = model.base_url if model.provider == Provider.COMPATIBLE else "https://api.openai.com/v1"
    openai = AsyncOpenAI(base_url=address, **common)
    return OpenAIChatModel(model.model, provider=OpenAIProvider(openai_client=openai))


def _failed(seen: Seen, error: Exception) -> Reply:
    status = seen.status
    if status is None:
        reason = Fallback.TIMEOUT if seen.trouble == "timeout" else Fallback.UNREACHABLE
        return Reply(fallback=reason, detail=seen.detail or type(error).__name__)
    # Without the error's own words: they may repeat what was sent.
    detail = f"answered {status}"
    if 200 <= status < 300:
        return Reply(fallback=Fallback.NOT_JSON, detail=f"{detail}, with something that is no completion")
    if status in (408, 504):
        return Reply(fallback=Fallback.TIMEOUT, detail=detail, retry_after=seen.retry_after)
    if status == 429:
        return Reply(fallback=Fallback.RATE_LIMITED, detail=detail, retry_after=seen.retry_after)
    reason = Fallback.SERVER_ERROR if status >= 500 else Fallback.REJECTED
    return Reply(fallback=reason, detail=detail, retry_after=seen.retry_after)


def _reply(model: LanguageModel, response: "ModelResponse") -> Reply:
    from pydantic_ai.messages import TextPart

    text = "".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()
    used = Reply(
        input_tokens=max(0, response.usage.input_tokens or 0),
        output_tokens=max(0, response.usage.output_tokens or 0),
        cost=_cost(model, response),
    )
    if response.finish_reason == "content_filter":
        return replace(used, fallback=Fallback.REFUSED, detail="stopped by the provider's content filter")
    if response.finish_reason == "length":
        return replace(used, fallback=Fallback.TRUNCATED, detail="the answer reached its limit of tokens")
    if not text:
        return replace(used, fallback=Fallback.EMPTY, detail="the answer holds no text")
    return replace(used, text=text)


def _cost(model: LanguageModel, response: "ModelResponse") -> Decimal | None:
    """In USD: by the account's own prices, else by the provider's list; None where nobody knows."""
    usage = response.usage
    if model.input_price is not None or model.output_price is not None:
        sent = (model.input_price or 0) * (usage.input_tokens or 0)
        received = (model.output_price or 0) * (usage.output_tokens or 0)
        return Decimal(sent + received) / MILLION
    if model.provider == Provider.COMPATIBLE:
        return None
    try:
        return response.cost().total_price
    except (LookupError, AssertionError, ValueError):
        return None
