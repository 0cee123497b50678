"""Worked problems and their steps."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from flowpilot.accounts.models import Team, User
from flowpilot.common.tenancy import TenantModel, TenantQuerySet
from flowpilot.flows.models import Flow, FlowVersion

EXPLORING_FROM = 0.4
GUIDED_FROM = 0.8


ENDED_Q = Q(status__in=["resolved", "escalated", "abandoned"])


class Tier(models.TextChoices):
    """How far the known flows carry: bands of a confidence score in 0..1."""

    DISCOVERY = "discovery", "Discovery"
    EXPLORING = "exploring", "Exploring"
    GUIDED = "guided", "Guided"


def tier_of(score: float | None) -> Tier:
    """The band of a score; nothing known yet (None) is discovery."""
    if score is None or score < EXPLORING_FROM:
        return Tier.DISCOVERY
    return Tier.EXPLORING if score < GUIDED_FROM else Tier.GUIDED


def tier_q(tier: str, field: str = "confidence_score") -> Q:
    """The rows of a tier: the same bands as tier_of, as a filter."""
    if tier == Tier.GUIDED:
        return Q(**{f"{field}__gte": GUIDED_FROM})
    if tier == Tier.EXPLORING:
        return Q(**{f"{field}__gte": EXPLORING_FROM, f"{field}__lt": GUIDED_FROM})
    return Q(**{f"{field}__lt": EXPLORING_FROM}) | Q(**{f"{field}__isnull": True})


class Client(TenantModel):
    """A customer of the account, whose problems are worked."""

    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="client_name_in_account")]

    def __str__(self) -> str:
        return self.name


class AISessionQuerySet(TenantQuerySet["AISession"]):
    def ended(self) -> Self:
        return self.filter(status__in=AISession.ENDED)

    def due_for_analysis(self) -> Self:
        """What analysis should look at now: oldest first, failed ones after their pause."""
        return self.filter(analysis_due_at__lte=timezone.now()).order_by("analysis_due_at", "pk")


class AISession(TenantModel):
    """One worked problem."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        RESOLVED = "resolved", "Resolved"
        ESCALATED = "escalated", "Escalated"
        ABANDONED = "abandoned", "Abandoned"

    OPEN: ClassVar[Sequence[str]] = (Status.ACTIVE, Status.PAUSED)
    ENDED: ClassVar[Sequence[str]] = (Status.RESOLVED, Status.ESCALATED, Status.ABANDONED)
    # An abandoned session tells nothing of what helps.
    ANALYZED: ClassVar[Sequence[str]] = (Status.RESOLVED, Status.ESCALATED)

    team_lookup = "team"

    external_id = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=Status, default=Status.ACTIVE)
    title = models.CharField(max_length=300, blank=True)
    problem_summary = models.TextField(blank=True)
    problem_domain = models.CharField(max_length=100, blank=True)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="sessions", db_index=False
    )
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The address stays when the person has no log-in here, or leaves.
    technician_email = models.EmailField(blank=True)
    technician = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    resolution_summary = models.TextField(blank=True)
    # Work that was never structured: [{"role": "user" | "agent", "text": …}]; such a session has no steps.
    transcript = models.JSONField(null=True, blank=True)
    flow = models.ForeignKey(
        Flow, on_delete=models.SET_NULL, null=True, blank=True, related_name="sessions", db_index=False
    )
    flow_version = models.ForeignKey(FlowVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    psa_system = models.CharField(max_length=50, blank=True)
    psa_ticket_id = models.CharField(max_length=100, blank=True)
    # How well the published flows explained this session, found by analysis.
    confidence_score = models.FloatField(null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True, help_text="Of the record as it came in.")
    # Worked in the runner: it grows with every change, and a tab that shows an older one is told so.
    is_worked_here = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=0)
    # The node of flow_version where a guided session stands, and since when; empty off the flow.
    node_id = models.CharField(max_length=40, blank=True)
    node_since = models.DateTimeField(null=True, blank=True)
    # The chance that the flow helps, as it was when it was chosen.
    match_score = models.FloatField(null=True, blank=True)
    touched_at = models.DateTimeField(null=True, blank=True)
    # What the technician says at the end.
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    flow_was_right = models.BooleanField(null=True, blank=True)
    feedback = models.TextField(blank=True)
    analysis_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When the account's data policy took its texts: what is left tells that it was, and how it ended.
    texts_removed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AISessionQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = "session"
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "external_id"], name="session_external_id_in_account"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="session_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "paused", "resolved", "escalated", "abandoned"]),
                name="session_status",
            ),
            models.CheckConstraint(condition=Q(rating=None) | Q(rating__range=(1, 5)), name="rating_from_1_to_5"),
        ]
        indexes = [
            models.Index(fields=["account", "-started_at", "-id"], name="session_recent"),
            models.Index(fields=["account", "status", "-started_at"], name="session_by_status"),
            models.Index(fields=["account", "ended_at"], name="session_ended"),
            models.Index(
                fields=["account", "ended_at"], name="session_with_texts", condition=ENDED_Q & Q(texts_removed_at=None)
            ),
            # The sessions of a ticket, among them those that opened it again.
            models.Index(fields=["account", "psa_ticket_id", "psa_system", "started_at"], name="session_ticket"),
            # What counts and lists of ended sessions are narrowed to. Work on an open session writes to none of them.
            *(
                models.Index(fields=["account", column, "ended_at", "id"], name=f"session_by_{name}", condition=ENDED_Q)
                for name, column in (
                    ("client", "client"),
                    ("domain", "problem_domain"),
                    ("flow", "flow"),
                    ("email", "technician_email"),
                )
            ),
            # With what the figures of a version ask, so that most need not look at the sessions themselves.
            models.Index(
                fields=["flow_version", "ended_at", "id"],
                include=["account", "team", "status", "node_id", "is_worked_here"],
                name="session_of_version",
                condition=ENDED_Q,
            ),
            # The foreign key's, too. In the order in which evidence has them, to be read beside it.
            models.Index(fields=["client", "id"], name="session_of_client"),
            # The foreign key's, too; "which session first used the flow since" looks at one entry.
            models.Index(fields=["flow", "started_at"], name="session_of_flow"),
            models.Index(
                fields=["account", "technician", "-touched_at"],
                name="session_open",
                condition=Q(status__in=["active", "paused"]),
            ),
            models.Index(
                fields=["touched_at"],
                name="session_idle",
                condition=Q(is_worked_here=True, status__in=["active", "paused"]),
            ),
            models.Index(
                fields=["account", "analysis_due_at"], name="session_due", condition=Q(analysis_due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.title}".strip()

    @property
    def tier(self) -> Tier:
        return tier_of(self.confidence_score)

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def duration(self) -> timedelta | None:
        return self.ended_at - self.started_at if self.ended_at else None


class SessionStep(TenantModel):
    """One prompt of a session and the answer it got."""

    class Kind(models.TextChoices):
        QUESTION = "question", "Question"
        ACTION = "action", "Action"
        SCRIPT = "script", "Script"
        NOTE = "note", "Note"
        HELP = "help", "Help"

    team_lookup = "session__team"

    session = models.ForeignKey(AISession, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=Kind)
    prompt = models.TextField()
    options = models.JSONField(default=list, blank=True)
    selected_option = models.TextField(null=True, blank=True)
    response = models.TextField(null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    # Of a guided step: the node that asked it, and the seconds until it was answered.
    node_id = models.CharField(max_length=40, blank=True)
    seconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = "step"
        ordering = ["session", "position"]
        constraints = [models.UniqueConstraint(fields=["account", "session", "position"], name="session_step_position")]
        # The way of a session through its flow, which is looked up session by session.
        indexes = [
            models.Index(fields=["session", "node_id", "position"], name="step_of_node", condition=~Q(node_id="")),
        ]

    def __str__(self) -> str:
        return self.prompt[:80]

    @property
    def answer(self) -> str:
        return self.selected_option or self.response or ""
