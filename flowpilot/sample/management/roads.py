"""The roads on which sessions come in, timed beside a bare COPY of the rows that they leave."""

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client

from flowpilot.accounts.models import Account
from sessions.api.ingest import MAX_BULK
from sessions.ingest.jobs import account_jobs_work
from sessions.ingest.lines import batches, lines_ingest
from sessions.models import AISession, IngestJob, SessionStep
from sessions.records import read_lines

# Steps first when rows go, sessions first when they come.
TABLES: tuple[type[Model], ...] = (AISession, SessionStep)
API = "/api/v1"


@dataclass(slots=True)
class Road:
    """One way in: what takes a body of NDJSON lines, and its seconds."""

    name: str
    take: Callable[[bytes], None]
    seconds: float = 0.0


def roads(account: Account, caller: Client) -> list[Road]:
    """The import command, the API's lists and the API's jobs, into `account`."""

    def by_command(body: bytes) -> None:
        for batch in batches(read_lines(io.BytesIO(body))):
            lines_ingest(actor=None, account=account, lines=batch)

    def by_lists(body: bytes) -> None:
        lines = iter(body.splitlines())
        while part := list(islice(lines, MAX_BULK)):
            _post(caller, f"{API}/sessions/", b"[" + b",".join(part) + b"]", "application/json", 201)

    def by_job(body: bytes) -> None:
        job = _post(caller, f"{API}/ingest-jobs/", body, "application/x-ndjson", 202)
        while account_jobs_work(account.pk):
            pass
        done = IngestJob.objects.get(pk=job["id"])
        if done.state != IngestJob.State.DONE or done.bad:
            raise CommandError(f"the job is {done.state}: {done.bad} bad lines {done.error}")

    return [Road("import command", by_command), Road("POST sessions/", by_lists), Road("POST ingest-jobs/", by_job)]


def _post(caller: Client, url: str, body: bytes, content_type: str, expected: int) -> Any:
    response = caller.post(url, body, content_type=content_type)
    if response.status_code != expected:
        raise CommandError(f"{url} answered {response.status_code}: {response.content[:300].decode()}")
    return response.json()


def bodies(objects: Iterator[dict[str, Any]], prefix: str) -> bytes:
    """Records as NDJSON, under ids that no other round has."""
    named = ({**obj, "flow": None, "external_id": f"{prefix}{obj['external_id']}"} for obj in objects)
    return b"".join(json.dumps(obj, ensure_ascii=False).encode() + b"\n" for obj in named)


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an account's sessions and steps as COPY's text, by table."""

    by_table: dict[str, tuple[str, bytes]]

    @classmethod
    def taken_out(cls, account: Account) -> "Rows":
        """Read them, and delete them."""
        found = {}
        with connection.cursor() as cursor:
            for model in TABLES:
                table = model._meta.db_table
                columns = ", ".join(connection.ops.quote_name(str(f.column)) for f in model._meta.concrete_fields)
                query = f"COPY (SELECT {columns} FROM {table} WHERE account_id = {account.pk:d}) TO STDOUT"  # noqa: S608
                with cursor.copy(query) as copy:
                    found[table] = columns, b"".join(bytes(part) for part in copy)
            for model in reversed(TABLES):
                cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE account_id = %s", [account.pk])  # noqa: S608
        return cls(found)

    def copy(self) -> None:
        """Write them as they are, as fast as PostgreSQL takes them: same indexes, constraints and triggers."""
        with transaction.atomic(), connection.cursor() as cursor:
            for table, (columns, text) in self.by_table.items():
                with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    copy.write(text)
