"""Published flows that sessions followed: one tracking record for each version, with the sessions as evidence."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from flowpilot.flows.models import FlowVersion
from proposals.analysis.evidence import evidence_add
from proposals.models import FlowProposal, SessionAnalysis


def reinforcements_update(account_id: int, analyses: Sequence[SessionAnalysis]) -> None:
    """Add the sessions of `analyses` (all followed a flow) to their versions' records."""
    by_version: dict[int, list[SessionAnalysis]] = defaultdict(list)
    for analysis in analyses:
        if analysis.flow_version_id is not None:
            by_version[analysis.flow_version_id].append(analysis)
    for version_id, followed in by_version.items():
        record = _record(account_id, version_id, followed[0])
        evidence_add(record, [analysis.session_id for analysis in followed])


def _record(account_id: int, version_id: int, first: SessionAnalysis) -> FlowProposal:
    version = FlowVersion.objects.select_related("flow").get(pk=version_id)
    topic: Any = first.topic  # every session that followed a flow is of that flow's topic
    record, _ = FlowProposal.objects.get_or_create(
        account_id=account_id,
        base_version=version,
        proposal_type=FlowProposal.Type.AUTO_REINFORCED,
        defaults={
            "status": FlowProposal.Status.AUTO_REINFORCED,
            "topic": topic,
            "team": version.flow.team,
            "source_session_id": first.session_id,
            "target_flow": version.flow,
            "published_flow": version.flow,
            "title": f"{version.flow.title} v{version.number} holds",
            "description": "Sessions that this version explains from start to end.",
            "problem_domain": version.flow.problem_domain,
            "confidence_score": version.confidence_score or 0.0,
        },
    )
    return record
