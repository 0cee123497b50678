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
from sessions.psa.models import PsaAttempt, PsaConnection, PsaPush, PsaPushQuerySet

__all__ = [
    "AISession",
    "AISessionQuerySet",
    "Attachment",
    "Client",
    "Handover",
    "PsaAttempt",
    "PsaConnection",
    "PsaPush",
    "PsaPushQuerySet",
    "SessionStep",
    "Tier",
    "tier_of",
    "tier_q",
]
