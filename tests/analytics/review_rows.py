"""Random proposals about random sessions: waiting and decided, with evidence, published flows and later sessions."""

import random
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from flowpilot.accounts.models import Account, Team, User
from flowpilot.common.models import AuditEvent
from proposals.models import FlowProposal, ProposalEvidence, SessionAnalysis, Topic
from sessions.models import AISession
from tests.factories import make_flow

DECIDED = ("approved", "modified", "rejected", "dismissed")
TYPES = ("new_flow", "enhancement", "branch_addition")


def make_review(
    account: Account, sessions: list[AISession], now: datetime, reviewers: list[User], count: int = 160, seed: int = 11
) -> list[FlowProposal]:
    """`count` proposals with some of `sessions` as evidence, most of which are analysed; the flows that are published
    guide none, one or a few of the later sessions. Some decisions were taken back; some proposals just went."""
    dice = random.Random(seed)
    _analyse(account, sessions, dice)
    flows = [make_flow(account, title=f"Published {number}").flow for number in range(6)]
    teams = [None, *Team.objects.filter(account=account).order_by("name")]
    topics = Topic.objects.bulk_create(Topic(account=account, title=f"Topic {number}") for number in range(count))
    proposals = FlowProposal.objects.bulk_create(
        FlowProposal(account=account, topic=topic, **_proposal(dice, now, teams, reviewers, flows)) for topic in topics
    )
    for proposal in proposals:
        _age(proposal, dice)
        _evidence(proposal, sessions, dice)
    _tracked(account, sessions[:5], flows[0])
    _guide(sessions, flows[:4], dice)
    return list(FlowProposal.objects.filter(account=account).exclude(status="auto_reinforced").order_by("pk"))


def _proposal(dice: random.Random, now: datetime, teams: list[Any], reviewers: list[User], flows: list[Any]) -> Any:
    status = dice.choice(["pending", *DECIDED, *DECIDED])
    kind = "new_flow" if status == "approved" else dice.choice(TYPES)
    scope = dice.choice(["change", "topic", ""]) if status == "dismissed" else ""
    return {
        "proposal_type": kind,
        "status": status,
        "team": dice.choice(teams),
        "title": f"Proposal of {kind}",
        "problem_domain": dice.choice(["networking", "email & calendar", ""]),
        "confidence_score": dice.choice([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, round(dice.random(), 3)]),
        "dismiss_scope": scope,
        "reviewed_at": None if status == "pending" else now - timedelta(seconds=dice.randrange(1, 80 * 86_400)),
        "reviewed_by": None if status == "pending" else dice.choice([None, *reviewers]),
        "published_flow": dice.choice(flows) if status in ("approved", "modified") else None,
        "target_flow": dice.choice(flows) if kind != "new_flow" else None,
    }


def _age(proposal: FlowProposal, dice: random.Random) -> None:
    until = proposal.reviewed_at or proposal.created_at
    created = until - timedelta(seconds=dice.randrange(1, 20 * 86_400))
    FlowProposal.objects.filter(pk=proposal.pk).update(created_at=created)
    if dice.random() < 0.2:
        ago = timedelta(seconds=dice.randrange(1, 80 * 86_400))
        AuditEvent.objects.create(
            account=proposal.account,
            actor_label="Alice",
            action=dice.choice(["proposal.undone", "proposal.undone", "proposal.woken"]),
            object_type="proposals.flowproposal",
            object_id=proposal.pk,
            created_at=timezone.now() - ago,
        )


def _analyse(account: Account, sessions: list[AISession], dice: random.Random) -> None:
    for session in sessions:
        if session.ended_at is None or dice.random() < 0.2:
            continue
        state = dice.choice(["done", "done", "done", "retrying", "failed"])
        # Guided sessions may be analysed already.
        SessionAnalysis.objects.update_or_create(session=session, defaults={"account": account, "state": state})
        # Some were analysed before the end that counts now: they were opened again, or their record came in late.
        analysed = session.ended_at + timedelta(seconds=dice.randrange(-2_000, 90_000))
        SessionAnalysis.objects.filter(session=session).update(analyzed_at=analysed)


def _evidence(proposal: FlowProposal, sessions: list[AISession], dice: random.Random) -> None:
    for session in dice.sample(sessions, min(len(sessions), dice.randrange(0, 5))):
        row = ProposalEvidence.objects.create(account=proposal.account, proposal=proposal, session=session)
        added = (session.ended_at or session.started_at) + timedelta(seconds=dice.randrange(0, 200_000))
        ProposalEvidence.objects.filter(pk=row.pk).update(added_at=added)


def _tracked(account: Account, sessions: list[AISession], flow: Any) -> None:
    """A proposal that only tracks: its sessions are in none."""
    topic = Topic.objects.create(account=account, title="Tracked")
    kind = {"proposal_type": "auto_reinforced", "status": "auto_reinforced"}
    proposal = FlowProposal.objects.create(account=account, topic=topic, base_version=flow.current_version, **kind)
    for session in sessions:
        ProposalEvidence.objects.create(account=account, proposal=proposal, session=session)


def _guide(sessions: list[AISession], flows: list[Any], dice: random.Random) -> None:
    for session in dice.sample(sessions, len(sessions) // 10):
        session.flow = dice.choice(flows)
        session.save()
