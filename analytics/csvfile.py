"""The columns of rates and differences in CSV downloads."""

from typing import Any

from flowpilot.common.statistics import Difference, Rate


def rate_columns(label: str) -> list[str]:
    """The columns that a rate takes; `rate_values` gives its values."""
    return [label, f"{label}: count", f"{label}: n", f"{label}: low", f"{label}: high"]


def rate_values(rate: Rate) -> list[Any]:
    low, high = rate.interval or (None, None)
    return [rate.share, rate.count, rate.n, low, high]


def difference_columns(label: str) -> list[str]:
    """The columns that a difference of rates takes; `difference_values` gives its values."""
    return [label, f"{label}: low", f"{label}: high"]


def difference_values(difference: Difference | None) -> list[Any]:
    return [difference.share, difference.low, difference.high] if difference else [None, None, None]
