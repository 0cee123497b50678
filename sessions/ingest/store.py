"""Storing session records: the one service behind the import command and the API.

Nothing of a record is stored before it has passed here, whichever way it came; what waits in a job is removed when it
has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.accounts.policies import mask_of
from flowpilot.common.copying import ids_reserve, rows_copy
from flowpilot.common.errors import InvalidInput, NotAllowed
from flowpilot.common.masking import Level, names_of
from flowpilot.flows.models import Flow, FlowVersion
from sessions.models import AISession, Client, SessionStep
from sessions.records import RecordError, SessionRecord, record_masked

Outcome = Literal["imported", "updated", "unchanged", "bad"]
# First half of the key of the advisory lock; the second is the account.
INGEST_LOCK = 0x1A6E57
SESSION_COLUMNS = (
    "status", "title", "problem_summary", "problem_domain", "client_id", "team_id", "technician_email",
    "technician_id", "started_at", "ended_at", "resolution_summary", "transcript", "flow_id", "flow_version_id",
    "psa_system", "psa_ticket_id", "digest", "analysis_due_at", "texts_removed_at", "updated_at",
)  # fmt: skip
STEP_COLUMNS = ("session_id", "position", "kind", "prompt", "options", "selected_option", "response", "at")


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one record. `errors` is empty unless the outcome is `bad`."""

    external_id: str
    outcome: Outcome
    errors: tuple[RecordError, ...] = ()


@dataclass(slots=True)
class _Names:
    """Primary keys of what the records of a batch refer to, by the name they use."""

    clients: dict[str, int] = field(default_factory=dict)
    teams: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    flows: dict[str, int] = field(default_factory=dict)
    versions: dict[tuple[int, int], int] = field(default_factory=dict)


class _Known(NamedTuple):
    """What is there of a record already."""

    pk: int
    digest: str
    created_at: datetime
    team: str | None


def sessions_ingest(*, actor: User | None, account: Account, records: Sequence[SessionRecord]) -> list[IngestResult]:
    """Store a batch of records in one transaction; one result for each, in order.

    A record that was stored before with the same content changes nothing; with other content it replaces the session
    and its steps. Ended sessions become due for analysis. Clients and teams that are new are made. Texts are masked
    first, as the account's data policy says. `actor` None is the platform itself. Raises NotAllowed where the actor may
    not add sessions here at all, InvalidInput where one external_id comes twice in the batch.
    """
    limit = _team_limit(actor, account)
    ids = [record.external_id for record in records]
    if len(set(ids)) != len(ids):
        twice = sorted({i for i in ids if ids.count(i) > 1})[:5]
        raise InvalidInput(f"the same external_id comes twice in one batch: {', '.join(twice)}")
    records = _masked(account, records)
    with transaction.atomic():
        # One batch of an account at a time: two imports of the same file neither fail nor write anything twice.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [INGEST_LOCK, account.pk])
        return _store(account, records, _resolve_names(account, records, limit), _known(account, ids), limit)


def _masked(account: Account, records: Sequence[SessionRecord]) -> Sequence[SessionRecord]:
    """The one place where records are masked, whichever door they come through: what is kept was never more."""
    mask = mask_of(account)
    if mask.level is Level.OFF:
        return records
    return [record_masked(record, mask.with_names(names_of(record.technician or "")).mask) for record in records]


def _team_limit(actor: User | None, account: Account) -> set[str] | None:
    """The names of the teams that the actor may add sessions to; None is any."""
    grants = actor.tenant_grants("ai_sessions.add_aisession") if actor else None
    if grants is None:
        return None
    teams = {team for account_id, team in grants if account_id == account.pk}
    if not teams:
        raise NotAllowed(f"you may not add sessions to {account}")
    if None in teams:
        return None
    return set(Team.objects.filter(pk__in=[team for team in teams if team]).values_list("name", flat=True))


def _known(account: Account, external_ids: Sequence[str]) -> dict[str, _Known]:
    rows = AISession.objects.filter(account=account, external_id__in=external_ids).order_by()
    found = rows.values_list("external_id", "pk", "digest", "created_at", "team__name")
    return {row[0]: _Known._make(row[1:]) for row in found}


def _resolve_names(account: Account, records: Sequence[SessionRecord], limit: set[str] | None) -> _Names:
    team_names = {r.team for r in records if r.team and (limit is None or r.team in limit)}
    flow_keys = {flow.key for r in records if (flow := r.flow_reference())}
    emails = {r.technician.lower() for r in records if r.technician}
    flows = dict(Flow.objects.filter(account=account, key__in=flow_keys).values_list("key", "pk"))
    members = Membership.objects.filter(account=account, user__email__in=emails).order_by()
    versions = FlowVersion.objects.filter(account=account, flow__in=flows.values()).order_by()
    return _Names(
        clients=_by_name(Client, account, {r.client for r in records if r.client}),
        teams=_by_name(Team, account, team_names),
        people=dict(members.values_list("user__email", "user_id")),
        flows=flows,
        versions={(flow, number): pk for flow, number, pk in versions.values_list("flow_id", "number", "pk")},
    )


def _by_name(model: Any, account: Account, names: set[str]) -> dict[str, int]:
    """Primary keys of rows of `model` by name; missing ones are made."""
    rows = model.objects.filter(account=account).order_by().values_list("name", "pk")
    found = dict(rows.filter(name__in=names))
    if missing := names - set(found):
        model.objects.bulk_create([model(account=account, name=n) for n in sorted(missing)], ignore_conflicts=True)
        found |= dict(rows.filter(name__in=missing))
    return found


def _store(
    account: Account,
    records: Sequence[SessionRecord],
    names: _Names,
    known: dict[str, _Known],
    limit: set[str] | None,
) -> list[IngestResult]:
    results: list[IngestResult] = []
    new: list[tuple[SessionRecord, str]] = []
    changed: list[tuple[SessionRecord, str, _Known]] = []
    for record in records:
        before = known.get(record.external_id)
        if errors := _reference_errors(record, names, limit, before):
            results.append(IngestResult(record.external_id, "bad", errors))
            continue
        digest = record.digest()
        if before is None:
            new.append((record, digest))
        elif before.digest != digest:
            changed.append((record, digest, before))
        outcome: Outcome = "imported" if before is None else "unchanged" if before.digest == digest else "updated"
        results.append(IngestResult(record.external_id, outcome))
    _add(account, new, names)
    _replace(account, changed, names)
    return results


def _reference_errors(
    record: SessionRecord, names: _Names, limit: set[str] | None, before: _Known | None
) -> tuple[RecordError, ...]:
    errors = []
    if limit is not None and (record.team not in limit or (before is not None and before.team not in limit)):
        errors.append(RecordError("team", "you may only add sessions of your own team"))
    if flow := record.flow_reference():
        found = names.flows.get(flow.key)
        if found is None:
            errors.append(RecordError("flow/key", f"no flow of this account has the key {flow.key!r}"))
        elif flow.version and (found, flow.version) not in names.versions:
            errors.append(RecordError("flow/version", f"{flow.key} has no version {flow.version}"))
    return tuple(errors)


def _add(account: Account, new: Sequence[tuple[SessionRecord, str]], names: _Names) -> None:
    if not new:
        return
    now, ids = timezone.now(), ids_reserve(AISession, len(new))
    rows = (
        (pk, record.external_id, *_values(record, names, digest, now, now).values())
        for pk, (record, digest) in zip(ids, new, strict=True)
    )
    rows_copy(AISession, ("id", "external_id", *SESSION_COLUMNS), rows, {"account_id": account.pk, "created_at": now})
    _add_steps(account, [(pk, record) for pk, (record, _) in zip(ids, new, strict=True)])


def _replace(account: Account, changed: Sequence[tuple[SessionRecord, str, _Known]], names: _Names) -> None:
    if not changed:
        return
    now = timezone.now()
    sessions = [
        AISession(pk=before.pk, account=account, **_values(record, names, digest, before.created_at, now))
        for record, digest, before in changed
    ]
    fields = [name.removesuffix("_id") if name != "psa_ticket_id" else name for name in SESSION_COLUMNS]
    AISession.objects.bulk_update(sessions, fields, batch_size=200)
    SessionStep.objects.filter(session__in=[before.pk for _, _, before in changed]).delete()
    _add_steps(account, [(before.pk, record) for record, _, before in changed])


def _add_steps(account: Account, sessions: Sequence[tuple[int, SessionRecord]]) -> None:
    rows = (
        (pk, position, step.kind, step.prompt, step.options, step.selected_option, step.response, _utc(step.at))
        for pk, record in sessions
        for position, step in enumerate(record.steps or ())
    )
    rows_copy(SessionStep, STEP_COLUMNS, rows, {"account_id": account.pk})


def _values(record: SessionRecord, names: _Names, digest: str, received: datetime, now: datetime) -> dict[str, Any]:
    """What a record says, as the session's columns in the order of SESSION_COLUMNS; it came in at `received`."""
    flow = record.flow_reference()
    flow_id = names.flows[flow.key] if flow else None
    email = (record.technician or "").lower()
    started_at, ended_at = _times(record, received)
    return {
        "status": record.status,
        "title": record.title,
        "problem_summary": record.problem_summary,
        "problem_domain": record.problem_domain or "",
        "client_id": names.clients[record.client] if record.client else None,
        "team_id": names.teams[record.team] if record.team else None,
        "technician_email": email,
        "technician_id": names.people.get(email),
        "started_at": _utc(started_at),
        "ended_at": _utc(ended_at),
        "resolution_summary": record.resolution_summary,
        "transcript": [turn.model_dump() for turn in record.transcript] if record.transcript is not None else None,
        "flow_id": flow_id,
        "flow_version_id": names.versions[flow_id, flow.version] if flow_id and flow and flow.version else None,
        "psa_system": record.psa.system if record.psa else "",
        "psa_ticket_id": record.psa.ticket_id if record.psa else "",
        "digest": digest,
        "analysis_due_at": now if record.status in AISession.ANALYZED else None,
        "texts_removed_at": None,
        "updated_at": now,
    }


def _utc(time: datetime | None) -> datetime | None:
    """PostgreSQL takes no offset of 16 hours and more, which ISO 8601 allows."""
    return time and time.astimezone(UTC)


def _times(record: SessionRecord, received: datetime) -> tuple[datetime, datetime | None]:
    """When it was worked. A record without times happened at its first step, else when it first came in."""
    stamps = [step.at for step in record.steps or [] if step.at]
    started = record.started_at or min([*stamps, record.ended_at or received])
    if record.status not in AISession.ENDED:
        return started, None
    return started, record.ended_at or max([started, *stamps])
