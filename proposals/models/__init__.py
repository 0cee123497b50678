"""Topics, proposed changes to the flows with their evidence, their review, and the records of analysis."""

from proposals.models.analysis import AnalysisRun, SessionAnalysis
from proposals.models.proposal import FlowProposal, ProposalEvidence
from proposals.models.review import NoticeSettings, ProposalViewer, ReplayReport, ReviewDraft
from proposals.models.topic import Topic
from proposals.models.wording import ProposalWording

__all__ = [
    "AnalysisRun",
    "FlowProposal",
    "NoticeSettings",
    "ProposalEvidence",
    "ProposalViewer",
    "ProposalWording",
    "ReplayReport",
    "ReviewDraft",
    "SessionAnalysis",
    "Topic",
]
