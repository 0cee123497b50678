"""`manage.py import_sessions`: counts, bad lines, exits, and memory that does not grow with the file."""

import io
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from flowpilot.accounts.models import Account
from sessions.ingest import lines
from sessions.ingest.store import IngestResult
from sessions.models import AISession
from sessions.records import SessionRecord
from tests.conftest import Cast
from tests.factories import make_flow, record


def run(file: str | Path, *options: str) -> tuple[str, list[str]]:
    """What the command wrote to standard output, and the lines of standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command("import_sessions", str(file), *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue().splitlines()


def write(path: Path, *objects: Any) -> Path:
    path.write_bytes(b"".join(o if isinstance(o, bytes) else json.dumps(o).encode() + b"\n" for o in objects))
    return path


def test_counts_of_a_first_and_a_second_import(cast: Cast, tmp_path: Path) -> None:
    one, two, three = record("A"), record("B"), record("C")
    assert run(write(tmp_path / "s.jsonl", one, two), "--account", "northwind") == (
        "Northwind MSP: 2 imported, 0 unchanged, 0 updated, 0 bad.\n",
        [],
    )
    path = write(tmp_path / "s.jsonl", one, {**two, "title": "Changed"}, b"{\n", three)
    assert run(path, "--account", "northwind")[0] == "Northwind MSP: 1 imported, 1 unchanged, 1 updated, 1 bad.\n"
    assert set(AISession.objects.values_list("account", "external_id")) == {
        (cast.account.pk, "A"),
        (cast.account.pk, "B"),
        (cast.account.pk, "C"),
    }


def test_bad_lines_are_told_by_number_field_and_reason(cast: Cast, tmp_path: Path) -> None:
    make_flow(cast.account)
    path = write(
        tmp_path / "s.jsonl",
        record("A"),
        b'{"external_id": "B"\n',
        b"\n",
        record("C", status="done", steps=[{"kind": "note"}]),
        record("D", flow="nowhere"),
        record("E"),
    )
    out, err = run(path, "--account", "northwind")
    assert out == "Northwind MSP: 2 imported, 0 unchanged, 0 updated, 3 bad.\n"
    assert err == [
        "line 2: record: is not valid JSON: it ends while parsing an object at column 19",
        "line 4: status: must be 'active', 'paused', 'resolved', 'escalated' or 'abandoned'",
        "line 4: steps/0/prompt: is missing",
        "line 5: flow/key: no flow of this account has the key 'nowhere'",
    ]


def test_a_later_line_of_one_id_updates_the_earlier(cast: Cast, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", record("A", title="Old"), record("B"), record("A", title="New"))
    assert run(path, "--account", "northwind")[0] == "Northwind MSP: 2 imported, 0 unchanged, 1 updated, 0 bad.\n"
    assert AISession.objects.get(external_id="A").title == "New"


def test_many_bad_lines_are_counted_and_some_shown(cast: Cast, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", *[b"{\n"] * 50)
    out, err = run(path, "--account", "northwind", "--max-errors", "3")
    assert "50 bad" in out
    assert len(err) == 4
    assert err[-1] == "Further bad lines are counted, not shown (--max-errors shows more)."


def test_strict_keeps_the_good_lines_and_fails(cast: Cast, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", record("A"), b"nonsense\n")
    with pytest.raises(CommandError, match=r"1 bad lines \(--strict\)") as caught:
        run(path, "--account", "northwind", "--strict")
    assert caught.value.returncode == 1
    assert AISession.objects.count() == 1
    assert run(write(tmp_path / "t.jsonl", record("B")), "--account", "northwind", "--strict")[0]


def test_standard_input(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(record("A")).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert "1 imported" in run("-", "--account", "northwind")[0]


def test_an_empty_file(cast: Cast, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl")
    assert run(path, "--account", "northwind")[0] == "Northwind MSP: 0 imported, 0 unchanged, 0 updated, 0 bad.\n"


def test_files_that_cannot_be_read(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.jsonl: No such file or directory"):
        run(tmp_path / "missing.jsonl", "--account", "northwind")
    with pytest.raises(CommandError, match="Is a directory"):
        run(tmp_path, "--account", "northwind")


def test_an_account_that_is_not_there(cast: Cast, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", record("A"))
    with pytest.raises(CommandError, match=r"no account has the slug 'acme' \(there are: contoso, northwind\)"):
        run(path, "--account", "acme")
    out, _ = run(path, "--account", "acme", "--create-account", "Acme IT")
    assert out == "Acme IT: 1 imported, 0 unchanged, 0 updated, 0 bad.\n"
    assert Account.objects.get(slug="acme").name == "Acme IT"
    assert "1 unchanged" in run(path, "--account", "acme", "--create-account", "Acme IT")[0]
    with pytest.raises(CommandError, match="slug"):
        run(path, "--account", "not a slug", "--create-account", "Acme IT")


def test_an_account_is_not_made_for_a_file_that_cannot_be_read(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "missing.jsonl", "--account", "acme", "--create-account", "Acme IT")
    assert not Account.objects.filter(slug="acme").exists()


def peak_of_import(path: Path, count: int) -> int:
    """The most memory in bytes that importing `count` new records took at once."""
    with path.open("w") as file:
        for n in range(count):
            file.write(json.dumps(record(f"{count}-{n}")) + "\n")
    tracemalloc.start()
    try:
        assert f"{count} imported" in run(path, "--account", "northwind")[0]
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@override_settings(DEBUG=False)
def test_memory_does_not_grow_with_the_file(cast: Cast, tmp_path: Path) -> None:
    peak_of_import(tmp_path / "warm.jsonl", 600)
    small, large = (peak_of_import(tmp_path / f"{n}.jsonl", n) for n in (1_000, 5_000))
    assert large < 1.5 * small, f"{small / 1e6:.1f} MB for 1,000 records, {large / 1e6:.1f} MB for 5,000"


def test_memory_of_reading_does_not_grow_with_twenty_thousand(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader and the batches by themselves, which is quick enough for a long file."""

    def counted(*, records: list[SessionRecord], **_: Any) -> list[IngestResult]:
        return [IngestResult(one.external_id, "imported") for one in records]

    monkeypatch.setattr(lines, "sessions_ingest", counted)
    small, large = (peak_of_import(tmp_path / f"{n}.jsonl", n) for n in (2_000, 20_000))
    assert large < 1.5 * small, f"{small / 1e6:.1f} MB for 2,000 records, {large / 1e6:.1f} MB for 20,000"
