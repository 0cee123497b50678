"""All data of an account as one file: made by a task in bounded memory, there to be fetched for a while.

The ZIP holds `about.json` (what is in it), `sessions.jsonl` (to be imported as it is), `flows/<key>/v<n>.json` (one
each version, to be imported in order), `tables/<table>.ndjson` and `files/<key>`. Docs: docs/data-protection.md.
"""

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.apps import apps
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import BinaryField, Model, QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Account, User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from flowpilot.common.leases import LeaseLost, lease_check, lease_keep, lease_release, lease_take
from flowpilot.common.tenancy import TenantModel
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.transfer import portable_of
from flowpilot.privacy.models import Export
from sessions.models import AISession, Attachment
from sessions.portable import record_json

logger = logging.getLogger(__name__)

State = Export.State
ADD, VIEW = "privacy.add_export", "privacy.view_export"
FORMAT, FORMAT_VERSION = "flowpilot-export", 1
LEASE = timedelta(minutes=2)
ROWS = 500
BLOCK = 1 << 16

# What is counted or made of the other tables, comes and goes by itself, or is about this very page.
_MADE_OF_OTHERS = frozenset(
    ["RolledAccount", "RollupMark", "SessionMark", "EndedSession", "ProposalViewer", "IngestPiece", "Erasure", "Export"]
)
_MADE_ENDINGS = ("Day", "Month")
# Secrets, and what only a worker needs. Sealed credentials are binary, and no binary column is exported.
_LEFT_OUT = frozenset(
    ["secret_hash", "previous_hash", "password", "claim_token", "claimed_until", "marker", "search", "digest"]
)
_OF_USER = ("id", "email", "full_name", "is_active", "date_joined")


@transaction.atomic
def export_request(*, actor: User, account: Account) -> Export:
    """Have all of the account's data made into a file. Raises NotAllowed, Conflict (one is being made)."""
    export = Export(account=account, asked_by=actor)
    if not actor.has_perm(ADD, export):
        raise NotAllowed("only an owner of this account may export its data")
    Account.objects.select_for_update().get(pk=account.pk)
    if Export.objects.filter(account=account, state__in=[State.WAITING, State.RUNNING]).exists():
        raise Conflict("an export of this account is being made already")
    export.save()
    audit_record(actor=actor, action="export.requested", target=export)
    transaction.on_commit(partial(_start, export.pk))
    return export


def export_open(*, actor: User, export_id: int) -> tuple[Export, IO[bytes]]:
    """The file of an export, to be sent. Raises NotFound (none, or no longer), NotAllowed, Conflict (file missing)."""
    export = Export.objects.for_user(actor).filter(pk=export_id).first()
    if export is None:
        raise NotFound("there is no such export")
    if not actor.has_perm(VIEW, export):
        raise NotAllowed("only an owner of this account may export its data")
    if export.state != State.DONE or (export.expires_at and export.expires_at <= timezone.now()):
        raise NotFound("this export is not there any more: make a new one")
    try:
        file = export.file.open("rb")
    except FileNotFoundError:
        raise Conflict("the file of this export is missing: make a new one") from None
    audit_record(actor=actor, action="export.downloaded", target=export)
    return export, file


def exports_under_way() -> list[int]:
    """Those that a task has to make."""
    return list(
        Export.objects.filter(state__in=[State.WAITING, State.RUNNING]).order_by("pk").values_list("pk", flat=True)
    )


def exports_expire() -> int:
    """Remove the files whose time is over; gives how many."""
    return _remove(Export.objects.filter(state=State.DONE, expires_at__lte=timezone.now()))


def exports_remove(*, account_id: int) -> int:
    """Remove an account's files, for they hold what it holds no more; gives how many."""
    return _remove(Export.objects.filter(account=account_id, state=State.DONE))


def _remove(exports: QuerySet[Export]) -> int:
    removed = 0
    for export in exports:
        name = str(export.file.name)
        removed += Export.objects.filter(pk=export.pk, state=State.DONE).update(state=State.REMOVED, file="", size=0)
        transaction.on_commit(partial(default_storage.delete, name))
    return removed


def export_run(export_id: int) -> bool:
    """Make the file; False where another worker is at it. A killed run is made anew from the start."""
    lease = lease_take(key=f"export:{export_id}", duration=LEASE)
    if lease is None:
        return False
    try:
        rows = Export.objects.filter(pk=export_id, state__in=[State.WAITING, State.RUNNING])
        export = rows.select_related("account").first()
        if export is None:
            return True
        rows.update(state=State.RUNNING)
        with lease_keep(lease, duration=LEASE), tempfile.TemporaryFile() as file:
            counts = write_export(export.account, file)
            size = file.tell()
            name = default_storage.save(f"exports/{export.account_id}/{export.pk}.zip", File(file))
        try:
            with transaction.atomic():
                lease_check(lease)
                now = timezone.now()
                rows.update(
                    state=State.DONE, file=name, size=size, counts=counts, finished_at=now,
                    expires_at=now + settings.EXPORT_KEEP,
                )  # fmt: skip
                audit_record(actor=None, action="export.done", target=export, after={"rows": sum(counts.values())})
        except LeaseLost:
            default_storage.delete(name)
            raise
    except LeaseLost as error:
        logger.warning("%s", error)
        return False
    finally:
        lease_release(lease)
    return True


def write_export(account: Account, file: IO[bytes]) -> dict[str, int]:
    """Write the ZIP; gives how many rows each file of it has. Holds some hundred rows in memory at a time."""
    counts: dict[str, int] = {}
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        counts["sessions.jsonl"] = _write_lines(archive, "sessions.jsonl", _sessions(account))
        counts["flows"] = _write_flows(archive, account)
        fields: dict[str, list[str]] = {}
        for model in exported_models():
            name = f"tables/{model._meta.label_lower}.ndjson"
            fields[name] = exported_fields(model)
            counts[name] = _write_lines(archive, name, _rows(account, model, fields[name]))
        counts["files"] = _write_files(archive, account)
        about = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "account": {"slug": account.slug, "name": account.name},
            "made_at": timezone.now().isoformat(),
            "counts": counts,
            "fields": fields,
        }
        archive.writestr("about.json", json.dumps(about, indent=2, ensure_ascii=False))
    return counts


def exported_models() -> list[type[Model]]:
    """The tables of accounts that hold more than what is counted of others."""
    found: list[type[Model]] = [Account, User]
    for model in apps.get_models():
        name = model.__name__
        if issubclass(model, TenantModel) and name not in _MADE_OF_OTHERS and not name.endswith(_MADE_ENDINGS):
            found.append(model)
    return sorted(found, key=lambda model: model._meta.label)


def exported_fields(model: type[Model]) -> list[str]:
    """Columns without secrets."""
    if model is User:
        return list(_OF_USER)
    return [
        field.attname
        for field in model._meta.concrete_fields
        if not isinstance(field, BinaryField) and field.attname not in _LEFT_OUT
    ]


def _rows(account: Account, model: type[Model], fields: list[str]) -> Iterator[dict[str, Any]]:
    rows: Any = model._base_manager
    if model is Account:
        rows = rows.filter(pk=account.pk)
    elif model is User:
        rows = rows.filter(memberships__account=account)
    else:
        rows = rows.filter(account=account)
    for row in rows.order_by("pk").values(*fields).iterator(chunk_size=ROWS):
        if "url" in row:
            row["url"] = row["url"].partition("?")[0]  # many a service has a token in its query
        yield row


def _sessions(account: Account) -> Iterator[dict[str, Any]]:
    rows = AISession.objects.filter(account=account).order_by("pk").prefetch_related("steps")
    rows = rows.select_related("client", "team", "flow", "flow_version").defer("flow_version__definition")
    return map(record_json, rows.iterator(chunk_size=ROWS))


def _write_lines(archive: ZipFile, name: str, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    with archive.open(name, "w", force_zip64=True) as out:
        for row in rows:
            out.write(
                json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            )
            count += 1
    return count


def _write_flows(archive: ZipFile, account: Account) -> int:
    count = 0
    versions = FlowVersion.objects.filter(account=account).select_related("flow").order_by("flow", "number")
    for version in versions.iterator(chunk_size=20):
        archive.writestr(
            f"flows/{version.flow.key}/v{version.number}.json", portable_of(version.flow, version).to_text()
        )
        count += 1
    return count


def _write_files(archive: ZipFile, account: Account) -> int:
    count = 0
    for attachment in Attachment.objects.filter(account=account).order_by("pk").iterator(chunk_size=ROWS):
        try:
            with attachment.file.open("rb") as file, archive.open(f"files/{attachment.key}", "w") as out:
                while block := file.read(BLOCK):
                    out.write(block)
            count += 1
        except FileNotFoundError:
            logger.warning("the file of attachment %s is missing", attachment.pk)
    return count


def _start(export_id: int) -> None:
    from flowpilot.privacy.tasks import export_account

    export_account.delay(export_id)
