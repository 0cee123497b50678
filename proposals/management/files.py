"""Files of the mining commands: '-' is stdin or stdout, and every fault is told in a sentence."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError

from proposals.mining.jsonl import BadLine, read_records
from proposals.mining.records import Record


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            yield file
    except FileNotFoundError as error:
        raise CommandError(f"There is no file {name}.") from error
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error


def read_sessions(command: BaseCommand, name: str, *, strict: bool) -> list[Record]:
    """The file's records; bad lines are told on stderr and passed over unless `strict`."""
    records, bad = [], 0
    with _opened(name) as file:
        for item in read_records(file):
            if isinstance(item, BadLine):
                bad += 1
                command.stderr.write(f"line {item.number}: {item.reason}")
            else:
                records.append(item)
    if not records:
        raise CommandError(f"{_shown(name)} holds no usable session record.")
    if bad and strict:
        raise CommandError(f"{_shown(name)}: {bad} bad {'line' if bad == 1 else 'lines'}.")
    return records


def read_json(name: str) -> Any:
    """The decoded JSON of a file."""
    with _opened(name) as file:
        try:
            return json.load(file)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise CommandError(f"{_shown(name)} is not JSON: {error.msg} ({where}).") from error
        except RecursionError as error:
            raise CommandError(f"{_shown(name)} is not JSON: nested too deeply.") from error


def write_json(command: BaseCommand, name: str, obj: object) -> None:
    """The object as JSON to a file, or to the command's stdout."""
    text = json.dumps(obj, ensure_ascii=False)
    if name == "-":
        command.stdout.write(text)
        return
    try:
        Path(name).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}.") from error


def _shown(name: str) -> str:
    return "stdin" if name == "-" else name
