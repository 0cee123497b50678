"""What the tests of the ticketing side share."""

from collections.abc import Iterator
from typing import Any

import pytest

from sessions.psa.clients import halopsa
from tests.sessions.psa_servers import FakePsa, serving


@pytest.fixture
def psa(settings: Any) -> Iterator[FakePsa]:
    """A ticketing system on this machine, which may be called; it behaves until it is given a plan."""
    settings.PSA_ALLOW_PRIVATE = True
    settings.PSA_TIMEOUT = settings.PSA_LOOKUP_TIMEOUT = 1.0
    halopsa._tokens.clear()
    with serving(FakePsa()) as server:
        yield server


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the pushes whose delivery was queued, instead of a queue."""
    ids: list[int] = []
    for module in ("services", "tasks"):
        monkeypatch.setattr(f"sessions.psa.{module}.push_start", ids.append)
    return ids
