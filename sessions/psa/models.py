"""The way to a ticketing system, and what is sent there.

One row of PsaPush is one logical note, time entry or status change, however often it had to be tried; each try is a row
of PsaAttempt.
"""

import secrets
from datetime import datetime
from typing import ClassVar, Self

from django.core.validators import URLValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from flowpilot.common.claims import free_q
from flowpilot.common.tenancy import TenantModel, TenantQuerySet
from sessions.models.session import AISession

MARKER_BYTES = 16


def new_marker() -> str:
    """What a write carries so that it can be found again; nobody can put it into a ticket beforehand."""
    return secrets.token_hex(MARKER_BYTES)


class PsaConnection(TenantModel):
    """One ticketing system of the account: where it is, and how to log in there."""

    class Kind(models.TextChoices):
        CONNECTWISE = "connectwise", "ConnectWise Manage"
        HALOPSA = "halopsa", "HaloPSA"
        AUTOTASK = "autotask", "Autotask"

    kind = models.CharField("system", max_length=20, choices=Kind)
    name = models.CharField(max_length=100)
    base_url = models.CharField(
        "address",
        max_length=300,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Such as https://api-na.myconnectwise.net; of Autotask the zone's, with /atservicesrest.",
    )
    # Sealed by `flowpilot.common.vault`; no page, log or audit event holds it.
    credentials = models.BinaryField()
    is_active = models.BooleanField("active", default=True, help_text="Off: nothing is sent, what waits goes on later.")
    notes_internal = models.BooleanField(
        "internal notes", default=True, help_text="Off: the client may read the notes, too."
    )
    time_resource = models.CharField(
        "time entries for",
        max_length=60,
        blank=True,
        help_text="ConnectWise: member identifier; Autotask: resource id. Empty: no time entries (HaloPSA needs none).",
    )
    time_role = models.CharField("work role", max_length=60, blank=True, help_text="Autotask: role id of time entries.")
    resolved_status = models.CharField(
        "status when resolved",
        max_length=60,
        blank=True,
        help_text="ConnectWise: its name; HaloPSA and Autotask: its number. Empty: the status is left alone.",
    )
    escalated_status = models.CharField("status when escalated", max_length=60, blank=True)
    # The system asked for a pause (Retry-After): it holds for everything that is sent there.
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_tested_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_test_ok = models.BooleanField("last test", null=True, editable=False)
    last_test_message = models.CharField(max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "PSA connection"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="psa_connection_name",
                violation_error_message="This account has another connection of that name.",
            ),
            # A session names its system, not the connection: there must be one to choose.
            models.UniqueConstraint(
                fields=["account", "kind"],
                condition=Q(is_active=True),
                name="psa_connection_one_active",
                violation_error_message="This account has another active connection to this system.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["connectwise", "halopsa", "autotask"]), name="psa_connection_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"

    def status_for(self, session_status: str) -> str:
        """The ticket's status for a session's, or "" where it is left alone."""
        statuses = {
            AISession.Status.RESOLVED.value: self.resolved_status,
            AISession.Status.ESCALATED.value: self.escalated_status,
        }
        return statuses.get(session_status, "")


class PsaPushQuerySet(TenantQuerySet["PsaPush"]):
    def due(self, now: datetime) -> Self:
        """What may be tried at `now`: not before its time, not while another worker has it, its connection not paused.

        A status waits for the note and the time of its session: many systems refuse both on a closed ticket.
        """
        ahead = PsaPush.objects.filter(session=OuterRef("session"), next_attempt_at__isnull=False)
        ahead = ahead.filter(pk__lt=OuterRef("pk")).exclude(kind=PsaPush.Kind.STATUS)
        return (
            self.filter(free_q(now), connection__is_active=True)
            .filter(Q(connection__paused_until=None) | Q(connection__paused_until__lte=now))
            .exclude(Q(kind=PsaPush.Kind.STATUS) & Exists(ahead))
        )

    def requeueable(self) -> Self:
        """What nobody tries any more."""
        return self.filter(state__in=[PsaPush.State.EXHAUSTED, PsaPush.State.UNKNOWN], next_attempt_at=None)


class PsaPush(TenantModel):
    """One note, time entry or status for a ticket.

    `pending`: not written yet, for all we know. `unknown`: perhaps written; the next try looks for the marker first.
    `exhausted`: certainly not written, and not tried any more. A push without `next_attempt_at` is at rest.
    """

    class Kind(models.TextChoices):
        NOTE = "note", "Note"
        TIME = "time", "Time entry"
        STATUS = "status", "Status"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        EXHAUSTED = "exhausted", "Exhausted"
        UNKNOWN = "unknown", "Unknown"

    team_lookup = "session__team"

    # RESTRICT and not PROTECT: an account goes with all it has, a connection alone does not.
    connection = models.ForeignKey(PsaConnection, on_delete=models.RESTRICT, related_name="pushes")
    session = models.ForeignKey(AISession, on_delete=models.CASCADE, related_name="pushes")
    ticket_id = models.CharField("ticket", max_length=100)
    kind = models.CharField(max_length=10, choices=Kind)
    # Which end of the session: one that is escalated and later resolved tells the ticket twice.
    occasion = models.CharField(max_length=100)
    # note: {"text"}; time: {"text", "started_at", "ended_at"} (ISO 8601); status: {"status"}
    payload = models.JSONField()
    marker = models.CharField(max_length=2 * MARKER_BYTES, default=new_marker, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempt_count = models.PositiveIntegerField("attempts", default=0)
    attempts_allowed = models.PositiveIntegerField()
    next_attempt_at = models.DateTimeField("next attempt", null=True, blank=True)
    # Who has it now: the token grows with every claim, so a worker that was paused past its claim cannot write.
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    claim_token = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it succeeded or was given up.")

    objects = PsaPushQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = "PSA push"
        verbose_name_plural = "PSA pushes"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "marker"], name="psa_push_marker"),
            models.UniqueConstraint(fields=["account", "session", "occasion", "kind"], name="psa_push_once"),
            models.CheckConstraint(
                condition=Q(state="pending", next_attempt_at__isnull=False, settled_at=None)
                | Q(state="succeeded", next_attempt_at=None, settled_at__isnull=False, attempt_count__gt=0)
                | Q(state="exhausted", next_attempt_at=None, settled_at__isnull=False)
                | Q(state="unknown", next_attempt_at__isnull=False, settled_at=None)
                | Q(state="unknown", next_attempt_at=None, settled_at__isnull=False),
                name="psa_push_state",
            ),
            models.CheckConstraint(condition=Q(kind__in=["note", "time", "status"]), name="psa_push_kind"),
        ]
        indexes = [
            # What beat looks for every half minute: small, whatever the table has grown to.
            models.Index(fields=["next_attempt_at"], name="psa_push_due", condition=Q(next_attempt_at__isnull=False)),
            # How many workers a connection has now.
            models.Index(fields=["connection"], name="psa_push_claimed", condition=Q(claimed_until__isnull=False)),
            models.Index(fields=["account", "-created_at", "-id"], name="psa_push_recent"),
            models.Index(fields=["account", "state", "-created_at"], name="psa_push_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for ticket {self.ticket_id}"


class PsaAttempt(TenantModel):
    """One try of a push."""

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        SENT = "sent", "Sent"
        FOUND = "found", "Found in the ticket"
        FAILED = "failed", "Failed"
        REJECTED = "rejected", "Rejected"
        ABSENT = "absent", "Not in the ticket"
        UNKNOWN = "unknown", "Unknown"

    SUCCESSES: ClassVar[tuple[str, ...]] = (Outcome.SENT, Outcome.FOUND)

    team_lookup = "push__session__team"

    push = models.ForeignKey(PsaPush, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.RUNNING)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "attempt"
        ordering = ["push", "number"]
        constraints = [
            models.UniqueConstraint(fields=["account", "push", "number"], name="psa_attempt_number"),
            models.CheckConstraint(
                condition=Q(outcome="running", finished_at=None) | ~Q(outcome="running") & Q(finished_at__isnull=False),
                name="psa_attempt_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"
