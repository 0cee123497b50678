"""How well the test of gaps finds what is bad, and how seldom it cries wolf, in made-up accounts. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from analytics.gaps.statistics import Cell, Q, benjamini_hochberg, flag

Flagger = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Result:
    """Means over all runs, 0..1: false ones of what was flagged, bad ones that were flagged, runs with a false one."""

    false_share: float
    power: float
    any_false: float


def simulate(
    flagger: Flagger,
    *,
    runs: int,
    seed: int = 1,
    domains: int = 200,
    bad: int = 20,
    rates: tuple[float, float] = (0.15, 0.35),
    median: float = 20,
    spread: float = 1.0,
) -> Result:
    """`runs` accounts of so many domains, `bad` of them at the second rate; sizes are log-normal, `spread` is sigma."""
    rng = np.random.default_rng(seed)
    is_bad = np.arange(domains) < bad
    false_shares, powers, false_runs = [], [], 0
    for _ in range(runs):
        n = np.maximum(1, np.rint(median * np.exp(spread * rng.standard_normal(domains)))).astype(int)
        flagged = flagger(rng.binomial(n, np.where(is_bad, rates[1], rates[0])), n)
        false = int((flagged & ~is_bad).sum())
        false_shares.append(false / max(1, int(flagged.sum())))
        powers.append(float(flagged[is_bad].mean()) if bad else 0.0)
        false_runs += false > 0
    return Result(float(np.mean(false_shares)), float(np.mean(powers)), false_runs / runs)


def by_our_test(count: np.ndarray, n: np.ndarray) -> np.ndarray:
    """What `statistics.flag` flags of the domains of one account."""
    all_count, all_n = int(count.sum()), int(n.sum())
    cells = [
        Cell(place, int(k), int(size), all_count - int(k), all_n - int(size), "domain")
        for place, (k, size) in enumerate(zip(count, n, strict=True))
    ]
    return np.array([verdict.flagged for verdict in flag(cells)])


def by_plain_test(count: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The reference: Benjamini-Hochberg of plain exact binomial tests against the rest."""
    base = (count.sum() - count) / (n.sum() - n)
    return benjamini_hochberg(binom.sf(count - 1, n, base), Q)
