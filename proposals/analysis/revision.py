"""What a new revision of an open proposal changes, in words: a reviewer who read the former one is told."""

from dataclasses import dataclass
from typing import Any

from flowpilot.flows.diff import diff_definitions
from proposals.models import FlowProposal
from proposals.words import plural


@dataclass(frozen=True, slots=True)
class Content:
    """What a reviewer judges: when it changes, the revision does."""

    proposal_type: str
    title: str
    definition: Any
    base_version_id: int | None
    confidence: float

    @classmethod
    def of(cls, proposal: FlowProposal) -> "Content":
        return cls(
            proposal.proposal_type,
            proposal.title,
            proposal.proposed_flow_data,
            proposal.base_version_id,
            round(proposal.confidence_score, 6),
        )


def changes_between(before: Content, proposal: FlowProposal, joined: int, left: int) -> list[str]:
    """Sentences on how `proposal` differs from what it was, and how many sessions joined and left its evidence."""
    after = Content.of(proposal)
    told = []
    if before.proposal_type != after.proposal_type:
        was = FlowProposal.Type(before.proposal_type).label.lower()
        told.append(f"It is a {proposal.get_proposal_type_display().lower()} now, it was a {was}.")
    if before.title != after.title:
        told.append(f"Its title is “{after.title}” now, it was “{before.title}”.")
    if before.base_version_id != after.base_version_id and proposal.base_version is not None:
        told.append(f"It is made from version {proposal.base_version.number} now.")
    if before.definition != after.definition and before.definition:
        told.append(diff_definitions(before.definition, after.definition).summary() or "Details of the flow changed.")
    if joined or left:
        moves = [
            f"{plural(joined, 'session')} joined" if joined else "",
            f"{plural(left, 'session')} left" if left else "",
        ]
        told.append(f"The evidence changed: {', '.join(filter(None, moves))}.")
    if f"{before.confidence:.2f}" != f"{after.confidence:.2f}":
        told.append(f"Its confidence went from {before.confidence:.2f} to {after.confidence:.2f}.")
    return told
