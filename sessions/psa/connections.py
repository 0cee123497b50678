"""What writes connections and asks them: making, changing and testing one, and looking a ticket up."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound, ServiceError
from flowpilot.common.transport import address_fault
from flowpilot.common.vault import rows_reseal, seal
from sessions.models import PsaConnection
from sessions.psa.clients import CREDENTIALS, Ticket, client_of
from sessions.psa.clients.base import NUMBER
from sessions.psa.errors import PsaError, PsaRejected

Kind = PsaConnection.Kind
# What a service sets; the credentials go their own way.
FIELDS = (
    "name", "base_url", "is_active", "notes_internal", "time_resource", "time_role", "resolved_status",
    "escalated_status",
)  # fmt: skip
STATUSES = ("resolved_status", "escalated_status")
# What a system knows by numbers only.
NUMBERS: Mapping[str, Sequence[str]] = {
    Kind.AUTOTASK: ("time_resource", "time_role", *STATUSES),
    Kind.HALOPSA: STATUSES,
}
# They go into headers: nothing that could end one.
CREDENTIAL = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,498}[\x21-\x7e])?")


class PsaUnavailable(ServiceError):
    """The ticketing system did not give an answer that could be used."""

    code = "psa_unavailable"
    status = 502


@transaction.atomic
def connection_create(
    *, actor: Any, account: Account, kind: str, credentials: Mapping[str, str], **fields: Any
) -> PsaConnection:
    """A connection to a system. `fields` are those of FIELDS; `credentials` as in CREDENTIALS of that kind.

    Raises NotAllowed where `actor` is no owner of the account, InvalidInput with the faults by field, Conflict for a
    name that is taken or a second active connection to the same system.
    """
    connection = PsaConnection(account=account, kind=kind, **_known(fields))
    if not actor.has_perm("ai_sessions.add_psaconnection", connection):
        raise NotAllowed("only an owner of this account may make connections")
    _save(connection, credentials)
    audit_record(actor=actor, action="psa_connection.created", target=connection, after=_state(connection))
    return connection


@transaction.atomic
def connection_change(
    *, actor: Any, connection_id: int, credentials: Mapping[str, str] | None = None, **fields: Any
) -> PsaConnection:
    """Change what is given; `credentials` None keeps those that are there.

    Raises NotFound, NotAllowed, InvalidInput, Conflict as connection_create does. Another address needs the
    credentials again: kept ones must not be sent to whoever is entered there.
    """
    connection = _connection(actor, connection_id, lock=True)
    if not actor.has_perm("ai_sessions.change_psaconnection", connection):
        raise NotAllowed("only an owner of this account may change connections")
    before = _state(connection)
    for name, value in _known(fields).items():
        setattr(connection, name, value)
    if connection.base_url != before["base_url"] and credentials is None:
        raise _invalid({"base_url": "A new address needs the credentials again."})
    _save(connection, credentials)
    after = _state(connection) | ({"credentials": "entered anew"} if credentials is not None else {})
    audit_record(actor=actor, action="psa_connection.changed", target=connection, before=before, after=after)
    return connection


def connection_test(*, actor: Any, connection_id: int) -> PsaConnection:
    """Log in and read something small; the connection's row tells how it went. Raises NotFound, NotAllowed.

    Not in a transaction: it calls the system.
    """
    connection = _connection(actor, connection_id)
    if not actor.has_perm("ai_sessions.change_psaconnection", connection):
        raise NotAllowed("only an owner of this account may test connections")
    problem = ""
    try:
        with client_of(connection, seconds=settings.PSA_LOOKUP_TIMEOUT) as client:
            client.check()
    except PsaError as error:
        problem = error.message
    connection.last_tested_at = timezone.now()
    connection.last_test_ok = not problem
    connection.last_test_message = (problem or "It answers, and the log-in is good.")[:500]
    with transaction.atomic():
        connection.save(update_fields=["last_tested_at", "last_test_ok", "last_test_message"])
        after = {"ok": connection.last_test_ok, "message": connection.last_test_message}
        audit_record(actor=actor, action="psa_connection.tested", target=connection, after=after)
    return connection


def ticket_lookup(*, actor: Any, connection_id: int, ticket_id: str) -> Ticket:
    """A ticket's title, client and status, to fill a new session in with.

    Raises NotFound (no such connection of the actor's, no such ticket), InvalidInput (not a number), PsaUnavailable
    (after PSA_LOOKUP_TIMEOUT at the latest). Nothing is written.
    """
    usable = PsaConnection.objects.for_user(actor, "use").select_related("account").filter(is_active=True)
    connection = usable.filter(pk=connection_id).first()
    if connection is None:
        raise NotFound("there is no such connection")
    ticket_id = ticket_id.strip().removeprefix("#")
    if not NUMBER.fullmatch(ticket_id):
        raise InvalidInput(f"a ticket's number has digits only, such as 48213: {ticket_id[:40]!r} has not")
    try:
        with client_of(connection, seconds=settings.PSA_LOOKUP_TIMEOUT) as client:
            return client.ticket(ticket_id)
    except PsaRejected as error:
        raise NotFound(f"{connection.get_kind_display()} has no ticket {ticket_id}") from error
    except PsaError as error:
        raise PsaUnavailable(f"{connection.get_kind_display()}: {error.message}") from error


def connections_reseal() -> tuple[int, list[int]]:
    """Seal all credentials with the first key of SEAL_KEY; gives how many, and the ids of those that do not open."""
    return rows_reseal(PsaConnection.objects.all(), "credentials")


def _connection(actor: Any, connection_id: int, *, lock: bool = False) -> PsaConnection:
    rows = PsaConnection.objects.for_user(actor).select_related("account")
    if lock:
        rows = rows.select_for_update(of=("self",))
    connection = rows.filter(pk=connection_id).first()
    if connection is None:
        raise NotFound("there is no such connection")
    return connection


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise TypeError(f"a connection has no {', '.join(unknown)}")
    return {name: value.strip() if isinstance(value, str) else value for name, value in fields.items()}


def _save(connection: PsaConnection, credentials: Mapping[str, str] | None) -> None:
    connection.base_url = connection.base_url.rstrip("/")
    if faults := connection_faults(connection, credentials):
        raise _invalid(faults)
    if credentials is not None:
        kept = {name: value for name, value in credentials.items() if value}
        connection.credentials = seal(account_id=connection.account_id, credentials=kept)
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        second = "psa_connection_one_active" in str(error)
        what = f"another active connection to {connection.get_kind_display()}" if second else "another of that name"
        raise Conflict(f"this account has {what} already") from error


def connection_faults(connection: PsaConnection, credentials: Mapping[str, str] | None) -> dict[str, str]:
    """What is wrong with a connection and, where they are given, its credentials; by the names of both."""
    faults: dict[str, str] = {} if credentials is None else credential_faults(connection.kind, credentials)
    try:
        connection.clean_fields(exclude=["credentials"])
    except ValidationError as error:
        faults |= {name: " ".join(messages) for name, messages in error.message_dict.items()}
    if "base_url" not in faults and (fault := _address_fault(connection.base_url)):
        faults["base_url"] = fault
    if connection.kind == Kind.AUTOTASK and connection.time_resource and not connection.time_role:
        faults["time_role"] = "Autotask takes time entries with a work role only."
    for name in NUMBERS.get(connection.kind, ()):
        if (value := getattr(connection, name)) and not NUMBER.fullmatch(value):
            faults[name] = f"{connection.get_kind_display()} knows this by its number."
    return faults


def _address_fault(address: str) -> str:
    return address_fault(address, allow_private=settings.PSA_ALLOW_PRIVATE, allow_http=settings.PSA_ALLOW_PRIVATE)


def credential_faults(kind: str, credentials: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the credentials, by their names; never with what was entered."""
    wanted = CREDENTIALS.get(kind, {})
    faults = {name: f"{kind or 'This system'} has no such credential." for name in credentials if name not in wanted}
    for name, (label, required) in wanted.items():
        value = credentials.get(name, "")
        if required and not value:
            faults[name] = f"{label} is needed."
        elif value and not CREDENTIAL.fullmatch(value):
            faults[name] = f"{label}: up to 500 plain characters, none of them a line break."
    return faults


def _invalid(faults: dict[str, str]) -> InvalidInput:
    return InvalidInput("; ".join(f"{name}: {fault}" for name, fault in faults.items()), details=faults)


def _state(connection: PsaConnection) -> dict[str, Any]:
    """For audit events: never the credentials."""
    return {"kind": connection.kind, **{name: getattr(connection, name) for name in FIELDS}}
