"""Proposals over the API: the same services as the admin's."""

from proposals.api.views import FlowProposalViewSet

__all__ = ["FlowProposalViewSet"]
