"""Jobs that take in a body of many records, and the body in pieces."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from flowpilot.common.tenancy import TenantModel, TenantQuerySet


class IngestJobQuerySet(TenantQuerySet["IngestJob"]):
    def for_user(self, user: Any, action: str = "view") -> Self:
        """As ever; but who is in an account for one team only sees there what they sent themselves, because the lines
        of others tell of other teams."""
        rows = super().for_user(user, action)
        grants = user.tenant_grants(self.permission(action)) if hasattr(user, "tenant_grants") else None
        limited = [account_id for account_id, team_id in grants or () if team_id is not None]
        return rows.filter(~Q(account__in=limited) | Q(created_by=user.pk)) if limited else rows

    def unfinished(self) -> Self:
        return self.filter(state__in=IngestJob.UNFINISHED)


class IngestJob(TenantModel):
    """A body of session records, one a line, that was received whole and is worked off piece by piece."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    UNFINISHED = (State.QUEUED, State.RUNNING)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name="sent by"
    )
    state = models.CharField(max_length=20, choices=State, default=State.QUEUED)
    # Of the body, uncompressed.
    size = models.PositiveBigIntegerField(help_text="Bytes of the body, uncompressed.")
    lines = models.PositiveIntegerField(help_text="Lines of the body, blank ones too.")
    lines_done = models.PositiveIntegerField(default=0, help_text="Lines that are worked off.")
    imported = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    bad = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Why the job as a whole failed.")
    # Times that a worker began since a piece was last finished.
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = IngestJobQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at=None)
                | Q(state__in=["done", "failed"], finished_at__isnull=False),
                name="ingest_job_state",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="ingest_job_recent"),
            models.Index(
                fields=["account", "id"], name="ingest_job_unfinished", condition=Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        return f"Ingest job {self.pk}"

    @property
    def progress(self) -> float:
        """The share of lines that are worked off, 0 to 1."""
        return self.lines_done / self.lines if self.lines else float(self.state == self.State.DONE)


class IngestPiece(TenantModel):
    """Some lines of a job: first as they came, then what became of them. Both are zlib-compressed NDJSON."""

    job = models.ForeignKey(IngestJob, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    first_line = models.PositiveIntegerField()
    line_count = models.PositiveIntegerField()
    body = models.BinaryField(null=True)
    results = models.BinaryField(null=True)

    class Meta:
        ordering = ["job", "number"]
        constraints = [
            models.UniqueConstraint(fields=["account", "job", "number"], name="ingest_piece_number"),
            models.CheckConstraint(
                condition=Q(body=None) | Q(results=None), name="ingest_piece_body_goes_with_results"
            ),
        ]

    def __str__(self) -> str:
        return f"lines {self.first_line} to {self.first_line + self.line_count - 1}"
