"""One run of the generator, large enough for rates to be measured, shared by the tests."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flowpilot.sample.generate import generate_sessions

Record = dict[str, Any]
UNTIL = datetime(2026, 6, 30, 17, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def sessions() -> list[Record]:
    """The sample account as it is shipped: 2,000 sessions."""
    return list(generate_sessions(until=UNTIL))


@pytest.fixture(scope="session")
def many() -> list[Record]:
    """Ten times as many, with another seed: scatter is small enough to compare with intentions."""
    return list(generate_sessions(until=UNTIL, count=20_000, seed=7))
