"""A topic's sessions, mined into its open proposal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import transaction
from django.db.models import Max

from flowpilot.common.audit import audit_record
from flowpilot.common.leases import HeldLease, lease_check
from flowpilot.flows.changes import FlowDiff
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.validation import validate_definition
from flowpilot.webhooks.models import EventType
from proposals.analysis.evidence import evidence_replace
from proposals.analysis.load import PublishedFlows, names_of, record_of, source_of, with_steps
from proposals.analysis.revision import Content, changes_between
from proposals.events import proposal_emit
from proposals.mining.change import ChangeMiner, Replayed, may_agree
from proposals.mining.confidence import Confidence, flow_confidence
from proposals.mining.engine import mine_topic
from proposals.mining.replay import FlowReader
from proposals.models import FlowProposal, ProposalEvidence, SessionAnalysis, Topic
from proposals.review import proposal_retire
from proposals.review.parking import is_held_back
from sessions.models import AISession

Written = Literal["created", "updated", "nothing"]
Type, Status = FlowProposal.Type, FlowProposal.Status

# The newest sessions that a topic is mined from.
TOPIC_LIMIT = 2_000
# The newest sessions that followed a flow, which must follow it when it is changed too.
FOLLOWED_LIMIT = 200
# New sessions that a decided topic needs before it comes up again.
REOPEN_FROM = 5


class MinedInvalid(Exception):
    """Mining gave a definition that is not valid: a fault of ours, never shown to a reviewer."""


@dataclass(frozen=True)
class _Draft:
    """A proposal to be written."""

    proposal_type: str
    title: str
    description: str
    definition: dict[str, Any]
    node_evidence: dict[str, list[tuple[str, int]]]
    examples: dict[str, Any]
    masked: list[str]
    confidence: Confidence
    sessions: list[AISession]
    base: FlowVersion | None = None
    diff: FlowDiff | None = field(default=None)


def topic_mine(topic: Topic, flows: PublishedFlows, lease: HeldLease) -> Written:
    """Mine the topic again from all its evidence and write its open proposal, under the lease.

    Raises LeaseLost, MinedInvalid.
    """
    sessions = _sessions(topic)
    version = flows.versions.get(topic.flow_id) if topic.flow_id else None
    draft = _change(topic, version, sessions) if version else _new_flow(topic, sessions)
    if draft and (errors := validate_definition(draft.definition)):
        raise MinedInvalid(f"{errors[0].pointer}: {errors[0].message}")
    with transaction.atomic():
        lease_check(lease)
        # The proposal's row first, then the topic's: reviewers lock in that order.
        pending = FlowProposal.objects.select_for_update().filter(topic=topic, status=Status.PENDING).first()
        if version and Flow.objects.get(pk=version.flow_id).current_version_id != version.pk:
            return "nothing"  # the flow moved on while it was mined: the mark stays for the next run
        # A topic is called what its proposal is called: that text is masked.
        title = draft.title[:200] if draft else topic.title
        Topic.objects.filter(pk=topic.pk).update(mining_due=False, title=title)
        if pending is None and FlowProposal.objects.filter(topic=topic, status=Status.PENDING).exists():
            # A reviewer has just brought one back. To lock it now, behind the topic's row, could deadlock: the next run
            # finds the topic still marked.
            transaction.set_rollback(True)
            return "nothing"
        return _write(topic, pending, draft, version)


def _sessions(topic: Topic) -> list[AISession]:
    """The topic's sessions that tell something: of a flow's topic those that left it or that it did not explain."""
    analyses = topic.analyses.filter(state=SessionAnalysis.State.DONE)
    if topic.flow_id:
        analyses = analyses.exclude(outcome=SessionAnalysis.Outcome.FOLLOWED)
    newest = analyses.order_by("-session").values_list("session", flat=True)[:TOPIC_LIMIT]
    return list(with_steps(AISession.objects.filter(pk__in=list(newest)).order_by("started_at", "pk")))


def _new_flow(topic: Topic, sessions: Sequence[AISession]) -> _Draft | None:
    """A first flow for the topic; nothing where no session was resolved: nobody knows yet what helps."""
    if not any(session.status == AISession.Status.RESOLVED for session in sessions):
        return None
    records = [record_of(session) for session in sessions]
    mined = mine_topic(records, names_of(topic.account_id))
    # A single node asks nothing and leads nowhere: no reviewer should have to read it.
    if mined is None or len(mined.definition["nodes"]) < 2:
        return None
    used = set(mined.sessions)
    return _Draft(
        proposal_type=Type.NEW_FLOW,
        title=mined.title or topic.title,
        description=mined.description,
        definition=mined.definition,
        node_evidence=mined.evidence,
        examples=mined.examples.to_json(),
        masked=mined.masked,
        confidence=flow_confidence(records),
        sessions=[session for session in sessions if str(session.pk) in used],
    )


def _change(topic: Topic, version: FlowVersion, sessions: Sequence[AISession]) -> _Draft | None:
    """What the sessions that left the flow would change of its current version."""
    # An escalation shows where knowledge ends, not what helps.
    resolved = [session for session in sessions if session.status == AISession.Status.RESOLVED]
    source = source_of(version)
    reader = FlowReader(source.definition, source.examples)
    records = [record_of(session) for session in resolved]
    replays = list(zip(records, reader.replay_many(records), strict=True))
    if not may_agree(replays):
        return None  # so it is with most topics of a batch: they are spared those that followed the flow
    followed, weight = _followed(topic, reader)
    miner = ChangeMiner(
        source.definition,
        source.examples,
        replays,
        followed,
        weight,
        accept=lambda definition: not validate_definition(definition),
        names=names_of(topic.account_id),
    )
    change = miner.change()
    if change is None:
        return None
    diff = diff_definitions(version.definition, change.definition)
    branch = diff.is_single_branch_addition
    used = set(change.sessions)
    return _Draft(
        proposal_type=Type.BRANCH_ADDITION if branch else Type.ENHANCEMENT,
        title=version.flow.title,
        description=diff.summary(),
        definition=change.definition,
        node_evidence=change.evidence,
        examples=change.examples.to_json(),
        masked=change.masked,
        confidence=miner.confidence(change),
        sessions=[session for session in resolved if str(session.pk) in used],
        base=version,
        diff=diff,
    )


def _followed(topic: Topic, reader: FlowReader) -> tuple[list[Replayed], float]:
    """The newest sessions that followed the flow, as far as they follow this version; each stands for so many."""
    analyses = topic.analyses.filter(state=SessionAnalysis.State.DONE, outcome=SessionAnalysis.Outcome.FOLLOWED)
    newest = analyses.order_by("-session").values_list("session", flat=True)[:FOLLOWED_LIMIT]
    rows = with_steps(AISession.objects.filter(pk__in=list(newest)))
    records = [record_of(row) for row in rows]
    replays = list(zip(records, reader.replay_many(records), strict=True))
    following = [row for row in replays if row[1].outcome in ("resolution", "escalation")]
    return following, analyses.count() / max(1, len(replays))


def _write(topic: Topic, pending: FlowProposal | None, draft: _Draft | None, version: FlowVersion | None) -> Written:
    if draft is None:
        return _retire(pending, version) if pending and (version or pending.base_version_id) else "nothing"
    if pending is None and not _is_news(topic, draft):
        return "nothing"
    proposal = pending or FlowProposal(account_id=topic.account_id, topic=topic, revision=0)
    before = Content.of(proposal)
    _fill(proposal, draft)
    known = set(proposal.evidence.values_list("session", flat=True)) if pending else set()
    sessions = {session.pk for session in draft.sessions}
    if pending and before == Content.of(proposal) and known == sessions:
        return "nothing"
    proposal.revision += 1
    proposal.save()
    evidence_replace(proposal, sessions)
    if pending is None:
        proposal_emit(EventType.PROPOSAL_CREATED, proposal)
        return "created"
    changes = changes_between(before, proposal, joined=len(sessions - known), left=len(known - sessions))
    audit_record(
        actor=None,
        action="proposal.revised",
        target=proposal,
        before={"revision": proposal.revision - 1},
        after={"revision": proposal.revision, "changes": changes},
    )
    return "updated"


def _retire(pending: FlowProposal, version: FlowVersion | None) -> Written:
    """A proposal that its sessions no longer bear out is never left to be reviewed as if they did."""
    if version is None:
        reason = "the flow that it would change is archived"
    elif pending.base_version_id != version.pk:
        reason = f"answered by version {version.number}"
    else:
        reason = "its sessions no longer agree on a change"
    proposal_retire(proposal=pending, reason=reason)
    return "updated"


def _is_news(topic: Topic, draft: _Draft) -> bool:
    """A topic that was decided before comes up again when enough sessions are new since.

    New is what no decided proposal had as evidence, and what came after the last decision: sessions that were known
    then, and only group in another way now, are no news. What a dismissal holds back is none until it wakes.
    """
    if is_held_back(topic, draft.proposal_type, draft.definition):
        return False
    decided = FlowProposal.objects.filter(topic=topic).exclude(proposal_type=Type.AUTO_REINFORCED)
    last = decided.aggregate(last=Max("reviewed_at"))["last"]
    if last is None:
        return True
    ids = [session.pk for session in draft.sessions]
    seen = ProposalEvidence.objects.filter(proposal__in=decided, session__in=ids)
    fresh = SessionAnalysis.objects.filter(session__in=ids, analyzed_at__gt=last)
    return fresh.exclude(session__in=seen.values("session")).count() >= REOPEN_FROM


def _fill(proposal: FlowProposal, draft: _Draft) -> None:
    sessions = draft.sessions
    domains = Counter(session.problem_domain for session in sessions if session.problem_domain)
    teams = {session.team_id for session in sessions}
    proposal.proposal_type = draft.proposal_type
    proposal.title = draft.title[:200]
    proposal.description = draft.description
    proposal.proposed_flow_data = draft.definition
    proposal.proposed_diff = draft.diff.to_json() if draft.diff else {}
    proposal.node_evidence = {
        node: [[int(key), at] for key, at in places] for node, places in draft.node_evidence.items()
    }
    proposal.examples = draft.examples
    proposal.masked = draft.masked
    proposal.confidence_score = draft.confidence.bound
    proposal.replays_succeeded, proposal.replays_tried = draft.confidence.successes, draft.confidence.tried
    proposal.target_flow = draft.base.flow if draft.base else None
    proposal.base_version = draft.base
    proposal.problem_domain = domains.most_common(1)[0][0] if domains else ""
    proposal.team_id = teams.pop() if len(teams) == 1 else None
    proposal.source_session = sessions[0] if sessions else None
    proposal.started_by = None
