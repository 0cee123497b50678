"""Receiving a body of many lines: read as a stream, within its limits, into pieces that lie in a temporary file.

Memory holds one piece or one line, however long the body is. Nothing is in the database before the body is complete:
one that breaks off leaves nothing behind.
"""

import contextlib
import gzip
import io
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO

from django.conf import settings

from flowpilot.common.errors import InvalidInput
from flowpilot.common.parsers import TooLarge
from sessions.ingest.lines import BATCH
from sessions.records import cut_lines

PIECE_BYTES = 2**20
IN_MEMORY = 2 * 2**20


class BrokenOff(InvalidInput):
    """The body ended before its end."""

    code = "incomplete_body"


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of a body, as zlib-compressed NDJSON."""

    first_line: int
    line_count: int
    body: bytes


@dataclass(slots=True)
class Body:
    """A body that came in whole: `size` bytes (uncompressed) in `lines` lines."""

    file: IO[bytes]
    size: int = 0
    lines: int = 0
    # First line, number of lines, and length in the file.
    _places: list[tuple[int, int, int]] = field(default_factory=list)

    def pieces(self) -> Iterator[Piece]:
        self.file.seek(0)
        for first_line, line_count, length in self._places:
            yield Piece(first_line, line_count, self.file.read(length))

    def _keep(self, lines: list[bytes]) -> None:
        """Write lines as a piece. A line that was cut because of its length gets its end back, and stays too long."""
        text = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        self._places.append((self.lines + 1, len(lines), self.file.write(zlib.compress(text, 1))))
        self.lines += len(lines)


@contextlib.contextmanager
def body_received(stream: BinaryIO, *, length: int | None, gzipped: bool, hasher: Any) -> Iterator[Body]:
    """The body in `stream`, read to its end; `length` is what the sender announced, `hasher` is fed what came.

    Raises BrokenOff, InvalidInput for what is no gzip or has no line, TooLarge beyond the limits of the settings.
    """
    if (length or 0) > _most_bytes():
        raise _too_large()
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        body = Body(file)
        came: Any = io.BufferedReader(_Received(stream, length, hasher), 2**16)
        with _telling_bad_gzip():
            _read(_Metered(gzip.GzipFile(fileobj=came) if gzipped else came), body)
        if not body.lines:
            raise InvalidInput("The body is empty: it has a session record in each line.")
        yield body


def _read(stream: "_Metered", body: Body) -> None:
    lines: list[bytes] = []
    held = 0
    for _, line in cut_lines(stream):  # type: ignore[arg-type]
        if body.lines + len(lines) >= settings.INGEST_MAX_LINES:
            raise TooLarge(f"The body has more than {settings.INGEST_MAX_LINES:,} lines: send it in parts.")
        lines.append(line)
        held += len(line)
        if len(lines) >= BATCH or held >= PIECE_BYTES:
            body._keep(lines)
            lines, held = [], 0
    if lines:
        body._keep(lines)
    body.size = stream.size


class _Received(io.RawIOBase):
    """What comes from the network, counted and hashed."""

    def __init__(self, stream: BinaryIO, length: int | None, hasher: Any) -> None:
        self._stream, self._length, self._hasher = stream, length, hasher
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except Exception as error:  # each server has its own for a connection that ends
            raise BrokenOff("The body broke off: nothing was taken in.") from error
        if not data and self._size < (self._length or 0):
            raise BrokenOff(f"The body broke off after {self._size} of {self._length} bytes: nothing was taken in.")
        self._size += len(data)
        if self._size > _most_bytes():
            raise _too_large()
        self._hasher.update(data)
        buffer[: len(data)] = data
        return len(data)


class _Metered:
    """What the lines are read from: a little gzip may be very much text."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.size = 0

    def readline(self, size: int) -> bytes:
        line: bytes = self._stream.readline(size)
        self.size += len(line)
        if self.size > _most_bytes():
            raise _too_large()
        return line


@contextlib.contextmanager
def _telling_bad_gzip() -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise BrokenOff("The body's gzip ends before its end: nothing was taken in.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(f"The body is not valid gzip ({error}): nothing was taken in.") from error


def _most_bytes() -> int:
    return settings.INGEST_MAX_MB * 2**20


def _too_large() -> TooLarge:
    return TooLarge(f"The body is longer than {settings.INGEST_MAX_MB} MiB of text: send it in parts.")
