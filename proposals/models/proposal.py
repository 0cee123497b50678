"""Proposed changes to the flows, and the sessions behind them."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.common.tenancy import TenantModel
from flowpilot.flows.models import Flow, FlowVersion
from proposals.models.topic import Topic
from sessions.models import AISession, Tier, tier_of


class FlowProposal(TenantModel):
    """A proposed change to the flows, awaiting or past review."""

    class Type(models.TextChoices):
        NEW_FLOW = "new_flow", "New flow"
        ENHANCEMENT = "enhancement", "Enhancement"
        BRANCH_ADDITION = "branch_addition", "Branch addition"
        AUTO_REINFORCED = "auto_reinforced", "Auto-reinforced"

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        MODIFIED = "modified", "Modified"
        REJECTED = "rejected", "Rejected"
        DISMISSED = "dismissed", "Dismissed"
        AUTO_REINFORCED = "auto_reinforced", "Auto-reinforced"

    class DismissScope(models.TextChoices):
        CHANGE = "change", "This change"
        TOPIC = "topic", "The whole topic"

    team_lookup: ClassVar[str] = "team"

    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="proposals")
    # Set when all the evidence is one team's.
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    source_session = models.ForeignKey(AISession, on_delete=models.SET_NULL, null=True, related_name="+")
    proposal_type = models.CharField(max_length=20, choices=Type)
    target_flow = models.ForeignKey(Flow, on_delete=models.SET_NULL, null=True, blank=True, related_name="proposals")
    base_version = models.ForeignKey(FlowVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    proposed_flow_data = models.JSONField(default=dict)
    proposed_diff = models.JSONField(default=dict)
    # {node id: [[session id, turn or step index], …]}: the very lines that a node rests on.
    node_evidence = models.JSONField(default=dict)
    # What replay's answer reader learns from; goes with the definition into the published version.
    examples = models.JSONField(default=dict)
    # Kinds of private matter that were masked out of the texts, such as "host name".
    masked = models.JSONField(default=list)
    # The lower bound of replay success; its tier says how far the proposal is to be trusted.
    confidence_score = models.FloatField(default=0.0)
    # Supporting sessions replayed through a flow mined without them, and those of them that ended as they did.
    replays_tried = models.PositiveIntegerField(default=0)
    replays_succeeded = models.PositiveIntegerField(default=0)
    # The queue's rank: recent sessions that it would have helped, weighted by confidence; see `proposals.impact`.
    impact = models.FloatField(default=0.0)
    recent_session_count = models.PositiveIntegerField(default=0)
    # Of all sessions of the topic, whether they are evidence or not.
    topic_session_count = models.PositiveIntegerField(default=0)
    topic_escalated_count = models.PositiveIntegerField(default=0)
    supporting_session_count = models.PositiveIntegerField(default=0)
    client_count = models.PositiveIntegerField(default=0)
    technician_count = models.PositiveIntegerField(default=0)
    supporting_sessions = models.ManyToManyField(AISession, through="ProposalEvidence", related_name="proposals")
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    # When a session last joined the evidence: a pending proposal that nothing new supports expires.
    evidence_at = models.DateTimeField(default=timezone.now)
    # Title, texts and evidence, for the queue's search.
    search = SearchVectorField(null=True, editable=False)
    problem_domain = models.CharField(max_length=100, blank=True)
    # Who began it by hand, for a change of a published flow; None for what analysis found.
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    # Grows with every change of content; a decision names the one that the reviewer saw.
    revision = models.PositiveIntegerField(default=1)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reviewer_notes = models.TextField(blank=True)
    published_flow = models.ForeignKey(Flow, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    published_version = models.ForeignKey(
        FlowVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # A claim warns other reviewers until it runs out; it never stops them.
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    # What a dismissal parks, and what brings it back: a date, or so many new sessions from so many clients.
    dismiss_scope = models.CharField(max_length=20, choices=DismissScope, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    wake_sessions = models.PositiveIntegerField(null=True, blank=True)
    wake_clients = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "proposal"
        ordering = ["-impact", "-id"]
        permissions = [("decide_flowproposal", "Can decide proposals")]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "topic"], name="one_open_proposal_of_topic", condition=Q(status="pending")
            ),
            models.UniqueConstraint(
                fields=["account", "base_version"],
                name="one_reinforcement_of_version",
                condition=Q(proposal_type="auto_reinforced"),
            ),
            models.CheckConstraint(
                condition=Q(proposal_type="auto_reinforced", status="auto_reinforced")
                | (~Q(proposal_type="auto_reinforced") & ~Q(status="auto_reinforced")),
                name="reinforcement_needs_no_review",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | Q(proposal_type="new_flow"), name="only_new_flow_is_approved"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "auto_reinforced"]) | Q(reviewed_at__isnull=False),
                name="decision_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(confidence_score__gte=0) & Q(confidence_score__lte=1), name="confidence_in_0_to_1"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-impact", "-id"], name="proposal_queue", condition=Q(status="pending")),
            models.Index(fields=["account", "status", "-impact", "-id"], name="proposal_by_status"),
            models.Index(
                fields=["account", "created_at", "id"], name="proposal_waiting", condition=Q(status="pending")
            ),
            models.Index(
                fields=["account", "-reviewed_at", "-id"], name="proposal_parked", condition=Q(status="dismissed")
            ),
            models.Index(
                fields=["account", "-reviewed_at", "-id"],
                name="proposal_decided",
                condition=Q(status__in=["approved", "modified", "rejected"]),
            ),
            models.Index(
                fields=["account", "wake_at"],
                name="proposal_wakes_at",
                condition=Q(status="dismissed", wake_at__isnull=False),
            ),
            models.Index(
                fields=["account", "problem_domain", "confidence_score"],
                name="proposal_domain",
                condition=Q(status="pending"),
            ),
            models.Index(fields=["account", "evidence_at"], name="proposal_expiry", condition=Q(status="pending")),
            models.Index(fields=["claimed_by"], name="proposal_claimed", condition=Q(status="pending")),
            GinIndex(fields=["search"], name="proposal_search"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def tier(self) -> Tier:
        return tier_of(self.confidence_score)

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING

    @property
    def escalation_rate(self) -> float | None:
        """Share of the topic's sessions that were escalated; None where it has none."""
        return self.topic_escalated_count / self.topic_session_count if self.topic_session_count else None

    @property
    def claimant(self) -> Any:
        """Who holds a claim that has not run out."""
        return self.claimed_by if self.claimed_until and self.claimed_until > timezone.now() else None

    @property
    def has_moved_on(self) -> bool:
        """Whether the flow that it changes has another version by now than the one it was made from."""
        return self.target_flow is not None and self.target_flow.current_version_id != self.base_version_id

    @property
    def can_be_approved(self) -> bool:
        """A change to a published flow is never approved blind: it opens in the editor."""
        return self.is_pending and self.proposal_type == self.Type.NEW_FLOW


class ProposalEvidence(TenantModel):
    """A session that supports a proposal."""

    proposal = models.ForeignKey(FlowProposal, on_delete=models.CASCADE, related_name="evidence")
    session = models.ForeignKey(AISession, on_delete=models.CASCADE, related_name="evidence", db_index=False)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "proposal", "session"], name="evidence_once")]
        # The foreign key's, too.
        indexes = [models.Index(fields=["session", "proposal"], name="evidence_of_session")]

    def __str__(self) -> str:
        return f"{self.session_id} for {self.proposal_id}"
