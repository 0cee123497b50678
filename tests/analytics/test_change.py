"""How a card moved: only what is more than chance is called better or worse."""

from datetime import timedelta
from typing import Any

import pytest

from flowpilot.common.statistics import Rate
from flowpilot.common.templatetags.flowpilot import Change, change_of


@pytest.mark.parametrize(
    ("now", "before", "better", "change"),
    [
        (Rate(80, 100), Rate(50, 100), "up", Change("▲", "up 30 points", True)),
        (Rate(80, 100), Rate(50, 100), "down", Change("▲", "up 30 points", False)),
        (Rate(52, 100), Rate(50, 100), "up", Change("▲", "up 2 points", None)),
        (Rate(1, 9), Rate(5, 10), "up", None),
        (120, 100, "", Change("▲", "up 20\N{NO-BREAK SPACE}%", None)),
        (5, 0, "up", None),
        (timedelta(minutes=5), timedelta(minutes=8), "down", Change("▼", "down 3 min", None)),
        (timedelta(days=55), timedelta(days=1), "down", Change("▲", "up 54 d", None)),
        (timedelta(minutes=5), timedelta(minutes=5), "down", Change("=", "as before", None)),
        (4.1, 4.1, "up", Change("=", "as before", None)),
        (None, 4.1, "up", None),
    ],
)
def test_change(now: Any, before: Any, better: str, change: Change | None) -> None:
    assert change_of(now, before, better) == change
