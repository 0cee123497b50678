"""Topics, proposed changes to the flows with their evidence, and the records of analysis."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from flowpilot.accounts.models import Team
from flowpilot.common.tenancy import TenantModel
from flowpilot.flows.models import Flow, FlowVersion
from sessions.models import AISession, Tier, tier_of


class Topic(TenantModel):
    """A group of sessions about the same problem. It has at most one open proposal."""

    title = models.CharField(max_length=200)
    # The flow that answers this topic, once one is published.
    flow = models.ForeignKey(Flow, on_delete=models.SET_NULL, null=True, blank=True, related_name="topics")
    # Set together with new evidence, cleared together with the mined result: a killed worker leaves it for the next.
    mining_due = models.BooleanField(default=False)
    # What of some of its sessions tells the topic, [[session id, stems of problem, of opening prompt, of prompts], …]:
    # new sessions are compared with thousands of topics without reading their sessions.
    sketch = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "flow"], name="one_topic_of_flow", condition=~Q(flow=None))
        ]
        indexes = [models.Index(fields=["account", "id"], name="topic_mining_due", condition=Q(mining_due=True))]

    def __str__(self) -> str:
        return self.title


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
    confidence_score = models.FloatField(default=0.0)
    supporting_session_count = models.PositiveIntegerField(default=0)
    client_count = models.PositiveIntegerField(default=0)
    technician_count = models.PositiveIntegerField(default=0)
    supporting_sessions = models.ManyToManyField(AISession, through="ProposalEvidence", related_name="proposals")
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    problem_domain = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    # Grows with every change of content; a decision names the one that the reviewer saw.
    revision = models.PositiveIntegerField(default=1)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reviewer_notes = models.TextField(blank=True)
    published_flow = models.ForeignKey(Flow, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "proposal"
        ordering = ["-supporting_session_count", "-id"]
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
            models.Index(
                fields=["account", "-supporting_session_count", "-id"],
                name="proposal_queue",
                condition=Q(status="pending"),
            ),
            models.Index(fields=["account", "status", "-supporting_session_count", "-id"], name="proposal_by_status"),
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
    def can_be_approved(self) -> bool:
        """A change to a published flow is never approved blind: it opens in the editor."""
        return self.is_pending and self.proposal_type == self.Type.NEW_FLOW


class ProposalEvidence(TenantModel):
    """A session that supports a proposal."""

    proposal = models.ForeignKey(FlowProposal, on_delete=models.CASCADE, related_name="evidence")
    session = models.ForeignKey(AISession, on_delete=models.CASCADE, related_name="evidence")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "proposal", "session"], name="evidence_once")]

    def __str__(self) -> str:
        return f"{self.session_id} for {self.proposal_id}"


class SessionAnalysis(TenantModel):
    """What analysis made of a session, or why it could not."""

    class State(models.TextChoices):
        DONE = "done", "Done"
        RETRYING = "retrying", "Retrying"
        FAILED = "failed", "Failed"

    class Outcome(models.TextChoices):
        FOLLOWED = "followed", "Followed a flow"
        LEFT = "left", "Left a flow"
        NO_FLOW = "no_flow", "No flow fits"
        NOTHING_TO_LEARN = "nothing", "Nothing to learn from"

    team_lookup = "session__team"

    session = models.OneToOneField(AISession, on_delete=models.CASCADE, related_name="analysis")
    state = models.CharField(max_length=20, choices=State)
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True)
    topic = models.ForeignKey(Topic, on_delete=models.SET_NULL, null=True, blank=True, related_name="analyses")
    flow_version = models.ForeignKey(FlowVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # Where the session left the flow.
    left_at_node = models.CharField(max_length=40, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    analyzed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "session analysis"
        verbose_name_plural = "session analyses"
        ordering = ["-analyzed_at"]
        permissions = [("requeue_sessionanalysis", "Can queue sessions for analysis again")]
        indexes = [
            models.Index(fields=["account", "topic", "session"], name="analysis_of_topic"),
            models.Index(fields=["account", "-analyzed_at"], name="analysis_trouble", condition=~Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"{self.session}: {self.get_state_display()}"


class AnalysisRun(TenantModel):
    """One run of an account's analysis."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        LOST = "lost", "Lost its lease"
        FAILED = "failed", "Failed"

    owner = models.CharField(max_length=200)
    lease_token = models.BigIntegerField()
    status = models.CharField(max_length=20, choices=Status, default=Status.RUNNING)
    sessions_done = models.PositiveIntegerField(default=0)
    sessions_failed = models.PositiveIntegerField(default=0)
    proposals_created = models.PositiveIntegerField(default=0)
    proposals_updated = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "analysis run"
        ordering = ["-started_at", "-id"]
        indexes = [models.Index(fields=["account", "-started_at"], name="analysis_run_recent")]

    def __str__(self) -> str:
        return f"Analysis of {self.started_at:%Y-%m-%d %H:%M}"
