"""Topics, proposed changes to the flows with their evidence, their review, and the records of analysis."""

from proposals.models.analysis import AnalysisRun, SessionAnalysis
from proposals.models.proposal import FlowProposal, ProposalEvidence
from proposals.models.review import NoticeSettings, ProposalViewer, ReplayReport, ReviewDraft
from proposals.models.topic import Topic

__all__ = [
    "AnalysisRun",
    "FlowProposal",
    "NoticeSettings",
    "ProposalEvidence",
    "ProposalViewer",
    "ReplayReport",
    "ReviewDraft",
    "SessionAnalysis",
    "Topic",
]
