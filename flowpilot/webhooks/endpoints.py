"""What writes endpoints, and their secrets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.vault import rows_reseal, seal, unseal
from flowpilot.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint
from flowpilot.webhooks.sending import url_fault
from flowpilot.webhooks.signing import new_secret

CHANGE = "webhooks.change_webhookendpoint"
FIELDS = ("url", "description", "event_types", "is_active")
# Each event of an account is written once for each.
MOST_ENDPOINTS = 20


@transaction.atomic
def endpoint_create(
    *,
    actor: Any,
    account: Account,
    url: str,
    event_types: Sequence[str],
    description: str = "",
    is_active: bool = True,
) -> tuple[WebhookEndpoint, str]:
    """An endpoint and its secret, which is shown now and never again.

    Raises NotAllowed where `actor` is no owner of the account, InvalidInput with the faults by field, Conflict for an
    address that is there already or one endpoint too many.
    """
    endpoint = WebhookEndpoint(account=account)
    if not actor.has_perm("webhooks.add_webhookendpoint", endpoint):
        raise NotAllowed("only an owner of this account may make endpoints")
    if WebhookEndpoint.objects.filter(account=account).count() >= MOST_ENDPOINTS:
        raise Conflict(f"an account has at most {MOST_ENDPOINTS} endpoints")
    secret = new_secret()
    _seal(endpoint, {"current": secret})
    _save(endpoint, {"url": url, "event_types": event_types, "description": description, "is_active": is_active})
    audit_record(actor=actor, action="webhook_endpoint.created", target=endpoint, after=_state(endpoint))
    return endpoint, secret


@transaction.atomic
def endpoint_change(*, actor: Any, endpoint_id: int, **fields: Any) -> WebhookEndpoint:
    """Change what is given, of FIELDS; the secret stays. Raises NotFound, NotAllowed, InvalidInput, Conflict."""
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise TypeError(f"an endpoint has no {', '.join(unknown)}")
    endpoint = endpoint_lock(actor, endpoint_id)
    before = _state(endpoint)
    _save(endpoint, fields)
    audit_record(actor=actor, action="webhook_endpoint.changed", target=endpoint, before=before, after=_state(endpoint))
    return endpoint


@transaction.atomic
def endpoint_rotate(*, actor: Any, endpoint_id: int) -> tuple[WebhookEndpoint, str]:
    """A new secret, shown now and never again. The former one signs, too, for WEBHOOK_ROTATION; one before it no more.

    Raises NotFound, NotAllowed.
    """
    endpoint = endpoint_lock(actor, endpoint_id)
    former = unseal(account_id=endpoint.account_id, sealed=endpoint.secrets)["current"]
    secret = new_secret()
    _seal(endpoint, {"current": secret, "previous": former})
    endpoint.previous_until = timezone.now() + settings.WEBHOOK_ROTATION
    endpoint.save(update_fields=["secrets", "previous_until", "updated_at"])
    after = {"former_signs_until": endpoint.previous_until.isoformat()}
    audit_record(actor=actor, action="webhook_endpoint.rotated", target=endpoint, after=after)
    return endpoint, secret


@transaction.atomic
def endpoint_delete(*, actor: Any, endpoint_id: int) -> int:
    """Remove an endpoint with all its deliveries, also those that wait; gives how many these were.

    Raises NotFound, NotAllowed, Conflict (something is being sent there at this moment).
    """
    endpoint = WebhookEndpoint.objects.for_user(actor).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound("there is no such endpoint")
    if not actor.has_perm("webhooks.delete_webhookendpoint", endpoint):
        raise NotAllowed("only an owner of this account may delete endpoints")
    # Deliveries before their endpoint, as whoever sends one locks them.
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint_id).order_by("pk")
    list(deliveries.select_for_update().values_list("pk", flat=True))
    # Whatever writes deliveries for it now holds it (see events_emit): those are through first, later ones find none.
    if not WebhookEndpoint.objects.select_for_update().filter(pk=endpoint_id):
        raise NotFound("there is no such endpoint")
    try:
        with transaction.atomic():
            list(deliveries.select_for_update(nowait=True).values_list("pk", flat=True))
    except OperationalError as error:
        raise Conflict("something is being sent there at this moment: try again") from error
    count = deliveries.delete()[0]
    audit_record(
        actor=actor,
        action="webhook_endpoint.deleted",
        target=endpoint,
        before=_state(endpoint),
        after={"deliveries": count},
    )
    endpoint.delete()
    return count


def endpoint_switch_off(*, endpoint_id: int, reason: str) -> None:
    """Switch it off for the system. Call in the transaction of what made it so, with the delivery's row locked."""
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
    if not endpoint.is_active:
        return
    endpoint.is_active, endpoint.off_reason = False, reason
    endpoint.save(update_fields=["is_active", "off_reason", "updated_at"])
    audit_record(actor=None, action="webhook_endpoint.switched_off", target=endpoint, reason=reason)


def signing_keys(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign at `now`: the current one and, for a while, the former one. Raises SealBroken."""
    opened = unseal(account_id=endpoint.account_id, sealed=endpoint.secrets)
    rotating = endpoint.previous_until is not None and now < endpoint.previous_until
    return [opened["current"], *([opened["previous"]] if rotating and "previous" in opened else [])]


def endpoints_reseal() -> tuple[int, list[int]]:
    """Seal all secrets with the first key of SEAL_KEY; gives how many, and the ids of those that do not open."""
    return rows_reseal(WebhookEndpoint.objects.all(), "secrets")


def endpoint_lock(actor: Any, endpoint_id: int) -> WebhookEndpoint:
    """The endpoint, its row locked until the transaction ends. Raises NotFound, NotAllowed."""
    # Without `no_key` it would wait for every transaction that writes a delivery of this endpoint.
    rows = WebhookEndpoint.objects.for_user(actor).select_for_update(of=("self",), no_key=True)
    endpoint = rows.select_related("account").filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound("there is no such endpoint")
    if not actor.has_perm(CHANGE, endpoint):
        raise NotAllowed("only an owner of this account may change endpoints")
    return endpoint


def endpoint_faults(endpoint: WebhookEndpoint) -> dict[str, str]:
    """What is wrong with an endpoint's fields, by their names."""
    faults = {}
    try:
        endpoint.clean_fields(exclude=["secrets", "account", "event_types"])
    except ValidationError as error:
        faults = {name: " ".join(messages) for name, messages in error.message_dict.items()}
    if "url" not in faults and (fault := url_fault(endpoint.url)):
        faults["url"] = fault
    if unknown := sorted(set(endpoint.event_types) - set(EventType.values)):
        faults["event_types"] = f"There is no event {unknown[0][:40]}."
    elif not endpoint.event_types:
        faults["event_types"] = "Choose at least one event."
    return faults


def _save(endpoint: WebhookEndpoint, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(endpoint, name, value.strip() if isinstance(value, str) else value)
    endpoint.event_types = sorted(set(endpoint.event_types or []))
    if faults := endpoint_faults(endpoint):
        raise InvalidInput("; ".join(f"{name}: {fault}" for name, fault in faults.items()), details=faults)
    if endpoint.is_active:
        endpoint.off_reason = ""
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as error:
        raise Conflict("this account has another endpoint with this address") from error


def _seal(endpoint: WebhookEndpoint, keys: dict[str, str]) -> None:
    endpoint.secrets = seal(account_id=endpoint.account_id, credentials=keys)


def _state(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """For audit events: never a secret, nor an address's query."""
    return {"url": str(endpoint), **{name: getattr(endpoint, name) for name in FIELDS if name != "url"}}
