"""Published flows that sessions followed: one tracking record for each version, with the sessions as evidence.

Its confidence is the version's measured success: of all analysed sessions of the version, the share that followed it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q

from flowpilot.flows.models import FlowVersion
from proposals.analysis.evidence import evidence_add
from proposals.mining.confidence import wilson_lower
from proposals.models import FlowProposal, SessionAnalysis

Outcome = SessionAnalysis.Outcome


def reinforcements_update(account_id: int, analyses: Sequence[SessionAnalysis]) -> None:
    """Add the sessions of `analyses` that followed a flow to their versions' records, and measure these again."""
    by_version: dict[int, list[SessionAnalysis]] = defaultdict(list)
    for analysis in analyses:
        if analysis.flow_version_id is not None and analysis.outcome == Outcome.FOLLOWED:
            by_version[analysis.flow_version_id].append(analysis)
    for version_id, followed in by_version.items():
        record = _record(account_id, version_id, followed[0])
        evidence_add(record, [analysis.session_id for analysis in followed])
    _measure(account_id, {analysis.flow_version_id for analysis in analyses if analysis.flow_version_id is not None})


def _measure(account_id: int, version_ids: set[int]) -> None:
    """The lower Wilson bound (95 %) of followed / (followed + left) for each version, on its record if it has one."""
    outcomes = SessionAnalysis.objects.filter(
        account=account_id, flow_version__in=version_ids, state=SessionAnalysis.State.DONE
    ).values("flow_version")
    counts = outcomes.annotate(
        followed=Count("pk", filter=Q(outcome=Outcome.FOLLOWED)),
        all=Count("pk", filter=Q(outcome__in=[Outcome.FOLLOWED, Outcome.LEFT])),
    )
    for row in counts.order_by():
        FlowProposal.objects.filter(
            account=account_id, base_version=row["flow_version"], proposal_type=FlowProposal.Type.AUTO_REINFORCED
        ).update(confidence_score=wilson_lower(row["followed"], row["all"]))


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
        },
    )
    return record
