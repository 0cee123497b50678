"""Erasures and exports: what was asked for, how far it is, and what came of it."""

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.tenancy import TenantModel
from sessions.models import Client


def new_mark() -> str:
    """Tells one erased person from another and says nothing of either."""
    return secrets.token_hex(4)


class Erasure(TenantModel):
    """One person or client that is taken out of an account. What they were called is kept until it is done only."""

    class Kind(models.TextChoices):
        MEMBER = "member", "Member"
        PERSON = "person", "Other person"
        CLIENT = "client", "Client"

    class State(models.TextChoices):
        COUNTING = "counting", "Counting"
        COUNTED = "counted", "Waits for confirmation"
        ERASING = "erasing", "Erasing"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    UNDER_WAY = (State.COUNTING, State.ERASING)

    kind = models.CharField(max_length=10, choices=Kind)
    mark = models.CharField(max_length=8, default=new_mark, editable=False)
    # What is looked for in texts: names, addresses, spellings. Emptied when it is done or cancelled.
    terms: Any = models.JSONField(default=list)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.COUNTING)
    # Rows with a match by kind, as counted before, and as erased.
    found: Any = models.JSONField(default=dict)
    erased: Any = models.JSONField(default=dict)
    # Pictures that no rule can read: [[session id, key], …].
    pictures: Any = models.JSONField(default=list)
    # Where the run is: the table, and the last row of it that was looked at.
    at_table = models.CharField(max_length=100, blank=True)
    at_pk = models.BigIntegerField(default=0)
    rounds = models.PositiveSmallIntegerField(default=0)
    round_matches = models.PositiveIntegerField(default=0)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["state"], name="erasure_open", condition=models.Q(state__in=["counting", "erasing"]))
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state__in=["done", "cancelled"]) | models.Q(terms=[]), name="erasure_keeps_no_names"
            )
        ]

    def __str__(self) -> str:
        return f"erasure of {self.label}"

    @property
    def label(self) -> str:
        """What stands in texts in place of the name."""
        return f"erased client {self.mark}" if self.kind == self.Kind.CLIENT else f"erased person {self.mark}"

    @property
    def found_total(self) -> int:
        return sum(self.found.values())

    @property
    def erased_total(self) -> int:
        return sum(self.erased.values())


def export_path(export: "Export", name: str) -> str:
    return f"exports/{export.account_id}/{name}"


class Export(TenantModel):
    """All data of an account as a file, for a while."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Being made"
        DONE = "done", "Ready"
        REMOVED = "removed", "Removed"

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    file = models.FileField(upload_to=export_path, max_length=200, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    # Rows by file.
    counts: Any = models.JSONField(default=dict)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["state"], name="export_open", condition=models.Q(state__in=["waiting", "running"])),
            models.Index(fields=["expires_at"], name="export_ready", condition=models.Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"export of {timezone.localtime(self.created_at):%-d %b %Y, %H:%M}"
