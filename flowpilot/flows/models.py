"""Flows and their immutable versions."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.common.tenancy import TenantModel


def overdue_q() -> Q:
    """Published flows whose day to be read again has passed, in the viewer's time zone."""
    return Q(status=Flow.Status.PUBLISHED, review_by__lt=timezone.localdate())


class Flow(TenantModel):
    """A troubleshooting tree that guides sessions while it is published."""

    class Status(models.TextChoices):
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    key = models.SlugField(max_length=100, help_text="Names the flow in imported sessions and the API.")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    problem_domain = models.CharField(max_length=100, blank=True)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=20, choices=Status, default=Status.PUBLISHED)
    current_version = models.ForeignKey(
        "FlowVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    # Who answers for the flow, and when they mean to read it again.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    review_by = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="flow_key_in_account"),
            models.CheckConstraint(condition=Q(status__in=["published", "archived"]), name="flow_status"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_archived(self) -> bool:
        return self.status == self.Status.ARCHIVED

    @property
    def is_overdue(self) -> bool:
        """The same as `overdue_q`, of this row."""
        return bool(not self.is_archived and self.review_by and self.review_by < timezone.localdate())


class FlowVersion(TenantModel):
    """One numbered definition. A trigger in the database refuses any change of a row."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    # What replay's answer reader learns from, by node and option; empty for a flow written by hand.
    examples = models.JSONField(default=dict, blank=True)
    # The lower Wilson bound of replay success that the version was published with; None was not measured.
    confidence_score = models.FloatField(null=True, blank=True)
    note = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["flow", "-number"]
        constraints = [models.UniqueConstraint(fields=["account", "flow", "number"], name="flow_version_number")]

    def __str__(self) -> str:
        return f"{self.flow} v{self.number}"

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return list(self.definition.get("nodes", []))
