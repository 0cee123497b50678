"""One step through a flow for a client that runs it itself: nothing is kept here of where it stands."""

from dataclasses import dataclass
from typing import Any

from flowpilot.common.errors import InvalidInput
from flowpilot.flows.models import FlowVersion
from sessions.runner.guide import guide

ENDINGS = ("resolution", "escalation")


@dataclass(frozen=True, slots=True)
class Walked:
    """Where the client stands now: `node` as the definition has it. `answered` is the option that was taken; None where
    nothing was answered, or where it could not be told which option was meant (`understood` is then false)."""

    node: dict[str, Any]
    answered: dict[str, Any] | None = None
    understood: bool = True

    @property
    def is_end(self) -> bool:
        return self.node["kind"] in ENDINGS


def flow_walk(version: FlowVersion, *, node_id: str = "", option_id: str = "", response: str = "") -> Walked:
    """The node that an answer at `node_id` (empty: the root) leads to; without an answer the node itself.

    An answer is an option's id, or free text, which is read as the runner reads it. Raises InvalidInput for a node or
    an option that there is none of, and for an answer where the flow has ended.
    """
    nodes = {node["id"]: node for node in version.nodes}
    node = nodes.get(node_id or version.definition["root"])
    if node is None:
        raise InvalidInput("the flow has no such step", details={"node": f"unknown: {node_id[:40]}"})
    if not option_id and not response:
        return Walked(node)
    options = {option["id"]: option for option in node.get("options", ())}
    if not options:
        raise InvalidInput("the flow ends here: there is nothing to answer", details={"node": "The flow ends here."})
    if option_id and option_id not in options:
        raise InvalidInput("the step has no such answer", details={"option": f"unknown: {option_id[:40]}"})
    chosen = options.get(option_id or guide().answer_of(version, node["id"], response) or "")
    return Walked(nodes[chosen["next"]], chosen) if chosen else Walked(node, understood=False)
