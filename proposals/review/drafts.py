"""Drafts: what a reviewer has typed into the editor and not published yet, kept from the first second on."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.flows.definition import MAX_TITLE
from proposals.models import FlowProposal, ReviewDraft

# PostgreSQL's jsonb holds neither.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def draft_of(*, actor: User, proposal_id: int) -> ReviewDraft | None:
    """The actor's own draft of a proposal; None where there is none. Raises NotFound, NotAllowed."""
    proposal = _proposal(actor, proposal_id)
    return ReviewDraft.objects.filter(account_id=proposal.account_id, proposal=proposal, user=actor).first()


@transaction.atomic
def draft_save(
    *,
    actor: User,
    proposal_id: int,
    revision: int,
    title: str,
    definition: object,
    seen: datetime | None,
    description: str | None = None,
) -> ReviewDraft:
    """Keep what the actor has typed, valid or not; without `description` it stays as it was.

    `seen` is the `saved_at` of the draft that the typing started from, None where there was none. Where another tab or
    device has saved since, nothing is overwritten: Conflict, whose details hold that draft (see draft_json); saving
    again with its `saved_at` as `seen` replaces it. Raises NotFound, NotAllowed, InvalidInput; Conflict also where the
    proposal is decided.
    """
    proposal = _proposal(actor, proposal_id)
    if not proposal.is_pending:
        raise Conflict(
            f"{proposal.reviewed_by or 'somebody'} has decided this proposal: "
            f"{proposal.get_status_display().lower()}. Your draft stays as it was saved last",
            details={"status": proposal.status},
        )
    _require_storable(title, description or "", definition)
    new: dict[str, Any] = {"revision": revision, "title": title[:MAX_TITLE], "definition": definition}
    if description is not None:
        new["description"] = description
    of_actor = {"account_id": proposal.account_id, "proposal": proposal, "user": actor}
    draft, is_new = ReviewDraft.objects.select_for_update().get_or_create(**of_actor, defaults=new)
    if is_new:
        return draft
    if draft.saved_at != seen:
        raise Conflict(
            "this draft was saved elsewhere since, in another tab or on another device",
            details={"draft": draft_json(draft)},
        )
    for name, value in new.items():
        setattr(draft, name, value)
    draft.save()
    return draft


def draft_discard(*, actor: User, proposal_id: int) -> bool:
    """Drop the actor's draft; False where there was none. Raises NotFound, NotAllowed."""
    proposal = _proposal(actor, proposal_id)
    deleted, _ = ReviewDraft.objects.filter(account_id=proposal.account_id, proposal=proposal, user=actor).delete()
    return bool(deleted)


@transaction.atomic
def draft_after_publishing(*, actor: User, decided: FlowProposal, title: str, definition: dict[str, Any]) -> None:
    """What was edited and published stays as the draft: if the decision is undone, the editor opens with it again.

    Of what was published as it was proposed there is nothing to keep. Raises NotFound, NotAllowed.
    """
    _proposal(actor, decided.pk)
    if decided.status == FlowProposal.Status.APPROVED:
        ReviewDraft.objects.filter(account_id=decided.account_id, proposal=decided, user=actor).delete()
        return
    ReviewDraft.objects.update_or_create(
        account_id=decided.account_id,
        proposal=decided,
        user=actor,
        defaults={"revision": decided.revision, "title": title[:MAX_TITLE], "definition": definition},
    )


def draft_json(draft: ReviewDraft) -> dict[str, Any]:
    return {
        "saved_at": draft.saved_at.isoformat(),
        "revision": draft.revision,
        "title": draft.title,
        "definition": draft.definition,
    }


def _proposal(actor: User, proposal_id: int) -> FlowProposal:
    proposal = FlowProposal.objects.for_user(actor).select_related("reviewed_by").filter(pk=proposal_id).first()
    if proposal is None:
        raise NotFound("there is no such proposal")
    if not actor.has_perm("proposals.decide_flowproposal", proposal):
        raise NotAllowed("only team admins and owners edit proposals")
    return proposal


def _require_storable(title: str, description: str, definition: object) -> None:
    if not isinstance(definition, dict):
        raise InvalidInput("a draft's definition is a JSON object")
    try:
        json.dumps(definition, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"this cannot be kept as a draft: {error}") from error
    for text in [title, description, *_texts(definition)]:
        if found := _UNSTORABLE.search(text):
            raise InvalidInput(f"this cannot be kept as a draft: U+{ord(found[0]):04X} in it is not a character")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
