"""What can be said of a proposal in review by yes or no: cards and tables count these, lists show their rows.

A name is what became of the proposal, such as `accepted`, and may say of which group: `accepted-type-new_flow`,
`decided-reviewer-12`, `rejected-bin-4`.
"""

from collections.abc import Mapping, Sequence

from django.db.models import Q

from analytics.facts import ACCEPTED, Fact
from proposals.models import FlowProposal

Status, Type = FlowProposal.Status, FlowProposal.Type

DECISIONS: Sequence[str] = (*ACCEPTED, Status.REJECTED, Status.DISMISSED)
REVIEWED_TYPES: Sequence[str] = (Type.NEW_FLOW, Type.ENHANCEMENT, Type.BRANCH_ADDITION)
# Bounds of the confidence; the last bin has its upper one, too. The bounds of the tiers are among them.
BINS: Sequence[tuple[float, float]] = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0))

# A reviewer's dismissal has a scope. What the system retired or a merge swallowed has none, and is no decision.
_parked = Q(status=Status.DISMISSED) & ~Q(dismiss_scope="")
decided_q = Q(status__in=(*ACCEPTED, Status.REJECTED)) | _parked

OUTCOMES: Mapping[str, Fact] = {
    "pending": Fact("that wait for review", Q(status=Status.PENDING)),
    "decided": Fact("that were decided", decided_q),
    "accepted": Fact("that were accepted", Q(status__in=ACCEPTED)),
    "approved": Fact("that were approved", Q(status=Status.APPROVED)),
    "modified": Fact("that were edited & published", Q(status=Status.MODIFIED)),
    "rejected": Fact("that were rejected", Q(status=Status.REJECTED)),
    "dismissed": Fact("that were dismissed", _parked),
    "retired": Fact("that went without a decision", Q(status=Status.DISMISSED, dismiss_scope="")),
}


def proposal_fact(name: str) -> Fact | None:
    """The fact of a name; None where there is none of that name."""
    outcome, _, rest = name.partition("-")
    found = OUTCOMES.get(outcome)
    if found is None or "-" not in name:
        return found
    group, _, value = rest.partition("-")
    narrowed = _GROUPS[group](value) if group in _GROUPS else None
    if narrowed is None:
        return None
    return Fact(f"{found.label}, {narrowed.label}", found.condition & narrowed.condition)


def bin_q(number: int) -> Q:
    """The proposals in a bin of the confidence."""
    low, high = BINS[number]
    within = Q(confidence_score__gte=low)
    return within if number == len(BINS) - 1 else within & Q(confidence_score__lt=high)


def bin_label(number: int) -> str:
    low, high = BINS[number]
    return f"{low:.1f}–{high:.1f}"


def _of_type(value: str) -> Fact | None:
    return Fact(f"type: {Type(value).label.lower()}", Q(proposal_type=value)) if value in REVIEWED_TYPES else None


def _of_reviewer(value: str) -> Fact | None:
    if value == "none":
        return Fact("by a reviewer who is gone", Q(reviewed_by=None))
    # The name is not told: not everybody who may count may read names.
    return Fact("by one reviewer", Q(reviewed_by=int(value))) if value.isdecimal() and len(value) < 19 else None


def _of_bin(value: str) -> Fact | None:
    if not value.isdecimal() or len(value) > 1 or int(value) >= len(BINS):
        return None
    return Fact(f"confidence {bin_label(int(value))}", bin_q(int(value)))


_GROUPS = {"type": _of_type, "reviewer": _of_reviewer, "bin": _of_bin}
