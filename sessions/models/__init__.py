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
from sessions.models.work import Attachment, Handover

__all__ = [
    "AISession",
    "AISessionQuerySet",
    "Attachment",
    "Client",
    "Handover",
    "SessionStep",
    "Tier",
    "tier_of",
    "tier_q",
]
