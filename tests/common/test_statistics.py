"""Rates and their intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from flowpilot.common.statistics import Rate, difference_of, wilson_interval


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


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """Method 10 in table II of R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890."""
    difference = difference_of(Rate(*one), Rate(*other))
    assert difference is not None
    assert (round(difference.low, 4), round(difference.high, 4)) == (low, high)


@given(counts(), counts())
def test_a_difference_turns_its_sign_when_its_rates_change_places(one: tuple[int, int], other: tuple[int, int]) -> None:
    there, back = difference_of(Rate(*one), Rate(*other)), difference_of(Rate(*other), Rate(*one))
    assert there is not None
    assert back is not None
    assert (there.share, there.low, there.high) == pytest.approx((-back.share, -back.high, -back.low), abs=1e-12)
    assert -1 <= there.low <= there.share + 1e-12 <= there.high + 2e-12
    assert there.is_clear == back.is_clear


def test_nothing_has_no_difference() -> None:
    assert difference_of(Rate(0, 0), Rate(3, 4)) is None
    assert difference_of(Rate(3, 4), Rate(0, 0)) is None
