"""Review of proposals: the one service behind the admin, the API and every other door."""

from proposals.review.decide import (
    proposal_approve,
    proposal_dismiss,
    proposal_publish,
    proposal_reject,
    proposal_retire,
)

__all__ = ["proposal_approve", "proposal_dismiss", "proposal_publish", "proposal_reject", "proposal_retire"]
