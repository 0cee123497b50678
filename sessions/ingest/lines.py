"""Lines into results: what the import command, the API's lists and its jobs have in common."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import DataError, IntegrityError

from flowpilot.accounts.models import Account, User
from flowpilot.common.garbage import collection_paused
from sessions.ingest.store import IngestResult, sessions_ingest
from sessions.records import Line, RecordError, SessionRecord

logger = logging.getLogger(__name__)

BATCH = 500


def batches(lines: Iterable[Line], size: int = BATCH) -> Iterator[list[Line]]:
    """Lines in their order, as many at once as are stored at once.

    A batch holds an id once: a later line of the same id is an update of the earlier, and begins the next batch.
    """
    rest = iter(lines)
    following = next(rest, None)
    while following is not None:
        with collection_paused():
            batch, following = _batch(following, rest, size)
        yield batch


def _batch(line: Line | None, rest: Iterator[Line], size: int) -> tuple[list[Line], Line | None]:
    """The batch that begins with `line`, and the line after it."""
    batch: list[Line] = []
    ids: set[str] = set()
    while line is not None and len(batch) < size and not (line.record is not None and line.external_id in ids):
        batch.append(line)
        if line.record is not None:
            ids.add(line.external_id)
        line = next(rest, None)
    return batch, line


def lines_ingest(*, actor: User | None, account: Account, lines: Sequence[Line]) -> list[IngestResult]:
    """Store the records of a batch; one result for each line, in order. Raises what sessions_ingest raises."""
    good = [line.record for line in lines if line.record is not None]
    with collection_paused():
        stored = iter(_stored(actor, account, good))
    return [
        IngestResult(line.external_id, "bad", line.errors) if line.record is None else next(stored) for line in lines
    ]


def _stored(actor: User | None, account: Account, records: Sequence[SessionRecord]) -> list[IngestResult]:
    """All at once; where the database refuses them, one by one, so that a bad one fails alone."""
    try:
        return sessions_ingest(actor=actor, account=account, records=records)
    except (DataError, IntegrityError) as error:
        if len(records) == 1:
            logger.exception("a session record of account %s could not be stored", account.pk)
            reason = f"the database refuses it: {str(error).partition(chr(10))[0]}"
            return [IngestResult(records[0].external_id, "bad", (RecordError("", reason[:300]),))]
    return [result for record in records for result in _stored(actor, account, [record])]


def told(result: IngestResult, line: int | None = None) -> dict[str, Any]:
    """A result as the API answers it: `line` is its number where there are lines."""
    errors = [
        {"field": error.field, "pointer": f"/{error.field}" if error.field else "", "reason": error.reason}
        for error in result.errors
    ]
    place = {} if line is None else {"line": line}
    return {**place, "external_id": result.external_id, "outcome": result.outcome, "errors": errors}
