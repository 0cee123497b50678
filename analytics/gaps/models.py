"""Knowledge gaps: places where the knowledge measurably fails."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.common.statistics import Rate
from flowpilot.common.tenancy import TenantModel, TenantQuerySet
from flowpilot.flows.models import Flow
from proposals.models import FlowProposal, Topic
from sessions.models import AISession, Client, ScriptTemplate


class KnowledgeGapQuerySet(TenantQuerySet["KnowledgeGap"]):
    def light(self) -> Self:
        """Without the ids of the sessions, which can be many."""
        return self.defer("session_ids", "bad_session_ids")

    def to_work_on(self) -> Self:
        return self.filter(state__in=KnowledgeGap.UNSETTLED)


class KnowledgeGap(TenantModel):
    """A place where sessions do measurably worse than elsewhere. One row a place: it closes and comes back."""

    class Kind(models.TextChoices):
        WEAK_OPTION = "weak_option", "Weak option"
        HIGH_ESCALATION = "high_escalation", "High escalation"
        MISSING_FLOW = "missing_flow", "Missing flow"
        DEAD_END = "dead_end", "Dead end"
        STALE_FLOW = "stale_flow", "Stale flow"
        SCRIPT_NO_HELP = "script_no_help", "Script that does not help"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        WORKING = "working", "Being worked"
        CLOSED = "closed", "Closed"
        ACCEPTED = "accepted", "Accepted"

    SEVERITIES: ClassVar[dict[str, str]] = {"high": "High", "medium": "Medium", "low": "Low"}
    UNSETTLED: ClassVar[tuple[str, ...]] = (State.OPEN, State.ACKNOWLEDGED, State.WORKING)

    team_lookup: ClassVar[str | None] = "team"

    # Set when all the sessions behind it are one team's: who sees that team only sees no other gap.
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    # Names the place, as in `weak_option:12:n3:o1`; the same place is the same row for ever.
    key = models.CharField(max_length=300)
    title = models.CharField(max_length=400)
    flow = models.ForeignKey(Flow, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps")
    node_id = models.CharField(max_length=40, blank=True)
    option_id = models.CharField(max_length=40, blank=True)
    topic = models.ForeignKey(Topic, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps")
    client = models.ForeignKey(Client, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps")
    script_template = models.ForeignKey(
        ScriptTemplate, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps"
    )
    problem_domain = models.CharField(max_length=100, blank=True)
    # Free text: a value that a later version of FlowPilot knows must not break this one's pages.
    severity = models.CharField(max_length=20, blank=True)
    # Shrunken rate times volume: the list's order.
    impact = models.FloatField(default=0.0)
    # Plain numbers: see docs/gaps.md.
    evidence: Any = models.JSONField(default=dict)
    # [["2026-01-05", bad, sessions], …] by week from its Monday.
    trend: Any = models.JSONField(default=list)
    # Exactly the sessions that `evidence` counts, as they were at `measured_at`, and the bad ones among them.
    session_ids = ArrayField(models.BigIntegerField(), default=list)
    bad_session_ids = ArrayField(models.BigIntegerField(), default=list)
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    # Recovery is measured from here: when it was opened or came back, or when work on it began.
    measured_from = models.DateTimeField(default=timezone.now)
    # Of one that closed once: only its sessions since then count.
    counted_from = models.DateTimeField(null=True, blank=True)
    # What it is being worked in: the change of the flow that somebody opened from its page.
    proposal = models.ForeignKey(FlowProposal, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps")
    # Why it was accepted, or what closed it.
    reason = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    due = models.DateField(null=True, blank=True)
    notes = models.TextField(blank=True)
    # Grows with every change by a person or of the state; a change names the one that was read.
    revision = models.PositiveIntegerField(default=1)
    times_reopened = models.PositiveIntegerField(default=0)
    found_at = models.DateTimeField(default=timezone.now)
    measured_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = KnowledgeGapQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = "knowledge gap"
        ordering = ["-impact", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="gap_key_in_account"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "acknowledged", "working", "closed", "accepted"]), name="gap_state"
            ),
            models.CheckConstraint(
                condition=(Q(state="closed", closed_at__isnull=False)) | (~Q(state="closed") & Q(closed_at=None)),
                name="closed_gap_has_a_time",
            ),
            models.CheckConstraint(condition=~Q(state="accepted") | ~Q(reason=""), name="accepted_gap_has_a_reason"),
        ]
        indexes = [models.Index(fields=["account", "state", "-impact", "-id"], name="gap_by_state")]

    def __str__(self) -> str:
        return self.title

    @property
    def severity_label(self) -> str:
        """In words; a value that is not known is told neutrally."""
        return self.SEVERITIES.get(self.severity, "Unrated")

    @property
    def severity_class(self) -> str:
        return self.severity if self.severity in self.SEVERITIES else "unrated"

    @property
    def rate(self) -> Rate:
        return self._rate("count", "n")

    @property
    def base(self) -> Rate:
        return self._rate("base_count", "base_n")

    @property
    def since(self) -> Rate:
        """The rate since `measured_from`."""
        return self._rate("since_count", "since_n")

    @property
    def is_unsettled(self) -> bool:
        return self.state in self.UNSETTLED

    @property
    def is_overdue(self) -> bool:
        return bool(self.is_unsettled and self.due and self.due < timezone.localdate())

    def sessions(self, *, bad_only: bool = False) -> models.QuerySet[AISession]:
        """Exactly the sessions that the evidence counts; narrow it to the viewer's with `for_user`."""
        ids = gap_session_ids(self.pk, bad_only=bad_only)
        return AISession.objects.filter(account=self.account_id, pk__in=ids)

    def _rate(self, count: str, n: str) -> Rate:
        return Rate(int(self.evidence.get(count) or 0), int(self.evidence.get(n) or 0))


def gap_session_ids(gap_id: int, *, bad_only: bool = False) -> models.QuerySet[Any]:
    """A subquery of the session ids behind a gap: they never leave the database."""
    column = "bad_session_ids" if bad_only else "session_ids"
    unnested = models.Func(models.F(column), function="unnest", output_field=models.BigIntegerField())
    return KnowledgeGap.objects.filter(pk=gap_id).order_by().values_list(unnested, flat=True)
