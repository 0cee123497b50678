"""The test of gaps against SciPy's own, and in accounts whose bad domains are known."""

from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import binomtest, false_discovery_control, fisher_exact

from analytics.gaps import simulation
from analytics.gaps.lifecycle import Severity, has_recovered, severity_of, stands_out
from analytics.gaps.stale import best_cut
from analytics.gaps.statistics import Cell, benjamini_hochberg, binomial_mid_p, fisher_mid_p, flag, shrunken
from flowpilot.common.statistics import Rate


@pytest.mark.parametrize(("count", "n", "base"), [(0, 10, 0.2), (3, 10, 0.15), (12, 20, 0.3), (40, 200, 0.1)])
def test_mid_p_lies_between_the_two_exact_tails(count: int, n: int, base: float) -> None:
    """The mean of "at least so many" and "more than so many", both by SciPy's exact test."""
    at_least = binomtest(count, n, base, alternative="greater").pvalue
    more = binomtest(count + 1, n, base, alternative="greater").pvalue if count < n else 0.0
    [p] = binomial_mid_p(np.array([count]), np.array([n]), np.array([base]))
    assert p == pytest.approx((at_least + more) / 2)


@pytest.mark.parametrize(("count", "n", "rest"), [(3, 10, (5, 40)), (9, 12, (20, 60)), (1, 10, (0, 30))])
def test_a_small_rest_is_tested_as_fisher_does(count: int, n: int, rest: tuple[int, int]) -> None:
    def tail(k: int) -> float:
        bad = count + rest[0]
        table = [[k, n - k], [bad - k, rest[1] - bad + k]]
        return float(fisher_exact(table, alternative="greater")[1]) if bad >= k else 0.0

    [p] = fisher_mid_p(*(np.array([value]) for value in (count, n, *rest)))
    assert p == pytest.approx((tail(count) + tail(count + 1)) / 2)
    [verdict] = flag([Cell("a", count, n, *rest)])
    assert verdict.p == pytest.approx(p)


def test_a_large_rest_is_taken_for_known() -> None:
    [verdict] = flag([Cell("a", 7, 20, 150, 1000)])
    [p] = binomial_mid_p(np.array([7]), np.array([20]), np.array([150.5 / 1001]))
    assert verdict.p == pytest.approx(p)


def test_benjamini_and_hochberg_as_scipy_has_it() -> None:
    for seed in range(20):
        p = np.random.default_rng(seed).beta(0.4, 1, 60)
        assert (benjamini_hochberg(p, 0.1) == (false_discovery_control(p) <= 0.1)).all()
    # Their paper's own example: four of fifteen at 0.05.
    p = np.array([1, 4, 19, 95, 201, 278, 298, 344, 459, 3240, 4262, 5719, 6528, 7590, 10000]) / 10_000
    assert benjamini_hochberg(p, 0.05).sum() == 4


def test_what_is_flagged_leaves_the_base_of_the_others() -> None:
    """Two bad domains of three: each would hide the other, were it in its base."""
    cells = [
        Cell("good", 10, 100, 80, 200, "d"),
        Cell("bad", 40, 100, 50, 200, "d"),
        Cell("too", 40, 100, 50, 200, "d"),
    ]
    verdicts = {verdict.cell.key: verdict for verdict in flag(cells)}
    assert [key for key, verdict in verdicts.items() if verdict.flagged] == ["bad", "too"]
    assert verdicts["good"].base == Rate(80, 200)  # nothing else is left: the whole rest stays
    assert verdicts["bad"].base == Rate(10, 100)


def test_a_cell_without_a_rest_is_not_flagged() -> None:
    [alone] = flag([Cell("all", 90, 100, 0, 0)])
    assert (alone.flagged, alone.p) == (False, 1.0)
    assert flag([]) == []


def test_places_that_were_chosen_among_many_pay_for_it() -> None:
    [once] = flag([Cell("a", 8, 20, 15, 100)])
    [chosen] = flag([Cell("a", 8, 20, 15, 100, None, 5)])
    assert chosen.p == pytest.approx(5 * once.p)


@pytest.mark.parametrize("spread", [0.8, 1.2])
def test_false_alarms_are_few_and_bad_domains_are_found(spread: float) -> None:
    """Fewer runs than `manage.py bench_gaps`; the bounds leave three standard errors."""
    ours = simulation.simulate(simulation.by_our_test, runs=60, spread=spread)
    plain = simulation.simulate(simulation.by_plain_test, runs=60, spread=spread)
    assert ours.false_share <= 0.10
    assert ours.power > plain.power + 0.04
    assert ours.power >= 0.30


def test_where_nothing_is_bad_alarms_are_as_rare_as_promised() -> None:
    found = simulation.simulate(simulation.by_our_test, runs=120, bad=0)
    assert found.any_false <= 0.10 + 3 * (0.1 * 0.9 / 120) ** 0.5


def test_a_rate_is_drawn_to_its_base_the_more_the_less_it_rests_on() -> None:
    assert shrunken(Rate(2, 2), 0.1) == pytest.approx(4 / 22)
    assert shrunken(Rate(400, 1000), 0.1) == pytest.approx(402 / 1020)


def test_a_gap_neither_closes_nor_comes_back_in_between() -> None:
    assert not has_recovered(Rate(0, 19), 0.1, 0.5)  # too few
    assert has_recovered(Rate(1, 30), 0.1, 0.5)
    assert not has_recovered(Rate(8, 30), 0.1, 0.5)  # better, not clearly
    assert not stands_out(Rate(8, 30), 0.25)
    assert not stands_out(Rate(4, 10), 0.1)  # a handful
    assert stands_out(Rate(15, 30), 0.25)


def test_severity_is_by_the_share_of_all_that_went_wrong() -> None:
    assert [severity_of(excess, 100) for excess in (10, 5, 1)] == [Severity.HIGH, Severity.MEDIUM, Severity.LOW]
    assert severity_of(0, 0) == Severity.LOW


def test_the_day_since_which_a_flow_is_worse() -> None:

    first, today = date(2026, 1, 1), date(2026, 4, 11)
    days = [(first + timedelta(days=n), Rate(3 if n >= 72 else 1, 10)) for n in range(100)]
    cut = best_cut(days, [], today, first)
    assert cut is not None
    assert abs((cut.day - date(2026, 3, 14)).days) <= 4
    assert (cut.after.n + cut.before.n, cut.version) == (1000, None)
    assert cut.tries > 5
    by_version = best_cut(days, [(4, date(2026, 3, 14))], today, first)
    assert by_version is not None
    assert (by_version.day, by_version.version) == (date(2026, 3, 14), 4)
    assert best_cut(days[:1], [], today, first) is None
