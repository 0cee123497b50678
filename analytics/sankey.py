"""Places the boxes and bands of a Sankey diagram in columns. Pure: numbers in, numbers out.

Boxes stand in the column that their key names; bands lead from a column to the next. Within a column boxes stand in the
order of where their bands come from (the barycentre method: Sugiyama, Tagawa and Toda, "Methods for visual
understanding of hierarchical system structures", IEEE Transactions on Systems, Man, and Cybernetics 11, 1981).
"""

from collections.abc import Sequence
from dataclasses import dataclass

BOX_WIDTH, PITCH, GAP, MARGIN = 12.0, 190.0, 20.0, 10.0
FLOW_HEIGHT = 260.0
LEAST = 1.5  # px: thinner cannot be seen

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Band:
    """`n` go from one box to another, in a later column."""

    source: Key
    target: Key
    n: int


@dataclass(frozen=True, slots=True)
class PlacedBox:
    key: Key
    n: int
    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class PlacedBand:
    """`path` is the outline of the band, as an SVG path."""

    band: Band
    path: str


@dataclass(frozen=True, slots=True)
class Diagram:
    width: float
    height: float
    boxes: list[PlacedBox]
    bands: list[PlacedBand]


def sankey(bands: Sequence[Band]) -> Diagram:
    """The diagram of bands, each of n > 0; nothing to draw gives an empty one."""
    if not bands:
        return Diagram(0.0, 0.0, [], [])
    sizes = _sizes(bands)
    columns = sorted({key[0] for key in sizes})
    scale = FLOW_HEIGHT / max(sum(n for key, n in sizes.items() if key[0] == column) for column in columns)
    boxes: dict[Key, PlacedBox] = {}
    for column in columns:
        y = MARGIN
        for key in _ordered([key for key in sizes if key[0] == column], sizes, bands, boxes):
            height = max(LEAST, sizes[key] * scale)
            boxes[key] = PlacedBox(key, sizes[key], MARGIN + (column - columns[0]) * PITCH, y, height)
            y += height + GAP
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    return Diagram(
        width=2 * MARGIN + (columns[-1] - columns[0] + 1) * PITCH,
        height=height,
        boxes=list(boxes.values()),
        bands=_placed(bands, boxes, scale),
    )


def _sizes(bands: Sequence[Band]) -> dict[Key, int]:
    """What goes through each box: as much as comes in or as goes out, whichever is more."""
    into: dict[Key, int] = {}
    out: dict[Key, int] = {}
    for band in bands:
        out[band.source] = out.get(band.source, 0) + band.n
        into[band.target] = into.get(band.target, 0) + band.n
    return {key: max(into.get(key, 0), out.get(key, 0)) for key in {**out, **into}}


def _ordered(keys: list[Key], sizes: dict[Key, int], bands: Sequence[Band], placed: dict[Key, PlacedBox]) -> list[Key]:
    """By the mean place of what leads to each, weighted; the largest first where nothing does."""

    def rank(key: Key) -> tuple[float, int, str]:
        into = [(placed[band.source].middle, band.n) for band in bands if band.target == key and band.source in placed]
        n = sum(weight for _, weight in into)
        return (sum(middle * weight for middle, weight in into) / n if n else 0.0), -sizes[key], key[1]

    return sorted(keys, key=rank)


def _placed(bands: Sequence[Band], boxes: dict[Key, PlacedBox], scale: float) -> list[PlacedBand]:
    """Bands leave a box in the order of where they go, and come in in the order of where they come from."""
    starts = _stacked(bands, boxes, scale, "source")
    ends = _stacked(bands, boxes, scale, "target")
    found = []
    for place, band in enumerate(bands):
        x0, x1 = boxes[band.source].x + BOX_WIDTH, boxes[band.target].x
        height = max(LEAST, band.n * scale)
        found.append(PlacedBand(band, _outline(x0, starts[place], x1, ends[place], height)))
    return found


def _stacked(bands: Sequence[Band], boxes: dict[Key, PlacedBox], scale: float, side: str) -> dict[int, float]:
    """The upper edge of each band at its box."""
    other = "target" if side == "source" else "source"
    order = sorted(range(len(bands)), key=lambda place: boxes[getattr(bands[place], other)].y)
    filled: dict[Key, float] = {}
    found = {}
    for place in order:
        key = getattr(bands[place], side)
        found[place] = boxes[key].y + filled.get(key, 0.0)
        filled[key] = filled.get(key, 0.0) + bands[place].n * scale
    return found


def _outline(x0: float, y0: float, x1: float, y1: float, height: float) -> str:
    middle = (x0 + x1) / 2
    there = f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    low0, low1 = y0 + height, y1 + height
    return f"{there}V{low1:.1f}C{middle:.1f} {low1:.1f} {middle:.1f} {low0:.1f} {x0:.1f} {low0:.1f}Z"


def crossings(diagram: Diagram) -> int:
    """How many pairs of bands between the same two columns cross: what the order keeps few."""
    at = {box.key: box.y for box in diagram.boxes}
    found = 0
    bands = [placed.band for placed in diagram.bands]
    for place, one in enumerate(bands):
        for other in bands[place + 1 :]:
            if one.source[0] == other.source[0]:
                found += (at[one.source] - at[other.source]) * (at[one.target] - at[other.target]) < 0
    return found
