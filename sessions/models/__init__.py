"""The tables of this room, one module a subject."""

from sessions.models.session import (
    AISession,
    AISessionQuerySet,
    Client,
    SessionStep,
    Tier,
    tier_of,
    tier_q,
)

__all__ = ["AISession", "AISessionQuerySet", "Client", "SessionStep", "Tier", "tier_of", "tier_q"]
