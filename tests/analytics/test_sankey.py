"""The layout of the Sankey diagram: what comes in goes out, nothing overlaps, and bands end at their boxes."""

import random
import re
from collections import defaultdict
from itertools import pairwise

import pytest

from analytics.sankey import BOX_WIDTH, GAP, Band, Diagram, crossings, sankey


def random_bands(seed: int) -> list[Band]:
    """Ways of up to six steps through five nodes, as bands from step to step."""
    dice = random.Random(seed)
    counts: dict[tuple[tuple[int, str], tuple[int, str]], int] = defaultdict(int)
    for _ in range(200):
        way = [dice.choice("abcde") for _ in range(dice.randrange(2, 7))]
        for step, (one, other) in enumerate(pairwise(way), 1):
            counts[(step, one), (step + 1, other)] += 1
    return [Band(source, target, n) for (source, target), n in counts.items()]


def edges(path: str) -> tuple[float, float, float, float, float]:
    """x and y where a band begins, x and y where it ends, and its height there."""
    numbers = [float(found) for found in re.findall(r"-?\d+\.\d", path)]
    return numbers[0], numbers[1], numbers[6], numbers[7], numbers[8] - numbers[7]


@pytest.mark.parametrize("seed", range(5))
def test_boxes_of_a_column_stand_apart(seed: int) -> None:
    diagram = sankey(random_bands(seed))
    columns = defaultdict(list)
    for box in diagram.boxes:
        assert box.x + BOX_WIDTH < diagram.width
        assert box.y + box.height < diagram.height
        columns[box.key[0]].append(box)
    for boxes in columns.values():
        assert len({box.x for box in boxes}) == 1
        ordered = sorted(boxes, key=lambda box: box.y)
        for one, other in pairwise(ordered):
            assert other.y >= one.y + one.height + GAP - 0.001


@pytest.mark.parametrize("seed", range(5))
def test_bands_fill_their_boxes_and_no_more(seed: int) -> None:
    bands = random_bands(seed)
    diagram = sankey(bands)
    boxes = {box.key: box for box in diagram.boxes}
    assert [placed.band for placed in diagram.bands] == bands
    for placed in diagram.bands:
        x0, y0, x1, y1, height = edges(placed.path)
        source, target = boxes[placed.band.source], boxes[placed.band.target]
        assert x0 == pytest.approx(source.x + BOX_WIDTH)
        assert x1 == pytest.approx(target.x)
        assert source.y - 0.1 <= y0
        assert y0 + height <= source.y + source.height + 0.2
        assert target.y - 0.1 <= y1
        assert y1 + height <= target.y + target.height + 0.2
    for box in diagram.boxes:
        into = sum(band.n for band in bands if band.target == box.key)
        out = sum(band.n for band in bands if band.source == box.key)
        assert box.n == max(into, out)


def test_bands_of_a_box_do_not_overlap() -> None:
    diagram = sankey(random_bands(1))
    starts = defaultdict(list)
    for placed in diagram.bands:
        _, y0, _, _, height = edges(placed.path)
        starts[placed.band.source].append((y0, height))
    for found in starts.values():
        ordered = sorted(found)
        for (y, height), (below, _) in pairwise(ordered):
            # A band that would be too thin to be seen is drawn thicker than it is.
            assert below >= y + height - 1.5


def test_the_order_of_boxes_keeps_crossings_few() -> None:
    """Two ways side by side stay so, whatever their names and sizes."""
    bands = [
        Band((1, "a"), (2, "z"), 30),
        Band((1, "b"), (2, "y"), 20),
        Band((2, "z"), (3, "c"), 30),
        Band((2, "y"), (3, "b"), 20),
    ]
    assert crossings(sankey(bands)) == 0


def test_nothing_and_one() -> None:
    assert sankey([]) == Diagram(0.0, 0.0, [], [])
    diagram = sankey([Band((1, "a"), (2, "resolved"), 1)])
    assert len(diagram.boxes) == 2
    assert diagram.boxes[0].height == diagram.boxes[1].height > 100
