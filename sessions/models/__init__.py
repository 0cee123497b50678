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
from sessions.scripts.models import GeneratedScript, ScriptTemplate, ScriptTemplateVersion

__all__ = [
    "AISession",
    "AISessionQuerySet",
    "Client",
    "GeneratedScript",
    "ScriptTemplate",
    "ScriptTemplateVersion",
    "SessionStep",
    "Tier",
    "tier_of",
    "tier_q",
]
