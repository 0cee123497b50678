"""Proposals and flows that may be about the same problem as a proposal: possible duplicates."""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from flowpilot.flows.models import Flow
from proposals.mining.topicindex import Exemplar, TopicIndex
from proposals.models import FlowProposal, Topic

SHOWN = 5
# Topics compared: those whose title shares a word first, then the busiest. More would keep the reviewer waiting.
COMPARED = 200
# Likeness from which a topic is named at all, from which it is much alike, and from which it is likely the same; 1 is
# what a session needs to belong to a topic.
SOMEWHAT, MUCH, SAME = 0.45, 0.7, 0.95
LONG_WORD = 4


@dataclass(frozen=True, slots=True)
class Similar:
    """A pending proposal or a published flow, and how like it is."""

    likeness: float
    proposal: FlowProposal | None
    flow: Flow | None

    @property
    def words(self) -> str:
        if self.likeness >= SAME:
            return "likely the same problem"
        return "much alike" if self.likeness >= MUCH else "somewhat alike"


def similar_to(user: Any, proposal: FlowProposal) -> list[Similar]:
    """What of the viewer's own is most like the proposal's topic, the likest first, at most SHOWN.

    Topics are compared by their sketches (`mining.topicindex`), not by all their sessions.
    """
    sample = [Exemplar(*row) for row in proposal.topic.sketch]
    if not sample:
        return []
    pending = _pending(user, proposal)
    flows = _flows(user, proposal)
    by_topic: dict[int, FlowProposal | Flow] = dict(flows)
    by_topic |= {row.topic_id: row for row in pending}
    sketches = dict(Topic.objects.filter(pk__in=by_topic).values_list("pk", "sketch"))
    known = {pk: [Exemplar(*row) for row in rows] for pk, rows in sketches.items() if rows}
    found = TopicIndex(known).likest(sample) if known else []
    return [_similar(by_topic[topic_id], likeness) for topic_id, likeness in found[:SHOWN] if likeness >= SOMEWHAT]


def _similar(row: FlowProposal | Flow, likeness: float) -> Similar:
    return Similar(likeness, row, None) if isinstance(row, FlowProposal) else Similar(likeness, None, row)


def _pending(user: Any, proposal: FlowProposal) -> list[FlowProposal]:
    rows = FlowProposal.objects.for_user(user).filter(account=proposal.account_id, status=FlowProposal.Status.PENDING)
    rows = rows.exclude(topic=proposal.topic_id).select_related("target_flow")
    wanted = ("pk", "title", "topic", "revision", "proposal_type", "supporting_session_count", "target_flow__title")
    return _likely_first(rows.only(*wanted).order_by("-impact", "-pk"), proposal.title)


def _flows(user: Any, proposal: FlowProposal) -> list[tuple[int, Flow]]:
    own = Flow.objects.for_user(user).filter(account=proposal.account_id, status=Flow.Status.PUBLISHED)
    own = own.exclude(pk=proposal.target_flow_id or 0).order_by("-updated_at", "-pk")
    rows = {flow.pk: flow for flow in _likely_first(own, proposal.title)}
    # A decided proposal's own topic has the flow that came of it.
    topics = Topic.objects.filter(account=proposal.account_id, flow__in=rows).exclude(pk=proposal.topic_id)
    return [(topic_id, rows[flow_id]) for topic_id, flow_id in topics.values_list("pk", "flow") if flow_id is not None]


def _likely_first(rows: QuerySet[Any], title: str) -> list[Any]:
    """Those whose title shares a longer word, filled up with the first of the others, at most COMPARED."""
    words = sorted({word for word in title.lower().split() if len(word) >= LONG_WORD}, key=len)[-6:]
    found = list(rows.filter(reduce(or_, (Q(title__icontains=word) for word in words)))[:COMPARED]) if words else []
    rest = rows.exclude(pk__in=[row.pk for row in found])[: COMPARED - len(found)]
    return [*found, *rest]
