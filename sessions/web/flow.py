"""A session's flow as its page shows it: where the session stands and what comes next, or all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flowpilot.flows.models import FlowVersion
from flowpilot.flows.outline import OutlineLine
from flowpilot.flows.outline import outline as lines_of
from sessions.models import SessionStep

# Of the way so far the last steps are shown: the rest stands above the columns, and in the whole flow.
PASSED_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A step of the flow near the session; `via` is the answer that leads away from it, or to it where it is next."""

    node_id: str
    text: str
    via: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a session stands in its flow. `here` is None off the flow; `earlier` steps are passed but not shown."""

    earlier: int
    passed: tuple[Place, ...]
    here: Place | None
    following: tuple[Place, ...]


def surroundings(version: FlowVersion, node: dict[str, Any] | None, steps: Sequence[SessionStep]) -> Surroundings:
    """The last steps that were passed, the node where the session stands, and where its answers lead."""
    texts = {found["id"]: found["text"] for found in version.nodes}
    passed = [step for step in steps if step.node_id in texts]
    options = node.get("options", ()) if node else ()
    return Surroundings(
        earlier=max(0, len(passed) - PASSED_SHOWN),
        passed=tuple(
            Place(step.node_id, step.prompt, step.selected_option or "none of these") for step in passed[-PASSED_SHOWN:]
        ),
        here=Place(node["id"], node["text"], "") if node else None,
        following=tuple(Place(option["next"], texts[option["next"]], option["label"]) for option in options),
    )


@lru_cache(maxsize=256)
def outline_of(version_id: int) -> list[OutlineLine]:
    """A version never changes: it is read and checked once, not at every look."""
    return lines_of(FlowVersion.objects.values_list("definition", flat=True).get(pk=version_id))
