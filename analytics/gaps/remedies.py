"""What is begun from a gap: a proposal mined from its sessions, or a change of the step that fails."""

from dataclasses import dataclass

from django.db import transaction

from analytics.gaps.models import KnowledgeGap
from analytics.gaps.selectors import has_proposal
from analytics.gaps.services import gap_lock, gap_move, gap_told, gap_write
from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from proposals.models import FlowProposal
from proposals.review import proposal_start
from proposals.services import sessions_requeue

State = KnowledgeGap.State

# The newest sessions that a proposal is mined from.
MOST_PROPOSED = 2_000


@dataclass(frozen=True, slots=True)
class Edit:
    """Where a gap's step is edited; `is_new` is whether the proposal was begun for it, and did not wait already."""

    proposal: FlowProposal
    node_id: str
    is_new: bool


@transaction.atomic
def gap_edit(*, actor: User, gap_id: int) -> Edit:
    """Begin a change of the step that a gap names, or find the one that waits, and have the gap being worked in it.

    Done twice it is done once. Raises NotFound, NotAllowed, Conflict (the gap is settled or names no step; the flow is
    archived).
    """
    gap = gap_lock(actor, gap_id)
    if not gap.is_unsettled:
        raise Conflict(f"the gap is {gap.get_state_display().lower()}: there is nothing to mend")
    if gap.flow_id is None or not gap.node_id:
        raise Conflict("this gap names no step of a flow")
    before = gap_told(gap)
    gap.proposal, is_new = proposal_start(
        actor=actor,
        flow_id=gap.flow_id,
        sessions=gap.sessions(bad_only=True),
        reason=f"Begun for the knowledge gap “{gap.title}”.",
    )
    if gap.state != State.WORKING:
        gap_move(gap, State.WORKING, "")
    gap_write(actor, gap, before)
    return Edit(gap.proposal, gap.node_id, is_new)


def gap_propose(*, actor: User, gap_id: int) -> int:
    """Let analysis look at the gap's sessions again, so that their topic is mined into a proposal; gives how many.

    Raises NotFound, NotAllowed, Conflict (a proposal waits already, or nothing can be mined).
    """
    gap = KnowledgeGap.objects.for_user(actor).light().filter(pk=gap_id).first()
    if gap is None:
        raise NotFound("there is no such gap")
    if not actor.has_perm("proposals.requeue_sessionanalysis", gap):
        raise NotAllowed("only team admins and owners have sessions analysed again")
    if has_proposal(gap):
        raise Conflict("a proposal for these sessions waits for review already")
    newest = list(gap.sessions().order_by("-ended_at").values_list("pk", flat=True)[:MOST_PROPOSED])
    count = sessions_requeue(actor=actor, session_ids=newest)
    if not count:
        raise Conflict("none of these sessions can be analysed again")
    return count
