"""CSV downloads: exact figures, and nothing that a spreadsheet would run."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_response(name: str, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A download of `name`.csv, written as it is read; times are in the time zone that holds now."""
    writer, zone = csv.writer(_Echo()), timezone.get_current_timezone()

    def stream() -> Iterator[str]:
        yield "\N{ZERO WIDTH NO-BREAK SPACE}"  # tells spreadsheets that it is UTF-8
        yield writer.writerow(header)
        for line in lines:
            yield writer.writerow([exact(value, zone) for value in line])

    response = StreamingHttpResponse(stream(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def exact(value: Any, zone: tzinfo) -> Any:
    """A figure without rounding: seconds for a length of time, ISO 8601 with its offset for a moment."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
