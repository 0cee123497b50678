"""What the runner asks of the room that knows flows by their evidence, without importing it.

`SESSION_GUIDE` names the class; imports of rooms run downward only, and mining lives above sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from flowpilot.common.errors import ServiceError
from flowpilot.flows.models import FlowVersion
from sessions.models import AISession, Tier, tier_of


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
    # Whether it is clear who speaks and there are steps.
    is_sure: bool = True


class NoHelp(ServiceError):
    """The account's language model has nothing to suggest; the message says why. All goes on without."""

    code = "no_help"
    status = 503


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

    def is_model_offered(self, account_id: int) -> bool:
        """Whether the account allows a language model to help in sessions; the three below ask it, and take seconds."""
        ...

    def read_talk_by_model(self, account_id: int, subject: str, text: str) -> ReadTalk:
        """A transcript's steps in its own words. Raises NoHelp."""
        ...

    def draft_summary(self, session: AISession) -> str:
        """A draft of the resolution summary. Raises NoHelp."""
        ...

    def suggest_domain(self, session: AISession) -> str:
        """One of the account's problem domains. Raises NoHelp."""
        ...


@lru_cache(maxsize=1)
def guide() -> Guide:
    return import_string(settings.SESSION_GUIDE)()
