"""The one place that writes audit events."""

from typing import Any

from django.db import models

from flowpilot.common.models import AuditEvent
from flowpilot.common.tenancy import follow


def audit_record(
    *,
    actor: Any,
    action: str,
    target: models.Model,
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Write one event about `target`, a row of an account, inside the caller's transaction.

    `actor` is a user, or None where the system itself acts. `before` and `after` are plain JSON.
    """
    label = str(target)
    team_lookup = getattr(target, "team_lookup", None)
    return AuditEvent.objects.create(
        account_id=target.account_id,  # type: ignore[attr-defined]
        team_id=follow(target, team_lookup) if team_lookup else None,
        actor=actor,
        actor_label=str(actor) if actor is not None else "FlowPilot",
        action=action,
        object_type=target._meta.label_lower,
        object_id=target.pk,
        object_label=label[:300],
        reason=reason,
        before=before or {},
        after=after or {},
    )
