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
