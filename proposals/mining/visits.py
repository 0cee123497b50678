"""A session's way over the nodes."""

from dataclasses import dataclass

from proposals.mining.records import Step


@dataclass(frozen=True, slots=True)
class Visit:
    """A session's step at a node."""

    node: int
    session: int  # place of the record
    step: Step
