"""What can be said of an ended session by yes or no. Cards count facts; lists show the rows of the same fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull

from proposals.models import FlowProposal, ProposalEvidence, SessionAnalysis
from sessions.models import AISession, GeneratedScript, Handover, Tier, tier_q

Status = AISession.Status

GOOD_RATING = 4  # of 5
# A ticket that comes back later than this is another problem.
REOPENED_WITHIN = timedelta(days=14)
# What became of a proposal that was published.
ACCEPTED: Sequence[str] = (FlowProposal.Status.APPROVED, FlowProposal.Status.MODIFIED)


@dataclass(frozen=True)
class Fact:
    """A condition on rows. `label` follows their number: "12 sessions that were resolved"."""

    label: str
    condition: Q


def looked_up(rows: QuerySet[Any], column: str = "pk") -> Q:
    """Whether there is any of `rows`, which name an outer row: looked up row by row.

    Of an EXISTS PostgreSQL may first read all the rows that there are, for the few of a list. `column` is one that the
    index has in which they are looked up.
    """
    return Q(IsNull(Subquery(rows.order_by().values(column)[:1]), False))


_resolved, _escalated = Q(status=Status.RESOLVED), Q(status=Status.ESCALATED)
_handed_over = looked_up(Handover.objects.filter(session=OuterRef("pk")))
_came_back = Q(
    Exists(
        AISession.objects.filter(
            account=OuterRef("account"),
            psa_system=OuterRef("psa_system"),
            psa_ticket_id=OuterRef("psa_ticket_id"),
            started_at__gt=OuterRef("ended_at"),
            started_at__lte=OuterRef("ended_at") + REOPENED_WITHIN,
        )
    )
)
_linked = Q(flow__isnull=False)
# Nothing is known of a session before its analysis, unless a flow guided it.
_judged = _linked | Q(confidence_score__isnull=False)
_known = _linked | tier_q(Tier.EXPLORING) | tier_q(Tier.GUIDED)
SCRIPTED = looked_up(GeneratedScript.objects.filter(session=OuterRef("pk"), account=OuterRef("account")))
# How far a resolved session has come towards guiding the next one; each step is of the sessions of the step before.
# Few sessions are evidence: that is asked first, and only then whether they are analysed.
_EVIDENCE = ProposalEvidence.objects.filter(session=OuterRef("pk"), session__analysis__state="done").exclude(
    proposal__proposal_type=FlowProposal.Type.AUTO_REINFORCED
)
PUBLISHED_EVIDENCE = _EVIDENCE.filter(proposal__status__in=ACCEPTED)
_analysed = _resolved & looked_up(SessionAnalysis.objects.filter(session=OuterRef("pk"), state="done"))

FACTS: Mapping[str, Fact] = {
    "ended": Fact("that ended", Q()),
    "resolved": Fact("that were resolved", _resolved),
    "escalated": Fact("that were escalated", _escalated),
    "abandoned": Fact("that were abandoned", Q(status=Status.ABANDONED)),
    "first_level": Fact("that were resolved without a hand-over", _resolved & ~_handed_over),
    "with_ticket": Fact("that were resolved and have a ticket", _resolved & ~Q(psa_ticket_id="")),
    "reopened": Fact("whose ticket came back after it was resolved", _resolved & ~Q(psa_ticket_id="") & _came_back),
    # A session that came in without times starts and ends at once: that tells nothing of how long it took.
    "timed": Fact("that were resolved and carry times", _resolved & Q(ended_at__gt=F("started_at"))),
    "linked": Fact("that used a flow", _linked),
    "unlinked": Fact("that used no flow", ~_linked),
    "judged": Fact("that can be told known from new", _judged),
    "known": Fact("whose problem was known", _known),
    "new": Fact("whose problem was new", _judged & ~_linked & tier_q(Tier.DISCOVERY)),
    **{f"tier_{t.value}": Fact(f"in the {t.value} tier", tier_q(t)) for t in Tier},
    **{
        f"tier_{t.value}_resolved": Fact(f"in the {t.value} tier that were resolved", tier_q(t) & _resolved)
        for t in Tier
    },
    "rated": Fact("that were rated", Q(rating__isnull=False)),
    "rated_good": Fact(f"that were rated {GOOD_RATING} or 5", Q(rating__gte=GOOD_RATING)),
    "flow_judged": Fact("that say whether the flow was right", Q(flow_was_right__isnull=False)),
    "flow_right": Fact("whose flow was right", Q(flow_was_right=True)),
    "scripted": Fact("with a script", SCRIPTED),
    "scripted_resolved": Fact("that were resolved, with a script", _resolved & SCRIPTED),
    "scripted_escalated": Fact("that were escalated, with a script", _escalated & SCRIPTED),
    "analysed": Fact("that were resolved and analysed", _analysed),
    "proposed": Fact("that came into a proposal", _resolved & looked_up(_EVIDENCE)),
    "published": Fact("whose proposal was published", _resolved & looked_up(PUBLISHED_EVIDENCE)),
}

# Each rate: what is counted, and among what.
RATES: Mapping[str, tuple[str, str]] = {
    "resolution": ("resolved", "ended"),
    "first_level": ("first_level", "ended"),
    "escalation": ("escalated", "ended"),
    "abandonment": ("abandoned", "ended"),
    "reopen": ("reopened", "with_ticket"),
    "flow_link": ("linked", "ended"),
    "known": ("known", "judged"),
    "good_rating": ("rated_good", "rated"),
    "flow_right": ("flow_right", "flow_judged"),
}
