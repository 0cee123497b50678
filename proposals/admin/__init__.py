"""The proposals' pages in the admin site."""

from proposals.admin.analysis import AnalysisRunAdmin, SessionAnalysisAdmin
from proposals.admin.proposals import FlowProposalAdmin

__all__ = ["AnalysisRunAdmin", "FlowProposalAdmin", "SessionAnalysisAdmin"]
