"""What the detail page shows beside the admin's own context."""

from typing import Any

from django.http import HttpRequest

from flowpilot.common.models import AuditEvent
from flowpilot.flows.changes import FlowDiff
from flowpilot.flows.outline import outline
from proposals.admin.forms import DecisionForm
from proposals.models import FlowProposal
from proposals.selectors import queue_place

EVIDENCE_SHOWN = 20


def detail_context(request: HttpRequest, proposal: FlowProposal) -> dict[str, Any]:
    """What the detail page shows beside the admin's own context."""
    diff = FlowDiff.from_json(proposal.proposed_diff) if proposal.proposed_diff else None
    evidence = proposal.supporting_sessions.select_related("client", "technician").order_by("-started_at")
    return {
        "proposal": proposal,
        "can_decide": proposal.is_pending and request.user.has_perm("proposals.decide_flowproposal", proposal),
        "decision_form": DecisionForm(initial={"revision": proposal.revision}),
        "definition": proposal.proposed_flow_data or None,
        "diff": diff,
        "outline": outline(proposal.proposed_flow_data) if proposal.proposed_flow_data else [],
        "evidence": list(evidence[:EVIDENCE_SHOWN]),
        "place": queue_place(request.user, proposal),
        "history": AuditEvent.objects.filter(
            account_id=proposal.account_id, object_type="proposals.flowproposal", object_id=proposal.pk
        ),
    }
