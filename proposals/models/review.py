"""What reviewing leaves behind besides decisions: drafts, presence, replays, settings for notices."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from flowpilot.common.tenancy import TenantModel
from flowpilot.flows.models import FlowVersion
from proposals.models.proposal import FlowProposal


class ReviewDraft(TenantModel):
    """What a reviewer has typed into the editor and not published yet: one for each reviewer and proposal."""

    team_lookup = "proposal__team"

    proposal = models.ForeignKey(FlowProposal, on_delete=models.CASCADE, related_name="drafts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # The revision that the draft was made from; the proposal may have moved on.
    revision = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    # Null: as the proposal has it.
    description = models.TextField(null=True, blank=True)
    # As typed: it need not be valid.
    definition = models.JSONField(default=dict)
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "draft"
        constraints = [
            models.UniqueConstraint(fields=["account", "proposal", "user"], name="one_draft_of_reviewer"),
        ]

    def __str__(self) -> str:
        return f"{self.user}'s draft of {self.proposal}"


class ProposalViewer(TenantModel):
    """Who has a proposal open: the page says so again every few seconds."""

    team_lookup = "proposal__team"

    proposal = models.ForeignKey(FlowProposal, on_delete=models.CASCADE, related_name="viewers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "viewer"
        constraints = [
            models.UniqueConstraint(fields=["account", "proposal", "user"], name="one_presence_of_viewer"),
        ]

    def __str__(self) -> str:
        return f"{self.user} reads {self.proposal}"


class ReplayReport(TenantModel):
    """Past sessions run through what a revision of a proposal would publish, beside the version published now."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    team_lookup = "proposal__team"

    proposal = models.ForeignKey(FlowProposal, on_delete=models.CASCADE, related_name="replays")
    revision = models.PositiveIntegerField()
    # What it is compared with: the target's current version then.
    version = models.ForeignKey(FlowVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=20, choices=State, default=State.RUNNING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    # [[session id, outcome, outcome in `version` or null, steps saved or null, was escalated], …]; the outcomes are
    # `proposals.replays`'s.
    results: Any = models.JSONField(default=list)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "replay"
        constraints = [
            models.UniqueConstraint(fields=["account", "proposal", "revision"], name="one_replay_of_revision"),
        ]

    def __str__(self) -> str:
        return f"replay of {self.proposal}, revision {self.revision}"


class NoticeSettings(models.Model):
    """What a reviewer wants to be told of, and when they last looked."""

    class Frequency(models.TextChoices):
        OFF = "off", "Never"
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_settings")
    email_digest = models.CharField(max_length=10, choices=Frequency, default=Frequency.OFF)
    new_proposals = models.BooleanField(default=True, verbose_name="new since my last visit")
    waiting_longest = models.BooleanField(default=True, verbose_name="waiting too long")
    forgotten_claims = models.BooleanField(default=True, verbose_name="claimed by me and forgotten")
    tickets_not_told = models.BooleanField(default=True, verbose_name="tickets that could not be told")
    services_not_told = models.BooleanField(default=True, verbose_name="services that could not be told of events")
    # The last look at the queue, and the end of the visit before: what came after that is new.
    queue_looked_at = models.DateTimeField(null=True, blank=True, editable=False)
    queue_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    digest_sent_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "notice settings"

    def __str__(self) -> str:
        return f"notices of {self.user}"
