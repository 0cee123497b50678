"""What was kept of a model's words: counted in the transaction that publishes, taken back with it."""

from typing import Any

from django.utils import timezone

from proposals.models import FlowProposal, ProposalWording
from proposals.wordings.texts import WordedText, Words, kept


def wording_count(*, proposal: FlowProposal, title: str, description: str, definition: dict[str, Any]) -> None:
    """Compare what was published with the words that the reviewer could choose from, if there were any."""
    wording = ProposalWording.objects.filter(
        account=proposal.account_id, proposal=proposal, revision=proposal.revision
    ).first()
    if wording is None:
        return
    published = Words(title, description, definition)
    texts = [WordedText.from_json(row) for row in wording.texts]
    wording.kept_model, wording.kept_own, wording.kept_edited = kept(published, texts)
    wording.counted_at = timezone.now()
    wording.save(update_fields=["kept_model", "kept_own", "kept_edited", "counted_at", "updated_at"])


def wording_uncount(*, proposal: FlowProposal) -> None:
    """The publication was undone: nothing is kept yet."""
    rows = ProposalWording.objects.filter(account=proposal.account_id, proposal=proposal)
    rows.exclude(counted_at=None).update(kept_model=0, kept_own=0, kept_edited=0, counted_at=None)
