"""What working a session leaves beside its steps: hand-overs and what was attached."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.common.tenancy import TenantModel, TenantQuerySet
from sessions.models.session import AISession, SessionStep


class HandoverQuerySet(TenantQuerySet["Handover"]):
    def waiting_for(self, user: Any) -> Self:
        """What `user` may take up: it was handed to them, to a team that they work for, or to whoever takes it.

        Who is handed a session need not see it before: it may be another team's.
        """
        rows = self.filter(claimed_at=None, session__status=AISession.Status.ESCALATED)
        grants = user.tenant_grants("ai_sessions.change_aisession")
        if grants is None:
            return rows.filter(Q(to_user=user) | Q(to_user=None))
        scope = Q(pk=None)
        for account_id, team_id in grants:
            given = Q(to_user=None)
            if team_id is not None:
                given &= Q(to_team=team_id) | Q(to_team=None, session__team=team_id)
            scope |= Q(account=account_id) & (Q(to_user=user) | given)
        return rows.filter(scope)


class Handover(TenantModel):
    """An escalation: who gave the session away and why, what the receiver must know, and who took it up."""

    team_lookup = "session__team"

    session = models.ForeignKey(AISession, on_delete=models.CASCADE, related_name="handovers")
    reason = models.TextField()
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    # To one person, to one team, or to whoever takes it.
    to_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    to_team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The problem, the path and what was tried, as it stood then.
    packet: Any = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    first_step_at = models.DateTimeField(null=True, blank=True)

    objects = HandoverQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = "hand-over"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "session"], name="one_open_handover", condition=Q(claimed_at=None)
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="handover_recent"),
            models.Index(fields=["account", "created_at"], name="handover_open", condition=Q(claimed_at=None)),
        ]

    def __str__(self) -> str:
        return f"hand-over of {self.session}"


def attachment_path(attachment: "Attachment", name: str) -> str:
    """By account and session; the name that somebody gave is kept in the row only."""
    return f"attachments/{attachment.account_id}/{attachment.session_id}/{attachment.key}"


class Attachment(TenantModel):
    """A pasted log or a screenshot that belongs to a session."""

    team_lookup = "session__team"

    session = models.ForeignKey(AISession, on_delete=models.CASCADE, related_name="attachments")
    step = models.ForeignKey(SessionStep, on_delete=models.SET_NULL, null=True, blank=True, related_name="attachments")
    key = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    file = models.FileField(upload_to=attachment_path, max_length=200)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["added_at", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_image(self) -> bool:
        return self.content_type.startswith("image/")
