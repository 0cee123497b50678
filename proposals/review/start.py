"""A change of a published flow that a person begins: it starts as the flow is, and goes the way of every proposal."""

from django.db import transaction
from django.db.models import QuerySet

from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from flowpilot.flows.models import Flow
from flowpilot.webhooks.models import EventType
from proposals.analysis.evidence import evidence_add
from proposals.events import proposal_emit
from proposals.models import FlowProposal, Topic
from sessions.models import AISession

# The newest of the sessions that it is begun for are its evidence.
MOST_EVIDENCE = 2_000


@transaction.atomic
def proposal_start(
    *, actor: User, flow_id: int, sessions: QuerySet[AISession], reason: str
) -> tuple[FlowProposal, bool]:
    """The flow's open proposal, and whether it was begun now: an enhancement from the published version as it stands.

    A flow has one open proposal at a time: where one waits, that is it, and nothing is written, so that doing it twice
    is doing it once. `sessions` are why; those that the actor may see become the evidence.

    Raises NotFound, NotAllowed (no reviewer there; the one that waits is another team's), Conflict (archived).
    """
    flow = Flow.objects.for_user(actor).select_related("current_version").filter(pk=flow_id).first()
    if flow is None:
        raise NotFound("there is no such flow")
    if flow.is_archived or flow.current_version is None:
        raise Conflict("the flow is archived: restore it before you change it")
    topic, _ = Topic.objects.get_or_create(account_id=flow.account_id, flow=flow, defaults={"title": flow.title[:200]})
    _wait_for_turn(topic)
    pending = FlowProposal.objects.filter(topic=topic, status=FlowProposal.Status.PENDING).first()
    if pending is not None:
        _require_reviewer(actor, pending)
        return pending, False
    evidence = list(sessions.for_user(actor).filter(account=flow.account_id).order_by("-ended_at")[:MOST_EVIDENCE])  # type: ignore[attr-defined]
    proposal = _begun(actor, flow, topic, evidence, reason)
    _require_reviewer(actor, proposal)
    proposal.save()
    evidence_add(proposal, [session.pk for session in evidence])
    audit_record(actor=actor, action="proposal.started", target=proposal, reason=reason)
    proposal_emit(EventType.PROPOSAL_CREATED, proposal)
    return proposal, True


def _wait_for_turn(topic: Topic) -> None:
    """Who else begins a change of the flow, or brings one back, waits here and then finds ours."""
    Topic.objects.select_for_update().get(pk=topic.pk)


def _begun(actor: User, flow: Flow, topic: Topic, evidence: list[AISession], reason: str) -> FlowProposal:
    version = flow.current_version
    assert version is not None  # noqa: S101 - the caller has looked
    teams = {session.team_id for session in evidence}
    return FlowProposal(
        account_id=flow.account_id,
        topic=topic,
        team_id=teams.pop() if len(teams) == 1 else None,
        source_session=evidence[0] if evidence else None,
        proposal_type=FlowProposal.Type.ENHANCEMENT,
        target_flow=flow,
        base_version=version,
        title=flow.title[:200],
        description=f"{reason}\nIt starts as version {version.number} stands: edit & publish is where it is written.",
        proposed_flow_data=version.definition,
        # What is known of the flow stays known of it: nothing was replayed anew.
        examples=version.examples,
        confidence_score=version.confidence_score or 0.0,
        problem_domain=flow.problem_domain,
        started_by=actor,
    )


def _require_reviewer(actor: User, proposal: FlowProposal) -> None:
    if not actor.has_perm("proposals.decide_flowproposal", proposal):
        raise NotAllowed("only the reviewers of these sessions' team, or of the whole account, change this flow")
