"""What the detail page shows beside the admin's own context."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from flowpilot.flows.inline import DiffLine, base_lines, inline_diff, proposed_lines
from flowpilot.flows.outline import outline
from proposals import review
from proposals.admin.decide import decision_form, typed_before, undo_button
from proposals.admin.history import history_of
from proposals.admin.presence import claim_words, other_viewers
from proposals.admin.replay import replay_context
from proposals.admin.steps import kept_filters
from proposals.admin.wording import wording_summary
from proposals.evidence import evidence_page
from proposals.models import FlowProposal
from proposals.selectors import diff_of, queue_place

Status = FlowProposal.Status

# A drawing of more nodes than this takes the browser seconds: the outline opens first, the graph when it is asked for.
DRAWN_AT_ONCE = 150


def detail_context(request: HttpRequest, proposal: FlowProposal) -> dict[str, Any]:
    """What the detail page shows beside the admin's own context; the number of queries is the same for any proposal."""
    may_decide = request.user.has_perm("proposals.decide_flowproposal", proposal)
    typed = typed_before(request, proposal.pk)
    return {
        "proposal": proposal,
        "can_decide": proposal.is_pending and may_decide,
        "decision_form": decision_form(request, proposal),
        "tried": typed.get("decision", ""),
        "changes_since": typed.get("changes", []),
        "can_wake": may_decide and proposal.status == Status.DISMISSED and proposal.topic.merged_into_id is None,
        "undo": _undo(request, proposal) if may_decide else "",
        "filters": kept_filters(request),
        "evidence_url": reverse("admin:proposals_flowproposal_evidence", args=[proposal.pk]),
        "page": evidence_page(request.user, proposal, "", 1),
        "place": queue_place(request.user, proposal),
        "history": history_of(proposal),
        "viewers": other_viewers(request.user, proposal),
        "claim": claim_words(request.user, proposal),
        "is_mine": proposal.claimant is not None and proposal.claimant == request.user,
        **replay_context(proposal),
        **wording_summary(proposal),
        **_views(proposal),
    }


def _views(proposal: FlowProposal) -> dict[str, Any]:
    """The definition as it is drawn and told: alone, or against the version that it was made from."""
    definition = proposal.proposed_flow_data or None
    if definition is None:
        return {"definition": None, "diff": None}
    base = proposal.base_version.definition if proposal.base_version else None
    diff = diff_of(proposal)
    context: dict[str, Any] = {
        "definition": definition,
        "diff": diff,
        "outline": outline(definition),
        "is_large": len(definition["nodes"]) > DRAWN_AT_ONCE,
        "has_moved_on": proposal.has_moved_on,
    }
    if diff is not None and base is not None:
        inline: list[DiffLine] = inline_diff(base, definition, diff)
        context |= {"outline": inline, "left": base_lines(base, diff), "right": proposed_lines(definition, diff)}
    return context


def _undo(request: HttpRequest, proposal: FlowProposal) -> Any:
    """A button that takes the decision back, while that can be done."""
    deadline = review.undo_deadline(proposal)
    return {"button": undo_button(request, proposal), "until": deadline} if deadline else ""
