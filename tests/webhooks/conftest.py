"""What the tests of webhooks share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A service on this machine, which may be called; it behaves until it is given a plan."""
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
    settings.WEBHOOK_TIMEOUT = 1.0
    with receiving() as service:
        yield service


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the deliveries that were queued, instead of a queue."""
    ids: list[int] = []
    for module in ("events", "tasks"):
        monkeypatch.setattr(f"flowpilot.webhooks.{module}.delivery_start", ids.append)
    return ids
