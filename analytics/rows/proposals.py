"""Proposals in review, as the list behind a figure shows them."""

from dataclasses import replace

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse

from analytics.facts import Fact
from analytics.metrics.proposals import scoped_proposals
from analytics.metrics.review import taken_back_proposals
from analytics.proposal_facts import OUTCOMES, proposal_fact
from analytics.rows.source import RowColumn, Source
from analytics.scope import Scope
from proposals.models import FlowProposal

# Ordered by what has no index: they are thousands.
_MOMENT = Coalesce("reviewed_at", "created_at")


def _rows(scope: Scope) -> QuerySet[FlowProposal]:
    """What waits now, and what was decided in the period."""
    in_period = scope.during("reviewed_at") | OUTCOMES["pending"].condition
    return scoped_proposals(scope).filter(in_period).annotate(moment=_MOMENT)


def _link(proposal: FlowProposal) -> str:
    return reverse("admin:proposals_flowproposal_change", args=[proposal.pk])


PROPOSALS = Source(
    name="proposals",
    noun="proposal",
    plural="proposals",
    permission="proposals.view_flowproposal",
    rows=_rows,
    fact=proposal_fact,
    time="moment",
    columns=(
        RowColumn("Proposal", lambda row: row.title),
        RowColumn("Number", lambda row: row.pk),
        RowColumn("Type", lambda row: row.get_proposal_type_display()),
        RowColumn("Status", lambda row: row.get_status_display()),
        RowColumn("Confidence", lambda row: f"{row.confidence_score:.2f}"),
        RowColumn("Domain", lambda row: row.problem_domain or None),
        RowColumn("Sessions", lambda row: row.supporting_session_count),
        RowColumn("Created", lambda row: row.created_at),
        RowColumn("Decided", lambda row: row.reviewed_at),
    ),
    link=_link,
)
TAKEN_BACK = replace(
    PROPOSALS,
    name="taken-back",
    rows=lambda scope: taken_back_proposals(scope).annotate(moment=_MOMENT),
    fact=lambda name: Fact("with a decision that was taken back", Q()) if name == "undone" else None,
)
