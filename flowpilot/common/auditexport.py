"""The audit log as a file, for whoever keeps it elsewhere: CSV for a spreadsheet, NDJSON for a program."""

import json
from collections.abc import Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from flowpilot.common.csvfile import csv_response
from flowpilot.common.models import AuditEvent

COLUMNS = (
    "id", "created_at", "account", "team", "actor", "actor_label", "action", "object_type", "object_id", "object_label",
    "reason", "before", "after",
)  # fmt: skip
# Rows read at a time: an export needs no more memory for a million events than for a thousand.
CHUNK = 1_000


def audit_csv(events: QuerySet[AuditEvent]) -> StreamingHttpResponse:
    """One event a line; `before` and `after` are JSON, times are the viewer's."""
    lines = ([*row[:-2], *(json.dumps(value, cls=DjangoJSONEncoder) for value in row[-2:])] for row in _rows(events))
    return csv_response("audit-log", COLUMNS, lines)


def audit_ndjson(events: QuerySet[AuditEvent]) -> StreamingHttpResponse:
    """One JSON object a line, with the keys of the CSV's columns; times are UTC."""

    def lines() -> Iterator[str]:
        for row in _rows(events):
            yield json.dumps(dict(zip(COLUMNS, row, strict=True)), cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"

    response = StreamingHttpResponse(lines(), content_type="application/x-ndjson; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit-log.ndjson"'
    return response


EXPORTS = {"csv": audit_csv, "ndjson": audit_ndjson}


def _rows(events: QuerySet[AuditEvent]) -> Iterator[tuple[Any, ...]]:
    return events.values_list(*COLUMNS).iterator(chunk_size=CHUNK)
