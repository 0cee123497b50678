"""Claims: "I am at it". A claim warns other reviewers until it runs out; it never stops a decision."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict
from proposals.models import FlowProposal
from proposals.review.lock import proposal_lock, release_claim, require_pending

SAVED = ["claimed_by", "claimed_until", "updated_at"]


@transaction.atomic
def proposal_claim(*, actor: User, proposal_id: int) -> FlowProposal:
    """Claim a pending proposal for a while, or one's own for as long again.

    Raises NotFound, NotAllowed; Conflict where it is decided, or another's claim has not run out.
    """
    proposal = proposal_lock(actor, proposal_id)
    require_pending(proposal)
    holder = proposal.claimant
    if holder is not None and holder != actor:
        until = timezone.localtime(proposal.claimed_until)
        raise Conflict(
            f"{holder} has claimed it until {until:%H:%M %Z}; you may decide it all the same",
            details={"claimed_by": str(holder), "claimed_until": str(proposal.claimed_until)},
        )
    proposal.claimed_by, proposal.claimed_until = actor, timezone.now() + settings.REVIEW_CLAIM
    proposal.save(update_fields=SAVED)
    if holder is None:
        after = {"claimed_until": proposal.claimed_until.isoformat()}
        audit_record(actor=actor, action="proposal.claimed", target=proposal, after=after)
    return proposal


@transaction.atomic
def proposal_release(*, actor: User, proposal_id: int) -> FlowProposal:
    """Give one's own claim back; one that has run out, too. Raises NotFound, NotAllowed, Conflict (not the actor's)."""
    proposal = proposal_lock(actor, proposal_id)
    require_pending(proposal)
    if proposal.claimed_by != actor:
        raise Conflict("you have no claim on it")
    release_claim(proposal)
    proposal.save(update_fields=SAVED)
    audit_record(actor=actor, action="proposal.released", target=proposal)
    return proposal
