"""Review of proposals: the one service behind the admin, the API and every other door."""

from proposals.review.claims import proposal_claim, proposal_release
from proposals.review.decide import (
    proposal_approve,
    proposal_dismiss,
    proposal_publish,
    proposal_reject,
    proposal_retire,
)
from proposals.review.merge import proposal_merge
from proposals.review.parking import proposal_wake
from proposals.review.start import proposal_start
from proposals.review.undo import Undone, proposal_undo, undo_deadline

__all__ = [
    "Undone",
    "proposal_approve",
    "proposal_claim",
    "proposal_dismiss",
    "proposal_merge",
    "proposal_publish",
    "proposal_reject",
    "proposal_release",
    "proposal_retire",
    "proposal_start",
    "proposal_undo",
    "proposal_wake",
    "undo_deadline",
]
