"""Statistics of rates. Pure."""

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `n`, with its 95 % Wilson score interval; share and interval are None where n is 0.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """

    count: int
    n: int

    @property
    def share(self) -> float | None:
        return self.count / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson_interval(self.count, self.n) if self.n else None

    @property
    def is_enough(self) -> bool:
        """Whether the rate says something: pages write "not enough data" below this."""
        return self.n >= ENOUGH


def wilson_interval(count: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of `count` successes in `n` > 0 trials, as shares in 0..1."""
    p = count / n
    middle = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


@dataclass(frozen=True, slots=True)
class Difference:
    """One rate minus another, with the 95 % interval of the difference, as shares in -1..1."""

    share: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out "no difference"."""
        return self.low > 0 or self.high < 0


def difference_of(one: Rate, other: Rate, z: float = Z_95) -> Difference | None:
    """`one` minus `other`, two independent rates; None where either is a rate of nothing.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998), method 10: the square-and-add of the two Wilson intervals.
    """
    if not (one.n and other.n):
        return None
    p, q = one.count / one.n, other.count / other.n
    (p_low, p_high), (q_low, q_high) = wilson_interval(one.count, one.n, z), wilson_interval(other.count, other.n, z)
    low = p - q - math.hypot(p - p_low, q_high - q)
    high = p - q + math.hypot(p_high - p, q - q_low)
    return Difference(p - q, max(-1.0, low), min(1.0, high))
