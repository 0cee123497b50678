"""The records of analysis."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from flowpilot.common.tenancy import TenantModel
from flowpilot.flows.models import FlowVersion
from proposals.models.topic import Topic
from sessions.models import AISession


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
        return f"Analysis of {timezone.localtime(self.started_at):%-d %b %Y, %H:%M}"
