"""Rows into tables by COPY, many at once."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models

from flowpilot.common.tenancy import TenantModel


class Table:
    """Rows of one model of one account that wait to be copied.

    `columns` are those that each row gives, in their order; what the model has besides gets its default.
    """

    def __init__(self, model: type[TenantModel], account_id: int, columns: Sequence[str]) -> None:
        fields = [f for f in model._meta.concrete_fields if f.attname not in columns and not f.primary_key]
        same = {str(f.column): text_of(_default(f)) for f in fields} | {"account_id": str(account_id)}
        if "id" not in columns:
            same.pop("id", None)
        self.name = model._meta.db_table
        self.columns = [*columns, *same]
        self.copied = 0
        self._end = "".join(f"\t{text}" for text in same.values()) + "\n"
        self._lines: list[str] = []

    def add(self, *values: Any) -> None:
        """One row: strings without tabs, backslashes and line ends; None; numbers; times with their zone; JSON."""
        self._lines.append("\t".join(map(text_of, values)) + self._end)

    def copy(self) -> None:
        """Write what waits."""
        if not self._lines:
            return
        quote = connection.ops.quote_name
        names = ", ".join(quote(name) for name in self.columns)
        with connection.cursor() as cursor, cursor.copy(f"COPY {quote(self.name)} ({names}) FROM STDIN") as copy:
            copy.write("".join(self._lines))
        self.copied += len(self._lines)
        self._lines.clear()


def text_of(value: Any) -> str:
    """A value as COPY's text format has it."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def ids_reserve(model: type[models.Model], count: int) -> int:
    """Take `count` primary keys out of the table's sequence; gives the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(s, nextval(s) + %s) FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS s) t",
            [count, model._meta.db_table],
        )
        return int(cursor.fetchone()[0]) - count


def _default(field: Any) -> Any:
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return datetime.now(UTC)
    value = field.get_default()
    return {} if isinstance(value, Mapping) else value
