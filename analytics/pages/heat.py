"""The few steps that a heatmap colours its rates in."""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics.pages.parts import Heat
from flowpilot.common.statistics import Rate
from flowpilot.common.templatetags.flowpilot import percent

STEPS: tuple[Heat, ...] = ("strong", "fair", "weak", "poor")


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the steps of a rate begin, as shares: strong, fair and weak; `is_harm` where less is better."""

    bounds: tuple[float, float, float]
    is_harm: bool = False

    def of(self, rate: Rate) -> Heat:
        """The step of a rate; "" where it rests on too little."""
        if rate.share is None or not rate.is_enough:
            return ""
        for step, bound in zip(STEPS, self.bounds, strict=False):
            if rate.share <= bound if self.is_harm else rate.share >= bound:
                return step
        return "poor"


def legend(scales: Mapping[str, Scale]) -> list[tuple[Heat, str]]:
    """What each step says, in words, for rates named as in a sentence."""
    lines: list[tuple[Heat, str]] = []
    for place, step in enumerate(STEPS[:-1]):
        parts = [
            f"{name} {'at most' if scale.is_harm else 'from'} {percent(scale.bounds[place])}"
            for name, scale in scales.items()
        ]
        lines.append((step, f"{step.capitalize()}: {', '.join(parts)}"))
    return [*lines, ("poor", "Poor: what is beyond that")]
