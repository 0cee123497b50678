"""Ingest jobs: taken on in the request, worked off by workers, forgotten after a while.

An account's jobs are worked off one after another in the order in which they came, so that the later of two records
with one id is the one that stays. Whoever works holds the account's lease. A piece's records, its results and the
job's counts are written in one transaction that checks the lease: a worker that is killed, or was paused past its
lease, loses nothing and does nothing twice, and the next one carries on at the next piece.
"""

import io
import logging
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pydantic_core import from_json, to_json

from flowpilot.accounts.models import Account, User
from flowpilot.common.errors import Conflict, NotAllowed, ServiceError
from flowpilot.common.leases import HeldLease, LeaseLost, lease_check, lease_keep, lease_release, lease_take
from sessions.ingest.lines import batches, lines_ingest, told
from sessions.ingest.models import IngestJob, IngestPiece
from sessions.ingest.receive import Body
from sessions.ingest.store import Outcome
from sessions.records import read_lines

logger = logging.getLogger(__name__)

State = IngestJob.State
# A worker turns to other work after so long, and comes back: a large job does not hold up what else is queued.
TURN_S = 20.0
MAX_TRIES = 5
TASK_EXPIRES_S = 300


class TooManyWait(Conflict):
    """The account has as many jobs as may wait."""

    code = "too_many_jobs"


def ingest_job_admit(*, actor: User, account: Account) -> None:
    """Asked before a body is read. Raises NotAllowed, and TooManyWait."""
    _require_add(actor, account)
    waiting = IngestJob.objects.unfinished().filter(account=account).count()
    if waiting >= settings.INGEST_MAX_WAITING:
        raise TooManyWait(f"{waiting} jobs of this account wait or run already: send this one when they are done.")


def ingest_job_create(*, actor: User, account: Account, body: Body) -> IngestJob:
    """Take on a body that was received; it is begun as soon as a worker is free. Raises NotAllowed."""
    _require_add(actor, account)
    with transaction.atomic():
        job = IngestJob.objects.create(account=account, created_by=actor, size=body.size, lines=body.lines)
        for number, piece in enumerate(body.pieces()):
            IngestPiece.objects.create(
                account=account, job=job, number=number, first_line=piece.first_line, line_count=piece.line_count,
                body=piece.body,
            )  # fmt: skip
    ingest_start_on_commit(account.pk)
    return job


def _require_add(actor: User, account: Account) -> None:
    if not actor.has_perm("ai_sessions.add_ingestjob", IngestJob(account=account)):
        raise NotAllowed(f"you may not add sessions to {account}")


def ingest_start(account_id: int) -> None:
    """Queue a turn at an account's jobs. Call after the commit."""
    current_app.send_task(
        "sessions.ingest.tasks.ingest_account",
        args=[account_id],
        expires=TASK_EXPIRES_S,
        retry=False,
        ignore_result=True,
    )


def ingest_start_on_commit(account_id: int) -> None:
    """Queue a turn when the transaction commits. A queue that is down fails nothing: beat finds the job."""

    def start() -> None:  # not a partial: Django names what failed by its __qualname__
        ingest_start(account_id)

    transaction.on_commit(start, robust=True)


def accounts_with_jobs() -> list[int]:
    """Accounts with jobs that are not done."""
    return list(IngestJob.objects.unfinished().order_by("account").values_list("account", flat=True).distinct())


def account_jobs_work(account_id: int) -> bool:
    """Work off an account's jobs for one turn; whether some are left. Where another worker is at it: nothing, False."""
    lease = lease_take(key=f"ingest:{account_id}", duration=settings.INGEST_LEASE)
    if lease is None:
        return False
    until = time.monotonic() + TURN_S
    try:
        with lease_keep(lease, duration=settings.INGEST_LEASE):
            while job := _first_job(account_id):
                if not _job_work(job, lease, until):
                    return True
    except LeaseLost as error:
        logger.warning("%s", error)
    except Exception:
        # Beat comes back to it.
        logger.exception("the ingest of account %s stopped", account_id)
    finally:
        lease_release(lease)
    return False


def _first_job(account_id: int) -> IngestJob | None:
    jobs = IngestJob.objects.unfinished().filter(account=account_id)
    return jobs.select_related("account", "created_by").order_by("pk").first()


def _job_work(job: IngestJob, lease: HeldLease, until: float) -> bool:
    """Go on with a job; False where the turn is over before it is done."""
    _begin(job, lease)
    if job.tries > MAX_TRIES:
        _fail(job, lease, f"it stopped {MAX_TRIES} times after line {job.lines_done}")
        return True
    try:
        for piece in job.pieces.filter(results=None).order_by("number").iterator(chunk_size=1):
            if time.monotonic() > until:
                return False
            _piece_work(job, piece, lease)
    except ServiceError as error:
        _fail(job, lease, error.message)
    else:
        _write(job, lease, state=State.DONE, error="", finished_at=timezone.now())
    return True


def _begin(job: IngestJob, lease: HeldLease) -> None:
    job.tries += 1
    _write(job, lease, state=State.RUNNING, tries=job.tries, started_at=job.started_at or timezone.now())


def _piece_work(job: IngestJob, piece: IngestPiece, lease: HeldLease) -> None:
    """Store a piece's records, and what became of them, and that it is done; all of it or nothing."""
    if job.created_by is None:
        raise ServiceError("whoever sent it is no longer there")
    counts: Counter[Outcome] = Counter()
    results = []
    with transaction.atomic():
        lease_check(lease)
        text = io.BytesIO(zlib.decompress(piece.body or b""))
        for batch in batches(read_lines(text, piece.first_line)):
            found = lines_ingest(actor=job.created_by, account=job.account, lines=batch)
            for line, result in zip(batch, found, strict=True):
                counts[result.outcome] += 1
                results.append(to_json(told(result, line.number)) + b"\n")
        piece.body, piece.results = None, zlib.compress(b"".join(results), 1)
        piece.save(update_fields=["body", "results"])
        job.lines_done, job.tries = piece.first_line + piece.line_count - 1, 0
        added = {name: F(name) + count for name, count in counts.items()}
        IngestJob.objects.filter(pk=job.pk).update(lines_done=job.lines_done, tries=0, **added)


def _fail(job: IngestJob, lease: HeldLease, why: str) -> None:
    """What is stored stays; what waits is removed, for whoever sent it has it."""
    with transaction.atomic():
        _write(job, lease, state=State.FAILED, error=why, finished_at=timezone.now())
        job.pieces.filter(results=None).delete()


def _write(job: IngestJob, lease: HeldLease, **values: object) -> None:
    with transaction.atomic():
        lease_check(lease)
        IngestJob.objects.filter(pk=job.pk).update(**values)


def ingest_results(job: IngestJob, outcome: str = "", after: int = 0) -> Iterator[bytes]:
    """What became of each line that is worked off, as NDJSON in order; of one outcome, or after a line's number."""
    pieces = job.pieces.exclude(results=None).filter(first_line__gt=after - F("line_count")).order_by("number")
    for packed in pieces.values_list("results", flat=True).iterator(chunk_size=5):
        text = zlib.decompress(packed or b"")
        if not outcome and not after:
            yield text
            continue
        for line in text.splitlines(keepends=True):
            found = from_json(line)
            if found["line"] > after and outcome in ("", found["outcome"]):
                yield line


def ingest_jobs_clean(*, now: datetime, keep: timedelta) -> int:
    """Remove jobs that ended so long ago, with their results; how many. The sessions stay."""
    old = IngestJob.objects.filter(finished_at__lt=now - keep)
    count = old.count()
    old.delete()
    return count
