"""The work of an erasure: one chunk of rows a transaction, under a lease. Safe to run twice, at once, and to be killed.

Where it stands is written with each chunk. It goes through all tables until a round finds nothing: what somebody wrote
meanwhile is found in the next one.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import ForeignKey
from django.utils import timezone

from flowpilot.accounts.models import Membership, User
from flowpilot.common.audit import audit_record, audit_texts_erasable
from flowpilot.common.leases import HeldLease, LeaseLost, lease_check, lease_keep, lease_release, lease_take
from flowpilot.common.models import AuditEvent
from flowpilot.privacy.erasures import pictures_of
from flowpilot.privacy.exports import exports_remove
from flowpilot.privacy.models import Erasure
from flowpilot.privacy.rewrite import (
    ROWS,
    Chunk,
    files_chunk,
    pieces_chunk,
    searches_chunk,
    sketches_chunk,
    table_chunk,
)
from flowpilot.privacy.tables import Table, text_tables
from flowpilot.privacy.terms import Terms

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
MOST_ROUNDS = 10
State = Erasure.State

# What is looked at beside the tables. Rows that are only made anew are not counted: they may hold no match at all.
FILES, PIECES = "attached files", "parts of ingest jobs"
REFERENCES, SKETCHES, SEARCHES = "references", "sketches", "searches"
_MADE_ANEW = (REFERENCES, SKETCHES, SEARCHES)
# An erasure's own names go when it is done: they are what the others are looked for by.
_OWN = Erasure._meta.label


def erasures_under_way() -> list[int]:
    """Those that a task has to go on with."""
    return list(Erasure.objects.filter(state__in=Erasure.UNDER_WAY).order_by("pk").values_list("pk", flat=True))


def erasure_run(erasure_id: int) -> bool:
    """Count or erase until there is nothing left to do; False where another worker is at it."""
    lease = lease_take(key=f"erasure:{erasure_id}", duration=LEASE)
    if lease is None:
        return False
    try:
        with lease_keep(lease, duration=LEASE):
            while erasure_turn(lease, erasure_id):
                pass
    except LeaseLost as error:
        logger.warning("%s", error)
        return False
    finally:
        lease_release(lease)
    return True


def erasure_turn(lease: HeldLease, erasure_id: int) -> bool:
    """One transaction's work; whether there is more. Raises LeaseLost."""
    with transaction.atomic():
        lease_check(lease)
        erasure = Erasure.objects.select_for_update().filter(pk=erasure_id, state__in=Erasure.UNDER_WAY).first()
        if erasure is None:
            return False
        steps = _steps(erasure)
        name = erasure.at_table or steps[0]
        with audit_texts_erasable(erasure.account_id):
            chunk = _work(erasure, name)
        if chunk.matched and name not in _MADE_ANEW:
            _count(erasure, name, chunk.matched)
        erasure.at_pk = chunk.last or 0
        if chunk.last is None:
            place = steps.index(name) + 1
            erasure.at_table = steps[place] if place < len(steps) else ""
            if not erasure.at_table:
                _end_round(erasure)
        else:
            erasure.at_table = name
        erasure.save()
        return erasure.state in Erasure.UNDER_WAY


def _steps(erasure: Erasure) -> list[str]:
    tables = [table.label for table in text_tables() if table.label != _OWN]
    more = [REFERENCES, SKETCHES, SEARCHES] if erasure.state == State.ERASING else []
    return [*tables, FILES, PIECES, *more]


def _work(erasure: Erasure, name: str) -> Chunk:
    terms = Terms(erasure.terms, label=erasure.label, mark=erasure.mark)
    write = erasure.state == State.ERASING
    if name == REFERENCES:
        return _references_chunk(erasure)
    beside: dict[str, Callable[..., Chunk]] = {
        FILES: files_chunk, PIECES: pieces_chunk, SKETCHES: sketches_chunk, SEARCHES: searches_chunk,
    }  # fmt: skip
    if name in beside:
        return beside[name](erasure.account_id, terms, erasure.at_pk, write=write)
    return table_chunk(_table(name), erasure.account_id, terms, erasure.at_pk, write=write)


def _table(label: str) -> Table:
    return next(table for table in text_tables() if table.label == label)


def _count(erasure: Erasure, step: str, matched: int) -> None:
    name = step if step in (FILES, PIECES) else _table(step).name
    counts = erasure.found if erasure.state == State.COUNTING else erasure.erased
    counts[name] = counts.get(name, 0) + matched
    erasure.round_matches += matched


def _end_round(erasure: Erasure) -> None:
    erasure.at_pk = 0
    erasure.rounds += 1
    matched, erasure.round_matches = erasure.round_matches, 0
    if erasure.state == State.COUNTING:
        erasure.state, erasure.pictures = State.COUNTED, pictures_of(erasure)
    elif not matched or erasure.rounds >= MOST_ROUNDS:
        _finish(erasure)


def _finish(erasure: Erasure) -> None:
    exports_remove(account_id=erasure.account_id)
    erasure.state, erasure.finished_at, erasure.terms = State.DONE, timezone.now(), []
    erasure.user = erasure.client = None
    audit_record(actor=erasure.confirmed_by, action="erasure.done", target=erasure, after={"rows": erasure.erased})


def _references_chunk(erasure: Erasure) -> Chunk:
    """Of a member: events are told by the mark, and where the log-in stays another account's, nothing points to it."""
    user = erasure.user
    if user is None:
        return Chunk(0, None)
    events = AuditEvent.objects.filter(account=erasure.account_id, actor=user).exclude(actor_label=erasure.label)
    some = list(events.order_by("pk").values_list("pk", flat=True)[:ROWS])
    AuditEvent.objects.filter(pk__in=some).update(actor_label=erasure.label)
    if len(some) == ROWS:
        return Chunk(0, erasure.at_pk + 1)
    if Membership.objects.filter(user=user).exists() or user.is_superuser:
        _unlink(erasure.account_id, user)
    return Chunk(0, None)


def _unlink(account_id: int, user: User) -> None:
    for table in text_tables():
        for field in table.model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and field.related_model is User and table.model is not Membership:
                rows = table.of_account(account_id).filter(**{field.name: user})
                if field.null:
                    rows.update(**{field.name: None})
                elif table.label.partition(".")[0] not in ("accounts", "common"):
                    rows.delete()
