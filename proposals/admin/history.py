"""A proposal's revisions and decisions, as sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowpilot.common.models import AuditEvent
from proposals.models import FlowProposal

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `is_decision` tells a person's or the system's decision from a change by analysis."""

    at: datetime
    sentence: str
    reason: str
    is_decision: bool


def history_of(proposal: FlowProposal) -> list[Entry]:
    """The newest first, at most SHOWN; how it began is the last."""
    events = AuditEvent.objects.filter(
        account_id=proposal.account_id, object_type="proposals.flowproposal", object_id=proposal.pk
    )
    entries = [Entry(e.created_at, _sentence(e), e.reason, e.action != "proposal.revised") for e in events[:SHOWN]]
    if len(entries) < SHOWN:
        began = "Begun by hand" if proposal.started_by_id else "Mined from the sessions"
        entries.append(Entry(proposal.created_at, began, "", is_decision=False))
    return entries


VERBS = {
    "proposal.started": "began it",
    "proposal.approved": "approved and published it",
    "proposal.modified": "edited and published it",
    "proposal.rejected": "rejected it",
    "proposal.dismissed": "dismissed it",
    "proposal.expired": "dismissed it: nothing new supported it",
    "proposal.merged": "merged it into another",
    "proposal.joined": "merged another into it",
    "proposal.woken": "brought it back to the queue",
    "proposal.undone": "took the decision back",
    "proposal.claimed": "claimed it",
    "proposal.released": "gave the claim back",
}


def _sentence(event: AuditEvent) -> str:
    after: dict[str, Any] = event.after or {}
    if event.action == "proposal.revised":
        revision, told = after.get("revision"), _summary(after)
        return f"Revision {revision}{f': {told}' if told else ' from new evidence'}" if revision else "Mined again"
    verb = VERBS.get(event.action, event.action.removeprefix("proposal.").replace("_", " "))
    sentence = f"{event.actor_label} {verb}"
    if after.get("version"):
        sentence += f" as version {after['version']}"
    return sentence


def _summary(after: dict[str, Any]) -> str:
    """What a revision changed, in the words that were written down with it."""
    told = after.get("changes") or after.get("summary") or ""
    parts: Sequence[Any] = [told] if isinstance(told, str) else list(told)
    return "; ".join(str(part).rstrip(".") for part in parts if part)
