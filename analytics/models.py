"""The tables of this room."""

from analytics.gaps.models import KnowledgeGap

__all__ = ["KnowledgeGap"]
