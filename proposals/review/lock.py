"""What every decision begins with: the proposal's row locked, the actor allowed, the revision the one that was read."""

from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, NotAllowed, NotFound, Stale
from flowpilot.common.models import AuditEvent
from proposals.models import FlowProposal

Status = FlowProposal.Status
# Sentences that tell a reviewer what has changed.
MOST_CHANGES = 20


def proposal_lock(actor: User, proposal_id: int) -> FlowProposal:
    """The proposal, its row locked until the transaction ends: of two decisions at once one waits, and loses.

    Raises NotFound for one that is gone or not the actor's to see, NotAllowed where the actor is no reviewer.
    """
    proposal = (
        FlowProposal.objects.for_user(actor)
        .select_for_update(of=("self",))
        .select_related(
            "target_flow", "base_version", "team", "account", "reviewed_by", "topic__flow", "published_flow",
            "published_version", "claimed_by",
        )
        .filter(pk=proposal_id)
        .first()
    )  # fmt: skip
    if proposal is None:
        raise NotFound("there is no such proposal")
    if not actor.has_perm("proposals.decide_flowproposal", proposal):
        raise NotAllowed("only team admins and owners decide proposals")
    return proposal


def require_pending(proposal: FlowProposal) -> None:
    """Raises NotAllowed for a record that needs no review, Conflict (who decided what, and when) for a decided one."""
    if proposal.status == Status.AUTO_REINFORCED:
        raise NotAllowed("an auto-reinforced record needs no review")
    if not proposal.is_pending:
        who, when = proposal.reviewed_by or "FlowPilot", timezone.localtime(proposal.reviewed_at)
        raise Conflict(
            f"{who} has decided this already: {proposal.get_status_display().lower()} on {when:%d %b %Y %H:%M %Z}",
            details={"status": proposal.status, "reviewed_by": str(who), "reviewed_at": str(proposal.reviewed_at)},
        )


def require_open(proposal: FlowProposal, revision: int) -> None:
    """As require_pending; Conflict, with what has changed in its details, also for another revision."""
    require_pending(proposal)
    if proposal.revision != revision:
        raise Stale(
            f"this proposal has changed: you saw revision {revision}, it is at revision {proposal.revision} now. "
            "Read it again, then decide",
            details={
                "your_revision": revision,
                "current_revision": proposal.revision,
                "changes": changes_since(proposal, revision),
            },
        )


def changes_since(proposal: FlowProposal, revision: int) -> list[str]:
    """What has changed after `revision`, as sentences, oldest first, at most MOST_CHANGES."""
    events = AuditEvent.objects.filter(
        account_id=proposal.account_id,
        object_type=proposal._meta.label_lower,
        object_id=proposal.pk,
        action="proposal.revised",
        after__revision__gt=revision,
    ).order_by("created_at", "pk")
    told = [change for after in events.values_list("after", flat=True) for change in after.get("changes", ())]
    return told[:MOST_CHANGES]


def release_claim(proposal: FlowProposal) -> None:
    proposal.claimed_by, proposal.claimed_until = None, None


def state_of(proposal: FlowProposal) -> dict[str, object]:
    """Before and after of an audit event."""
    return {"status": proposal.status, "revision": proposal.revision}
