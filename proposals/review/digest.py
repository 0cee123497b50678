"""What an audit event keeps of a proposal's evidence: it can be checked when the sessions themselves are gone."""

import hashlib
from typing import Any

from proposals.models import FlowProposal


def evidence_digest(proposal: FlowProposal) -> dict[str, Any]:
    """How many sessions, clients and technicians, from when to when, and a SHA-256 over what the sessions said.

    The hash is taken over one line a session, `external_id:digest of its record`, in the order of the ids' characters:
    whoever holds an export of the sessions can compute it again.
    """
    rows = proposal.supporting_sessions.order_by().values_list("external_id", "digest")
    lines = sorted(f"{external_id}:{digest}\n" for external_id, digest in rows)
    return {
        "sessions": len(lines),
        "clients": proposal.client_count,
        "technicians": proposal.technician_count,
        "first": proposal.first_seen_at.isoformat() if proposal.first_seen_at else None,
        "last": proposal.last_seen_at.isoformat() if proposal.last_seen_at else None,
        "sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }
