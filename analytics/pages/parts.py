"""What dashboards are made of: cards with a figure, and blocks with a table that may be drawn as a chart.

A block's table is the one source of the page, of its chart (drawn from the table by charts.js), of its CSV and of what
a screen reader reads.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from analytics.csvfile import difference_columns, difference_values, rate_columns, rate_values
from flowpilot.common.statistics import Rate

Chart = Literal["", "bars", "stacked", "lines"]
Heat = Literal["", "strong", "fair", "weak", "poor"]


@dataclass(frozen=True)
class Card:
    """One figure: a count, a Rate, a length of time or money, with the period before, and the rows that it counts.

    `better` is which way is good: "up", "down" or "" where neither is. `is_now` is of a figure as it stands now, which
    no period came before.
    """

    label: str
    value: int | Rate | timedelta | float | Decimal | None
    before: int | Rate | timedelta | float | Decimal | None = None
    url: str = ""
    better: Literal["", "up", "down"] = "up"
    note: str = ""
    is_now: bool = False

    @property
    def counted(self) -> int | None:
        """How many rows `url` opens, where the figure tells it."""
        return _counted(self.value)


@dataclass(frozen=True)
class Bar:
    """A share in 0..1 as a bar beside its figure, which says the same; `interval` is drawn as its whisker."""

    share: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Cell:
    """A value of a table: text, number, Rate, time, length of time or None; `url` opens the rows that it counts."""

    value: Any
    url: str = ""
    badge: str = ""
    # Of a heatmap: how good the value is, in words of the block's legend; "" is not coloured.
    heat: Heat = ""
    bar: Bar | None = None

    @property
    def counted(self) -> int | None:
        """How many rows `url` opens, where the value tells it."""
        return _counted(self.value)


@dataclass(frozen=True)
class Column:
    """`colour` is a name of theme.css (`--fp-chart-…`) for the column's bars or line."""

    label: str
    colour: str = ""
    is_rate: bool = False
    is_difference: bool = False
    is_long: bool = False  # sentences
    is_number: bool = True


@dataclass(frozen=True)
class Block:
    """A titled table. The first column of each row names it; `chart` draws the others, and `summary` then says in a
    sentence what the chart shows."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    summary: str = ""
    chart: Chart = ""
    empty: str = "Nothing in this period."
    is_wide: bool = False
    links: Sequence[tuple[str, str]] = field(default=())
    # A diagram made on the server, which the table then stands behind; analytics/sankey.html draws it.
    drawing: Any = None
    # Of a heatmap: what each colour stands for.
    legend: Sequence[tuple[Heat, str]] = ()

    def csv_header(self) -> list[str]:
        return [name for column in self.columns for name in _names(column)]

    def csv_lines(self) -> Iterator[list[Any]]:
        for row in self.rows:
            yield [
                value for column, cell in zip(self.columns, row, strict=True) for value in _values(column, cell.value)
            ]


@dataclass(frozen=True)
class Later:
    """A block that costs more than the rest of its page: the page comes without it and asks for it at once."""

    key: str
    title: str
    make: Callable[[], Block]
    is_later: bool = True

    @cached_property
    def block(self) -> Block:
        return self.make()

    @property
    def rows(self) -> Sequence[Sequence[Cell]]:
        return self.block.rows

    def csv_header(self) -> list[str]:
        return self.block.csv_header()

    def csv_lines(self) -> Iterator[list[Any]]:
        return self.block.csv_lines()


def _names(column: Column) -> list[str]:
    if column.is_difference:
        return difference_columns(column.label)
    return rate_columns(column.label) if column.is_rate else [column.label]


def _values(column: Column, value: Any) -> list[Any]:
    if column.is_difference:
        return difference_values(value)
    return rate_values(value) if isinstance(value, Rate) else [value]


def _counted(value: Any) -> int | None:
    return value.count if isinstance(value, Rate) else value if isinstance(value, int) else None
