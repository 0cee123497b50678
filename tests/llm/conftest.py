"""A model's server on this machine, and no time to lose."""

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def fast(settings: Any) -> None:
    settings.LLM_ALLOW_PRIVATE = True
    settings.LLM_BACKOFF = 0.001
    # Long enough for a busy machine; what waits for it in vain sets its own.
    settings.LLM_TIMEOUT = 10.0
