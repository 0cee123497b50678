"""Audit events, leases, and the answers of writes that may be sent twice."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from flowpilot.common.tenancy import TenantModel


class AuditEvent(TenantModel):
    """Who did what to what, when and why. Written by services, never changed: the database refuses it."""

    team_lookup = "team"

    # The team of the object at that time: members of one team read of their own team's rows only.
    team = models.ForeignKey("accounts.Team", on_delete=models.SET_NULL, null=True, related_name="+")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    # Kept as text: the event outlives the user and the object.
    actor_label = models.CharField(max_length=320)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64)
    object_id = models.BigIntegerField()
    object_label = models.CharField(max_length=300, blank=True)
    reason = models.TextField(blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["account", "object_type", "object_id", "-created_at"], name="audit_object"),
            models.Index(fields=["account", "-created_at"], name="audit_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label}: {self.action} {self.object_label}"


class Lease(models.Model):
    """The right of one worker at a time to do `key`'s work, until it expires. See `flowpilot.common.leases`."""

    key = models.CharField(max_length=100, unique=True)
    owner = models.CharField(max_length=200, blank=True)
    token = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class IdempotentRequest(models.Model):
    """A write of the API that named a key, and what it was answered. See `flowpilot.common.idempotency`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, help_text="Of method, address and body.")
    status = models.PositiveSmallIntegerField(default=0)
    content_type = models.CharField(max_length=100, blank=True)
    etag = models.CharField(max_length=100, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_of_user")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_by_age")]

    def __str__(self) -> str:
        return self.key
