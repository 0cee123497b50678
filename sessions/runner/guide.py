"""What the runner asks of the room that knows flows by their evidence, without importing it.

`SESSION_GUIDE` names the class; imports of rooms run downward only, and mining lives above sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from flowpilot.flows.models import FlowVersion
from sessions.models import Tier, tier_of


@dataclass(frozen=True, slots=True)
class FlowMatch:
    """A published flow that may answer a problem. `score` in 0..1 is the chance that it does; `why` tells in words."""

    version: FlowVersion
    score: float
    why: tuple[str, ...]

    @property
    def tier(self) -> Tier:
        return tier_of(self.score)


@dataclass(frozen=True, slots=True)
class StepDraft:
    """A step read from a pasted talk, to be corrected by the technician."""

    kind: str
    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class ReadTalk:
    """What a pasted chat or call transcript says: the problem, and the steps in order."""

    problem: str = ""
    steps: tuple[StepDraft, ...] = field(default_factory=tuple)


def score_among(matches: Sequence[FlowMatch], flow_id: int | None) -> float:
    """The score of the flow that was chosen; 0 for one that was not among those that fit."""
    return next((match.score for match in matches if match.version.flow_id == flow_id), 0.0)


class Guide(Protocol):
    def matches(self, user: Any, account_id: int, problem: str) -> Sequence[FlowMatch]:
        """The user's own published flows for a problem told in words, the likeliest first."""
        ...

    def answer_of(self, version: FlowVersion, node_id: str, text: str) -> str | None:
        """The id of the node's option that a free answer means; None where it cannot be told."""
        ...

    def read_talk(self, text: str) -> ReadTalk:
        """A transcript as steps. Raises InvalidInput for text in which nobody speaks."""
        ...


@lru_cache(maxsize=1)
def guide() -> Guide:
    return import_string(settings.SESSION_GUIDE)()
