"""Proposals of the large account's topics, decided and waiting, each with some sessions of its topic."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from analytics.management.load.copying import Table, ids_reserve
from analytics.management.load.world import World, definition
from proposals.models import FlowProposal, ProposalEvidence

STATUSES = ("pending", "approved", "modified", "rejected", "dismissed")
SHARES = (25, 30, 22, 10, 13)
COLUMNS = (
    "id", "topic_id", "proposal_type", "title", "proposed_flow_data", "confidence_score", "replays_tried",
    "replays_succeeded", "supporting_session_count", "problem_domain", "status", "created_at", "updated_at",
    "reviewed_at", "evidence_at", "published_flow_id",
)  # fmt: skip


def proposals_copy(world: World, of_topic: Mapping[int, Sequence[int]], now: datetime, rng: Random) -> int:
    """Up to three proposals a topic, the last of which may be pending; gives how many."""
    proposals = Table(FlowProposal, world.account.pk, COLUMNS)
    evidence = Table(ProposalEvidence, world.account.pk, ("proposal_id", "session_id", "added_at"))
    domain_of = {topic: domain for domain, topics in world.topics.items() for topic in topics.items}
    first = ids_reserve(FlowProposal, 3 * len(of_topic))
    for place, (topic, sessions) in enumerate(of_topic.items()):
        for number in range(rng.randint(1, 3)):
            pk, status = first + 3 * place + number, rng.choices(STATUSES, SHARES)[0]
            status = "rejected" if status == "pending" and number else status
            waited = timedelta(hours=rng.expovariate(1 / 40))
            created = now - timedelta(days=rng.uniform(0, 20 if status == "pending" else 360)) - waited
            flows = world.flows.get(domain_of[topic]) if status in ("approved", "modified") else None
            words = f"{domain_of[topic] or 'unknown'} topic {topic}"
            proposals.add(
                pk, topic, "new_flow", words.capitalize(), definition(words), round(rng.random(), 3), 10,
                rng.randint(3, 10), len(sessions), domain_of[topic], status, created, now,
                None if status == "pending" else created + waited, created,
                flows.pick(rng).pk if flows else None,
            )  # fmt: skip
            for session in sessions:
                evidence.add(pk, session, created)
    proposals.copy()
    evidence.copy()
    return proposals.copied
