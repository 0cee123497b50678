"""The ways through one version: on its graph, as tables, and as a Sankey diagram."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from analytics.guided import NONE_OF_THESE
from analytics.metrics.ways import NodeRow, OptionRow, Passage, Ways
from analytics.pages.flows import guided_url
from analytics.pages.heat import Scale, legend
from analytics.pages.parts import Block, Cell, Column
from analytics.sankey import BOX_WIDTH, Band, Diagram, Key, sankey
from analytics.scope import Scope
from flowpilot.common.statistics import Rate
from flowpilot.common.templatetags.flowpilot import percent
from flowpilot.flows.models import FlowVersion
from sessions.models import AISession

LEFT = Scale((0.05, 0.15, 0.3), is_harm=True)
BADLY = Scale((0.15, 0.3, 0.5), is_harm=True)
MOST_COLUMNS = 8  # of the diagram; the table goes on
MOST_BOXES = 7  # of a column; the others become one
LABEL_LENGTH = 24
OTHER_FLOW = "A step of another flow"
WIDEST_EDGE = 5


def nodes_block(scope: Scope, version: FlowVersion, found: Ways) -> Block:
    rows = [_node_cells(scope, version, row) for row in found.nodes]
    return Block(
        key="nodes",
        title="Steps of the flow",
        columns=[
            Column("Step", is_number=False),
            Column("Sessions that came"),
            Column("Went no further", is_rate=True),
            Column("Median time at it"),
        ],
        rows=rows if found.known else [],
        summary=_nodes_summary(found),
        empty="No session of this version that was worked here ended in this period.",
        legend=legend({"went no further": LEFT}),
        is_wide=True,
    )


def options_block(scope: Scope, version: FlowVersion, found: Ways) -> Block:
    rows = [_option_cells(scope, version, row) for row in found.options]
    return Block(
        key="options",
        title="Answers, and how their sessions ended",
        columns=[
            Column("Step", is_number=False),
            Column("Answer", is_number=False),
            Column("Sessions"),
            Column("Not resolved", is_rate=True),
        ],
        rows=rows if any(row.badly.n for row in found.options) else [],
        summary=_options_summary(found),
        empty="No answer was given in this period.",
        legend=legend({"not resolved": BADLY}),
        is_wide=True,
    )


def passages_block(scope: Scope, version: FlowVersion, found: Ways) -> Block:
    def words(place: int | str | None) -> str:
        return _words(version, place)

    rows = [
        [
            Cell(f"{row.step}. {words(row.source)}"),
            Cell(words(row.target)),
            Cell(row.n, _passage_url(scope, version, row)),
        ]
        for row in found.passages
    ]
    return Block(
        key="ways",
        title="The ways that sessions took",
        columns=[Column("Step of the way", is_number=False), Column("Then", is_number=False), Column("Sessions")],
        rows=rows,
        summary=_ways_summary(version, found),
        empty="No session of this version that was worked here ended in this period.",
        drawing=drawing(version, found),
        is_wide=True,
    )


def marks(found: Ways) -> dict[str, Any]:
    """What graph.js writes on a version's graph: at each node who came and left, at each answer who gave it."""
    notes, heat = {}, {}
    for row in found.nodes:
        if row.left.n:
            went = "ended here" if row.is_ending else "went no further"
            notes[row.node["id"]] = f"{row.left.n:,} came, {row.left.count:,} {went}"
            if step := _left_heat(row):
                heat[row.node["id"]] = step
    answers = {
        f"{row.node['id']}/{row.node['options'][row.place]['id']}": row.badly.n
        for row in found.options
        if row.label is not None
    }
    most = max(answers.values(), default=0)
    weights = {key: 1 + round((WIDEST_EDGE - 1) * n / most) if most else 1 for key, n in answers.items()}
    edge_notes = {key: f"{n:,}" for key, n in answers.items()}
    return {"notes": notes, "heat": heat, "edgeNotes": edge_notes, "edgeWeights": weights} if found.known else {}


# --- The diagram ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """A box as the template draws it: `kind` is a node's kind, a session's status, "other" or "later"."""

    x: str
    y: str
    height: str
    text_x: str
    text_y: str
    label: str
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A Sankey diagram in words and numbers of SVG."""

    width: str
    height: str
    boxes: list[Shape]
    bands: list[tuple[str, str, str]]  # path, kind of what it leads to, title
    box_width: str = f"{BOX_WIDTH:.0f}"


def drawing(version: FlowVersion, found: Ways) -> Drawing | None:
    """The ways as a diagram of few columns and boxes; None where nothing is known."""
    bands = _bands(found.passages)
    if not bands:
        return None
    diagram = sankey(bands)
    names = {box.key: _box_words(version, box.key) for box in diagram.boxes}
    shapes = [
        Shape(
            x=f"{box.x:.1f}",
            y=f"{box.y:.1f}",
            height=f"{box.height:.1f}",
            text_x=f"{box.x + BOX_WIDTH + 5:.1f}",
            text_y=f"{box.middle:.1f}",
            label=f"{_short(names[box.key])} {box.n:,}",
            title=f"{names[box.key]}: {box.n:,}",
            kind=_kind(version, box.key),
        )
        for box in diagram.boxes
    ]
    return Drawing(f"{diagram.width:.0f}", f"{diagram.height:.0f}", shapes, _drawn(version, diagram, names))


def _drawn(version: FlowVersion, diagram: Diagram, names: dict[Key, str]) -> list[tuple[str, str, str]]:
    return [
        (
            placed.path,
            _kind(version, placed.band.target),
            f"{names[placed.band.source]} → {names[placed.band.target]}: {placed.band.n:,}",
        )
        for placed in diagram.bands
    ]


def _bands(passages: list[Passage]) -> list[Band]:
    """Passages as bands. What goes on beyond the last column ends in "later", a column's small boxes in "other"."""
    sizes: Counter[Key] = Counter()
    for row in passages:
        sizes[row.step, str(row.source)] += row.n
    kept = {
        key
        for column in range(1, MOST_COLUMNS + 1)
        for key, _ in Counter({k: n for k, n in sizes.items() if k[0] == column}).most_common(MOST_BOXES)
    }

    def box(column: int, place: int | str | None) -> Key:
        if isinstance(place, str):
            return column, place
        if column > MOST_COLUMNS:
            return column, "later"
        return (column, str(place)) if (column, str(place)) in kept else (column, "other")

    found: Counter[tuple[Key, Key]] = Counter()
    for row in passages:
        if row.step <= MOST_COLUMNS:
            found[box(row.step, row.source), box(row.step + 1, row.target)] += row.n
    return [Band(source, target, n) for (source, target), n in sorted(found.items())]


def _kind(version: FlowVersion, key: Key) -> str:
    return str(version.nodes[int(key[1])]["kind"]) if key[1].isdecimal() else key[1] if key[1] != "None" else "other"


def _box_words(version: FlowVersion, key: Key) -> str:
    fixed = {"other": "Other steps", "later": "Goes on", "None": OTHER_FLOW}
    name = key[1]
    return fixed.get(name) or _words(version, int(name) if name.isdecimal() else name)


def _short(text: str) -> str:
    return text if len(text) <= LABEL_LENGTH else f"{text[: LABEL_LENGTH - 1].rstrip()}…"


# --- Cells and words --------------------------------------------------------------------------------------------------


def _words(version: FlowVersion, place: int | str | None) -> str:
    """A node's text, or how the sessions ended."""
    if place is None:
        return OTHER_FLOW
    return AISession.Status(place).label if isinstance(place, str) else str(version.nodes[place]["text"])


def _node_cells(scope: Scope, version: FlowVersion, row: NodeRow) -> list[Cell]:
    return [
        Cell(row.node["text"]),
        Cell(row.left.n, guided_url(scope, version, "at", row.place)),
        Cell(row.left, guided_url(scope, version, "left", row.place), heat=_left_heat(row)),
        Cell(row.seconds),
    ]


def _left_heat(row: NodeRow) -> Any:
    """An ending is where ways are meant to end."""
    return "" if row.is_ending else LEFT.of(row.left)


def _option_cells(scope: Scope, version: FlowVersion, row: OptionRow) -> list[Cell]:
    place = (row.node_place, row.place)
    return [
        Cell(row.node["text"]),
        Cell(NONE_OF_THESE if row.label is None else row.label),
        Cell(row.badly.n, guided_url(scope, version, "answer", *place)),
        Cell(row.badly, guided_url(scope, version, "badly", *place), heat=BADLY.of(row.badly)),
    ]


def _passage_url(scope: Scope, version: FlowVersion, row: Passage) -> str:
    if row.source is None or row.target is None:
        return ""
    return guided_url(scope, version, "way", row.step, row.source, row.target)


def _nodes_summary(found: Ways) -> str:
    telling = [row for row in found.nodes if not row.is_ending and row.left.is_enough and row.left.count]
    if not telling:
        return ""
    worst = max(telling, key=lambda row: row.left.count)
    return (
        f"Most go no further than “{worst.node['text']}”: {worst.left.count:,} of {worst.left.n:,} that came there "
        f"({percent(worst.left.share)})."
    )


def _options_summary(found: Ways) -> str:
    telling = [row for row in found.options if row.badly.is_enough and row.badly.count]
    if not telling:
        return ""
    worst = max(telling, key=lambda row: _low(row.badly))
    label = NONE_OF_THESE if worst.label is None else worst.label
    return (
        f"Worst: “{label}” to “{worst.node['text']}”, after which {percent(worst.badly.share)} of {worst.badly.n:,} "
        "sessions were not resolved."
    )


def _low(rate: Rate) -> float:
    return rate.interval[0] if rate.interval else 0.0


def _ways_summary(version: FlowVersion, found: Ways) -> str:
    if found.commonest is None:
        return ""
    way, status, n = found.commonest
    words = " → ".join([*(_words(version, place) for place in way), AISession.Status(status).label.lower()])
    known = f"The way is known of {found.known:,} of {found.n:,} sessions: those that were worked here."
    return f"{known} The commonest, of {n:,}: {words}."
