"""The tables of this room."""

from analytics.gaps.models import KnowledgeGap
from analytics.reports.models import ReportSubscription
from analytics.rollups.models import (
    ClientDurationDay,
    ClientDurationMonth,
    ClientSessionDay,
    ClientSessionMonth,
    DurationDay,
    DurationMonth,
    EndedSession,
    RolledAccount,
    RollupMark,
    SessionDay,
    SessionMark,
    SessionMonth,
    TeamDurationDay,
    TeamDurationMonth,
    TeamSessionDay,
    TeamSessionMonth,
)

__all__ = [
    "ClientDurationDay",
    "ClientDurationMonth",
    "ClientSessionDay",
    "ClientSessionMonth",
    "DurationDay",
    "DurationMonth",
    "EndedSession",
    "KnowledgeGap",
    "ReportSubscription",
    "RolledAccount",
    "RollupMark",
    "SessionDay",
    "SessionMark",
    "SessionMonth",
    "TeamDurationDay",
    "TeamDurationMonth",
    "TeamSessionDay",
    "TeamSessionMonth",
]
