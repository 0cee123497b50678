"""Ten thousand lines that something went wrong with: each is answered on every road, the good ones are kept."""

import hashlib
import io
import json
import random
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pydantic_core import from_json

from sessions.ingest.receive import body_received
from sessions.models import AISession
from sessions.records import read_lines
from tests.conftest import Cast
from tests.factories import record
from tests.sessions.ingest_bodies import results, send, sent, worked

LINES = 10_000
Mutation = Callable[[random.Random, dict[str, Any]], bytes]
PLACES = ("status", "title", "client", "technician", "started_at", "steps", "psa", "flow", "transcript")
WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    "",
    " ",
    "x" * 500,
    [],
    {},
    [[]],
    {"a": {}},
    10**400,
    "\x00",
    "2026-13-01",
)


def dumped(obj: Any) -> bytes:
    return json.dumps(obj, ensure_ascii=False).encode("utf-8", "surrogatepass")


def cut(rng: random.Random, obj: dict[str, Any]) -> bytes:
    raw = dumped({**obj, "title": "Zürich ↯ 🖨"})
    return raw[: rng.randrange(1, len(raw))]


def one_byte(rng: random.Random, obj: dict[str, Any]) -> bytes:
    raw = bytearray(dumped(obj))
    raw[rng.randrange(len(raw))] = rng.choice([b for b in range(256) if b not in b"\r\n"])
    return bytes(raw)


def wrong_type(rng: random.Random, obj: dict[str, Any]) -> bytes:
    return dumped({**obj, rng.choice(PLACES): rng.choice(WRONG)})


def in_a_step(rng: random.Random, obj: dict[str, Any]) -> bytes:
    name = rng.choice(("kind", "prompt", "options", "response", "at", "other"))
    return dumped({**obj, "steps": [{"kind": "note", "prompt": "x", name: rng.choice(WRONG)}]})


def escaped(rng: random.Random, obj: dict[str, Any]) -> bytes:
    """NUL, lone surrogates and the like, as escapes of JSON."""
    bad = rng.choice((rb"\u0000", rb"\ud800", rb"\udc00\ud800", rb"\u001b", rb"\uZZZZ", rb"\x00"))
    return dumped({**obj, "title": "HERE"}).replace(b"HERE", bad)


def no_number(rng: random.Random, obj: dict[str, Any]) -> bytes:
    number = rng.choice((b"NaN", b"Infinity", b"-Infinity", b"1e999999", b"9" * 5_000, b"-0", b"01", b"0x1"))
    return dumped({**obj, "flow": {"key": "vpn", "version": "HERE"}}).replace(b'"HERE"', number)


def deep(rng: random.Random, obj: dict[str, Any]) -> bytes:
    depth = rng.choice((50, 200, 10_000))
    opens, closes = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return dumped({**obj, "title": "HERE"}).replace(b'"HERE"', opens * depth + b"1" + closes * depth)


def twice(rng: random.Random, obj: dict[str, Any]) -> bytes:
    name = rng.choice(PLACES[:4])
    return dumped(obj)[:-1] + b", " + dumped({name: rng.choice(WRONG[:7])})[1:]


def no_object(rng: random.Random, obj: dict[str, Any]) -> bytes:
    return rng.choice(
        (b"[]", b"null", b"5", b'"x"', b"{}", b"[" + dumped(obj) + b"]", dumped(obj) * 2, b"\xff\xfe{\x00}")
    )


def harmless(rng: random.Random, obj: dict[str, Any]) -> bytes:
    """Odd, but a record."""
    raw = dumped({**obj, "title": rng.choice(("\u2028\u2029", "🖨" * 30, "\u0085", "a\tb", "")), "client": "Ünïcode"})
    return rng.choice((b"\xef\xbb\xbf" + raw, raw + b"\r", b" \t" + raw + b"  ", raw))


MUTATIONS: tuple[Mutation, ...] = (
    cut, one_byte, wrong_type, in_a_step, escaped, no_number, deep, twice, no_object,
)  # fmt: skip


def lines_of(seed: int = 1, count: int = LINES) -> tuple[list[bytes], set[str]]:
    """The lines, and the ids of those that are records whatever happens."""
    rng = random.Random(seed)
    times = {"started_at": "2026-03-01T09:00:00Z", "ended_at": "2026-03-01T09:20:00+00:00"}
    lines: list[bytes] = []
    good: set[str] = set()
    for number in range(count):
        obj = record(f"F-{number}", **times, steps=[{"kind": "note", "prompt": "Looked at it"}])
        if rng.random() < 0.4:
            lines.append(harmless(rng, obj))
            good.add(f"F-{number}")
        elif number % 97 == 0:
            lines.append(rng.choice((b"", b" ", b"\r")))
        else:
            lines.append(rng.choice(MUTATIONS)(rng, obj))
    # Those that are far too long lie further apart than the body of a list is long.
    for number in (3, count // 2):
        lines[number] = dumped(record(f"huge-{number}", title="x" * 10 * 2**20))
        good.discard(f"F-{number}")
    assert not any(b"\n" in line for line in lines)
    return lines, good


def blank(line: bytes) -> bool:
    return not line.removeprefix(b"\xef\xbb\xbf").strip()


def test_ten_thousand_lines_by_a_job_and_by_the_import(cast: Cast, api: Any, tmp_path: Path) -> None:
    lines, good = lines_of()
    client, raw = api(cast.bob), b"\n".join(lines)
    job = worked(sent(client, raw))
    found = results(client, job)
    assert (job.state, job.error) == ("done", "")
    assert [one["line"] for one in found] == [n for n, line in enumerate(lines, 1) if not blank(line)]
    assert {one["external_id"] for one in found if one["outcome"] == "imported"} >= good
    assert all(bool(one["errors"]) == (one["outcome"] == "bad") for one in found)
    outcomes = Counter(one["outcome"] for one in found)
    assert min(len(good), outcomes["bad"]) > LINES / 4, "both kinds are there in numbers"
    kept = set(AISession.objects.filter(account=cast.account).values_list("external_id", flat=True))
    assert kept == {one["external_id"] for one in found if one["outcome"] != "bad"}
    # The import command says the same of each.
    path, out, err = tmp_path / "fuzzed.jsonl", io.StringIO(), io.StringIO()
    path.write_bytes(raw)
    call_command("import_sessions", str(path), "--account", "contoso", stdout=out, stderr=err)
    words = ", ".join(f"{outcomes[name]} {name}" for name in ("imported", "unchanged", "updated", "bad"))
    assert out.getvalue() == f"Contoso IT: {words}.\n"
    assert set(AISession.objects.filter(account=cast.other_account).values_list("external_id", flat=True)) == kept


def test_the_lists_of_the_api_answer_each_too(cast: Cast, api: Any) -> None:
    """A list is one JSON text: what breaks it is refused whole, and anything else in its place."""
    lines, good = lines_of(seed=2, count=1_500)
    client = api(cast.bob)
    whole, broken = [], []
    for line in filter(None, map(bytes.strip, lines)):
        try:
            from_json(line, allow_inf_nan=False)
            whole.append(line)
        except ValueError:
            broken.append(line)
    for start in range(0, len(whole), 250):
        part = whole[start : start + 250]
        response = client.post("/api/v1/sessions/", b"[" + b",".join(part) + b"]", content_type="application/json")
        assert response.status_code in (200, 201), response.content[:300]
        assert len(response.json()["results"]) == len(part)
    kept = set(AISession.objects.values_list("external_id", flat=True))
    # A byte order mark stands before a file's text, not within one.
    assert kept >= {f"F-{n}" for n, line in enumerate(lines) if f"F-{n}" in good and line.strip() in whole}
    assert len(kept) > 300
    for line in broken[::7]:
        response = client.post("/api/v1/sessions/", b"[" + line + b"]", content_type="application/json")
        assert response.status_code == 400
    assert len(broken) > 300


@pytest.mark.parametrize("seed", range(3))
def test_bodies_of_noise_are_answered(cast: Cast, api: Any, seed: int) -> None:
    """Bytes of any kind: as lines, and as what is said to be gzip."""
    rng = random.Random(seed)
    noise = rng.randbytes(200_000)
    job = worked(sent(api(cast.bob), noise))
    assert (job.state, job.imported, job.bad > 100) == ("done", 0, True)
    response = api(cast.bob).post(
        "/api/v1/ingest-jobs/", noise, content_type="application/x-ndjson", headers={"Content-Encoding": "gzip"}
    )
    assert response.status_code == 400
    assert send(api(cast.bob), noise, zipped=True).status_code == 202


class Wire(io.RawIOBase):
    """A body of lines of 10 MB that is made while it is read."""

    def __init__(self, lines: int) -> None:
        self.reads = iter(([b"x" * 2**16] * 159 + [b"\n"]) * lines)

    def read(self, size: int = -1) -> bytes:
        return next(self.reads, b"")


def peak_of(lines: int) -> int:
    """The most memory in bytes that receiving and reading so many lines took at once."""
    tracemalloc.start()
    try:
        wire: Any = Wire(lines)
        with body_received(wire, length=None, gzipped=False, hasher=hashlib.sha256()) as body:
            read = [
                line for p in body.pieces() for line in read_lines(io.BytesIO(zlib.decompress(p.body)), p.first_line)
            ]
        assert [(line.number, line.record) for line in read] == [(number, None) for number in range(1, lines + 1)]
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_that_of_a_line_however_many_come() -> None:
    small, large = peak_of(3), peak_of(30)
    assert large < 1.2 * small, f"{small / 1e6:.0f} MB for 3 lines of 10 MB, {large / 1e6:.0f} MB for 30"
