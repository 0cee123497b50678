"""Taking session records in: the one service behind the import command and the API."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import connection, transaction
from django.utils import timezone

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.accounts.policies import mask_of
from flowpilot.common.errors import InvalidInput, NotAllowed
from flowpilot.common.masking import Level, names_of
from flowpilot.flows.models import Flow, FlowVersion
from sessions.models import AISession, Client, SessionStep
from sessions.records import RecordError, SessionRecord, record_masked

Outcome = Literal["imported", "updated", "unchanged", "bad"]
# First half of the key of the advisory lock; the second is the account.
INGEST_LOCK = 0x1A6E57
STEP_BATCH = 5_000
SESSION_FIELDS = [
    "status", "title", "problem_summary", "problem_domain", "client", "team", "technician_email", "technician",
    "started_at", "ended_at", "resolution_summary", "transcript", "flow", "flow_version", "psa_system",
    "psa_ticket_id", "digest", "analysis_due_at", "updated_at",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one record. `errors` is empty unless the outcome is `bad`."""

    external_id: str
    outcome: Outcome
    errors: tuple[RecordError, ...] = ()


@dataclass(slots=True)
class _Names:
    """What the records of a batch refer to, by the name they use."""

    clients: dict[str, Client] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    versions: dict[tuple[int, int], FlowVersion] = field(default_factory=dict)


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
        names = _resolve_names(account, records, limit)
        known = {
            s.external_id: s
            for s in AISession.objects.filter(account=account, external_id__in=ids).select_related("team")
        }
        return _store(account, records, names, known, limit)


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


def _resolve_names(account: Account, records: Sequence[SessionRecord], limit: set[str] | None) -> _Names:
    team_names = {r.team for r in records if r.team and (limit is None or r.team in limit)}
    flow_keys = {flow.key for r in records if (flow := r.flow_reference())}
    emails = {r.technician.lower() for r in records if r.technician}
    flows = {f.key: f for f in Flow.objects.filter(account=account, key__in=flow_keys)}
    members = Membership.objects.filter(account=account, user__email__in=emails)
    versions = FlowVersion.objects.filter(account=account, flow__in=flows.values()).only("flow", "number", "account")
    return _Names(
        clients=_by_name(Client, account, {r.client for r in records if r.client}),
        teams=_by_name(Team, account, team_names),
        people=dict(members.values_list("user__email", "user_id")),
        flows=flows,
        versions={(v.flow_id, v.number): v for v in versions},
    )


def _by_name(model: Any, account: Account, names: set[str]) -> dict[str, Any]:
    """Rows of `model` by name; missing ones are made."""
    found = {row.name: row for row in model.objects.filter(account=account, name__in=names)}
    if missing := names - set(found):
        model.objects.bulk_create([model(account=account, name=n) for n in sorted(missing)], ignore_conflicts=True)
        found |= {row.name: row for row in model.objects.filter(account=account, name__in=missing)}
    return found


def _store(
    account: Account,
    records: Sequence[SessionRecord],
    names: _Names,
    known: dict[str, AISession],
    limit: set[str] | None,
) -> list[IngestResult]:
    results: list[IngestResult] = []
    new: list[tuple[AISession, SessionRecord]] = []
    changed: list[tuple[AISession, SessionRecord]] = []
    for record in records:
        session = known.get(record.external_id)
        if errors := _reference_errors(record, names, limit, session):
            results.append(IngestResult(record.external_id, "bad", errors))
            continue
        digest = record.digest()
        if session is not None and session.digest == digest:
            results.append(IngestResult(record.external_id, "unchanged"))
            continue
        bucket = new if session is None else changed
        session = session or AISession(account=account, external_id=record.external_id)
        _fill(session, record, names, digest)
        bucket.append((session, record))
        results.append(IngestResult(record.external_id, "imported" if bucket is new else "updated"))
    AISession.objects.bulk_create([session for session, _ in new])
    AISession.objects.bulk_update([session for session, _ in changed], SESSION_FIELDS, batch_size=200)
    SessionStep.objects.filter(session__in=[session for session, _ in changed]).delete()
    steps = [step for session, record in (*new, *changed) for step in _steps(session, record)]
    SessionStep.objects.bulk_create(steps, batch_size=STEP_BATCH)
    return results


def _reference_errors(
    record: SessionRecord, names: _Names, limit: set[str] | None, session: AISession | None
) -> tuple[RecordError, ...]:
    errors = []
    outside = limit is not None and (record.team not in limit or (session is not None and session.team is None))
    if outside or (limit is not None and session and session.team and session.team.name not in limit):
        errors.append(RecordError("team", "you may only add sessions of your own team"))
    if flow := record.flow_reference():
        found = names.flows.get(flow.key)
        if found is None:
            errors.append(RecordError("flow/key", f"no flow of this account has the key {flow.key!r}"))
        elif flow.version and (found.pk, flow.version) not in names.versions:
            errors.append(RecordError("flow/version", f"{flow.key} has no version {flow.version}"))
    return tuple(errors)


def _fill(session: AISession, record: SessionRecord, names: _Names, digest: str) -> None:
    flow = record.flow_reference()
    email = (record.technician or "").lower()
    session.status = record.status
    session.title = record.title
    session.problem_summary = record.problem_summary
    session.problem_domain = record.problem_domain or ""
    session.client = names.clients[record.client] if record.client else None
    session.team = names.teams[record.team] if record.team else None
    session.technician_email = email
    session.technician_id = names.people.get(email)
    session.started_at, session.ended_at = _times(session, record)
    session.resolution_summary = record.resolution_summary
    session.transcript = [t.model_dump() for t in record.transcript] if record.transcript is not None else None
    session.flow = found = names.flows[flow.key] if flow else None
    session.flow_version = names.versions[found.pk, flow.version] if found and flow and flow.version else None
    session.psa_system = record.psa.system if record.psa else ""
    session.psa_ticket_id = record.psa.ticket_id if record.psa else ""
    session.digest = digest
    session.updated_at = timezone.now()
    session.analysis_due_at = timezone.now() if record.status in AISession.ANALYZED else None


def _times(session: AISession, record: SessionRecord) -> tuple[datetime, datetime | None]:
    """When it was worked. A record without times happened at its first step, else when it first came in."""
    stamps = [step.at for step in record.steps or [] if step.at]
    received = session.created_at or timezone.now()
    started = record.started_at or min([*stamps, record.ended_at or received])
    if record.status not in AISession.ENDED:
        return started, None
    return started, record.ended_at or max([started, *stamps])


def _steps(session: AISession, record: SessionRecord) -> list[SessionStep]:
    return [
        SessionStep(
            account_id=session.account_id,
            session=session,
            position=position,
            kind=step.kind,
            prompt=step.prompt,
            options=step.options,
            selected_option=step.selected_option,
            response=step.response,
            at=step.at,
        )
        for position, step in enumerate(record.steps or [])
    ]
