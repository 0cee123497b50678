"""The one place that writes audit events, and the two doors in the wall around them: an account or a name is erased."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connection, models, transaction

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


@contextlib.contextmanager
def audit_erasable(account_id: int) -> Iterator[None]:
    """Within the block, a transaction, the events of this account can be deleted, because the account itself is.

    A trigger refuses it otherwise (and every change, and TRUNCATE always). It asks a setting of the session that ends
    with the block or the transaction. Only what erases an account may use this: `flowpilot.accounts.services`.
    """
    with _allowed("flowpilot.erased_account", account_id):
        yield


@contextlib.contextmanager
def audit_texts_erasable(account_id: int) -> Iterator[None]:
    """Within the block, a transaction, texts of this account's events and published versions can be changed.

    What happened, when, to which row stays; triggers refuse all else. Only what takes a name out of an account may use
    this: `flowpilot.privacy`.
    """
    with _allowed("flowpilot.rewritten_account", account_id):
        yield


@contextlib.contextmanager
def _allowed(setting: str, account_id: int) -> Iterator[None]:
    with transaction.atomic():
        _set(setting, str(account_id))
        yield
        _set(setting, "")


def _set(setting: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [setting, value])
