"""Leases: one worker at a time, by the database's clock, safe against paused and killed workers.

A lease is taken by one conditional UPDATE. Its token grows with every taking, so a worker that was paused past its
expiry finds at its next write that the token has moved on, and cannot write (a fencing token, as in Kleppmann's "How to
do distributed locking", 2016).
"""

import contextlib
import contextvars
import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import DateTimeField, F, Func, QuerySet

from flowpilot.common.models import Lease

logger = logging.getLogger(__name__)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class LeaseLost(Exception):
    """The lease expired and may be another worker's now: stop, and write nothing."""


@dataclass(frozen=True, slots=True)
class HeldLease:
    key: str
    owner: str
    token: int


def lease_take(*, key: str, duration: timedelta, owner: str | None = None) -> HeldLease | None:
    """Take `key`'s lease for `duration`, or None while another owner holds it."""
    owner = owner or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    with transaction.atomic():
        Lease.objects.bulk_create([Lease(key=key, expires_at=LONG_AGO)], ignore_conflicts=True)
        taken = Lease.objects.filter(key=key, expires_at__lte=_clock()).update(
            owner=owner, token=F("token") + 1, expires_at=_clock() + duration
        )
        if not taken:
            return None
        token = Lease.objects.values_list("token", flat=True).get(key=key)
    return HeldLease(key, owner, token)


def lease_renew(lease: HeldLease, *, duration: timedelta) -> None:
    """Extend the lease, or raise LeaseLost."""
    if not _held(lease).update(expires_at=_clock() + duration):
        raise LeaseLost(f"the lease {lease.key} is no longer held by {lease.owner}")


def lease_release(lease: HeldLease) -> None:
    """Give the lease back; nothing happens where it is lost already. The token stays and keeps growing."""
    Lease.objects.filter(key=lease.key, owner=lease.owner, token=lease.token).update(expires_at=LONG_AGO)


@contextlib.contextmanager
def lease_keep(lease: HeldLease, *, duration: timedelta) -> Iterator[None]:
    """Renew the lease in the background while the block works.

    A renewal that fails is left for the next `lease_check` to find: only a write must not happen without the lease.
    """
    stop = threading.Event()

    def renew() -> None:
        try:
            while not stop.wait(duration.total_seconds() / 3):
                lease_renew(lease, duration=duration)
        except (LeaseLost, DatabaseError) as error:
            logger.warning("%s", error)
        finally:
            connection.close()

    # In a copy of this thread's context: what it logs is the same request's.
    within = contextvars.copy_context()
    thread = threading.Thread(target=within.run, args=[renew], name=f"lease {lease.key}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def lease_check(lease: HeldLease) -> None:
    """Lock the lease's row until the transaction ends, or raise LeaseLost.

    Called first in every transaction that writes results: a taker must wait for the row, so nobody can take the lease
    between this check and the commit.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("lease_check guards a transaction: call it inside one")
    if not _held(lease).select_for_update().exists():
        raise LeaseLost(f"the lease {lease.key} is no longer held by {lease.owner}")


def _clock() -> Func:
    """The database's time at the moment of reading: `now()` stands still while a statement waits for a lock."""
    return Func(function="clock_timestamp", output_field=DateTimeField())


def _held(lease: HeldLease) -> QuerySet[Lease]:
    return Lease.objects.filter(key=lease.key, owner=lease.owner, token=lease.token, expires_at__gt=_clock())
