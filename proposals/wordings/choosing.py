"""A reviewer's choice between the miner's words and the model's: it becomes their draft, to be edited and published."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, NotFound, Stale
from proposals.models import FlowProposal, ProposalWording, ReviewDraft
from proposals.review.drafts import draft_of, draft_save
from proposals.wordings.run import wording_of
from proposals.wordings.texts import WordedText, Words, chosen


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of a choice; `left` texts stay as the reviewer had written them."""

    draft: ReviewDraft
    left: int


@transaction.atomic
def wording_choose(*, actor: User, proposal_id: int, revision: int, of_model: Collection[str]) -> Choice:
    """Put the model's words where `of_model` names their keys, and the miner's elsewhere, into the actor's draft.

    Raises NotFound (no such proposal, no words for it), NotAllowed, Conflict (decided; another revision; the draft was
    saved elsewhere at this moment).
    """
    draft = draft_of(actor=actor, proposal_id=proposal_id)
    proposal = FlowProposal.objects.get(pk=proposal_id)
    if proposal.is_pending and proposal.revision != revision:
        raise Stale(f"this proposal has changed: it is at revision {proposal.revision} now. Read its words once more")
    wording = wording_of(proposal)
    if wording is None:
        raise NotFound("there are no other words for this revision")
    if draft is not None and draft.revision != revision:
        raise Conflict("your draft is of a former revision: open the editor, and go on from there")
    words, left = chosen(words_now(proposal, draft), texts_of(wording), of_model)
    saved = draft_save(
        actor=actor,
        proposal_id=proposal_id,
        revision=revision,
        title=words.title,
        definition=words.definition,
        description=words.description,
        seen=draft.saved_at if draft else None,
    )
    return Choice(saved, left)


def texts_of(wording: ProposalWording) -> list[WordedText]:
    return [WordedText.from_json(row) for row in wording.texts]


def words_now(proposal: FlowProposal, draft: ReviewDraft | None) -> Words:
    """What the editor would open with: the draft, else the proposal."""
    if draft is None:
        return Words(proposal.title, proposal.description, proposal.proposed_flow_data)
    description = proposal.description if draft.description is None else draft.description
    return Words(draft.title, description, draft.definition)
