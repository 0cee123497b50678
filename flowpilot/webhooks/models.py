"""Where events of an account are told, and what is told there.

One row of WebhookDelivery is one event for one endpoint, however often it has to be tried. It is written in the
transaction of what it tells of (an outbox), so that nothing is told that did not happen, and nothing is left untold.
"""

import json
import secrets
from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from flowpilot.common.claims import free_q
from flowpilot.common.tenancy import TenantModel, TenantQuerySet

LONGEST_URL = 500


class EventType(models.TextChoices):
    """What services may be told of."""

    PROPOSAL_CREATED = "proposal.created", "Proposal created"
    PROPOSAL_DECIDED = "proposal.decided", "Proposal decided"
    FLOW_PUBLISHED = "flow.published", "Flow published"
    GAP_OPENED = "gap.opened", "Knowledge gap opened"
    GAP_CLOSED = "gap.closed", "Knowledge gap closed"
    SESSION_ANALYSED = "session.analysed", "Session analysed"


# Sent by the button of an endpoint's page, whatever the endpoint asks for.
TEST_EVENT = "webhook.test"


def new_event_id() -> str:
    """What a receiver knows an event by: the same for each try, each replay and each endpoint."""
    return f"msg_{secrets.token_hex(16)}"


class WebhookEndpoint(TenantModel):
    """An address of another service, and which events it is told."""

    url = models.CharField(
        "address",
        max_length=LONGEST_URL,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Such as https://hooks.example.com/flowpilot. Redirects are not followed.",
    )
    description = models.CharField(max_length=200, blank=True)
    event_types = ArrayField(models.CharField(max_length=40, choices=EventType), verbose_name="events")
    # {"current": …, "previous": …}, sealed by `flowpilot.common.vault`; shown once, when they are made.
    secrets = models.BinaryField()
    previous_until = models.DateTimeField("former secret signs until", null=True, blank=True, editable=False)
    is_active = models.BooleanField(
        "active", default=True, help_text="Off: it is told nothing; what waits goes on later."
    )
    off_reason = models.CharField("switched off because", max_length=200, blank=True, editable=False)
    # It asked for a pause (Retry-After) or was silent: that holds for everything that is sent there.
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "endpoint"
        ordering = ["url", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "url"],
                name="webhook_endpoint_url",
                violation_error_message="This account has another endpoint with this address.",
            ),
            models.CheckConstraint(condition=~Q(event_types=[]), name="webhook_endpoint_asks_for_events"),
        ]

    def __str__(self) -> str:
        """Without the query: many a service puts a token there."""
        return self.url.partition("?")[0]


class WebhookDeliveryQuerySet(TenantQuerySet["WebhookDelivery"]):
    def due(self, now: datetime) -> Self:
        """What may be tried at `now`: its time has come, no other worker has it, its endpoint is on and not paused."""
        return self.filter(free_q(now), endpoint__is_active=True).filter(
            Q(endpoint__paused_until=None) | Q(endpoint__paused_until__lte=now)
        )

    def replayable(self) -> Self:
        """What is at rest."""
        return self.exclude(state=WebhookDelivery.State.PENDING)


class WebhookDelivery(TenantModel):
    """One event for one endpoint. `pending`: to be tried; the others are at rest, without `next_attempt_at`."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        EXHAUSTED = "exhausted", "Exhausted"

    # RESTRICT and not PROTECT: an account goes with all it has, an endpoint alone does not.
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.RESTRICT, related_name="deliveries")
    event_id = models.CharField(max_length=40)
    event_type = models.CharField("event", max_length=40, choices=[*EventType.choices, (TEST_EVENT, "Test")])
    # {"type", "timestamp" (ISO 8601, when it happened), "data"}
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempt_count = models.PositiveIntegerField("attempts", default=0)
    attempts_allowed = models.PositiveIntegerField()
    next_attempt_at = models.DateTimeField("next attempt", null=True, blank=True)
    last_attempt_at = models.DateTimeField("last attempt", null=True, blank=True)
    last_status = models.PositiveSmallIntegerField("last answer", null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    # Who has it now: the token grows with every claim, so a worker that was paused past its claim cannot write.
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    claim_token = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it succeeded or was given up.")

    objects = WebhookDeliveryQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = "delivery"
        verbose_name_plural = "deliveries"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "endpoint", "event_id"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=Q(state="pending", next_attempt_at__isnull=False, settled_at=None)
                | Q(state__in=["succeeded", "exhausted"], next_attempt_at=None, settled_at__isnull=False),
                name="webhook_delivery_state",
            ),
        ]
        indexes = [
            # What beat looks for every half minute: small, whatever the table has grown to.
            models.Index(fields=["next_attempt_at"], name="webhook_due", condition=Q(next_attempt_at__isnull=False)),
            # How many workers an endpoint has now.
            models.Index(fields=["endpoint"], name="webhook_claimed", condition=Q(claimed_until__isnull=False)),
            models.Index(fields=["account", "-created_at", "-id"], name="webhook_recent"),
            models.Index(fields=["account", "state", "-created_at"], name="webhook_by_state"),
            # What is old enough to be removed.
            models.Index(fields=["settled_at"], name="webhook_settled", condition=Q(settled_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} for {self.endpoint}"

    @property
    def body(self) -> bytes:
        """What is sent and signed: the same bytes at each try."""
        return json.dumps(self.payload, sort_keys=True, separators=(",", ":")).encode()
