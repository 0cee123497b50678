"""Rates and their intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from analytics.statistics import Rate, wilson_interval


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 100_000))
    return draw(st.integers(0, n)), n


@given(counts())
def test_the_interval_is_wilsons(pair: tuple[int, int]) -> None:
    count, n = pair
    expected = binomtest(count, n).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(count, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(counts())
def test_the_interval_holds_the_share_and_stays_in_0_to_1(pair: tuple[int, int]) -> None:
    rate = Rate(*pair)
    assert rate.interval is not None
    assert rate.share is not None
    low, high = rate.interval
    assert 0 <= low <= rate.share + 1e-12
    assert rate.share - 1e-12 <= high <= 1


def test_a_known_value() -> None:
    """81 of 263, from table I of R. G. Newcombe, Statistics in Medicine 17 (1998)."""
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_nothing_is_no_rate() -> None:
    rate = Rate(0, 0)
    assert (rate.share, rate.interval, rate.is_enough) == (None, None, False)
    assert (Rate(1, 9).is_enough, Rate(1, 10).is_enough) == (False, True)
