"""The tables of this room, one module a subject."""

from sessions.ingest.models import IngestJob, IngestPiece
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
from sessions.scripts.models import GeneratedScript, ScriptTemplate, ScriptTemplateVersion

__all__ = [
    "AISession",
    "AISessionQuerySet",
    "Attachment",
    "Client",
    "GeneratedScript",
    "Handover",
    "IngestJob",
    "IngestPiece",
    "PsaAttempt",
    "PsaConnection",
    "PsaPush",
    "PsaPushQuerySet",
    "ScriptTemplate",
    "ScriptTemplateVersion",
    "SessionStep",
    "Tier",
    "tier_of",
    "tier_q",
]
