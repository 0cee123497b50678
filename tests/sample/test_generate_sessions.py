"""`manage.py generate_sessions`."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from flowpilot.sample.generate import generate_sessions
from tests.sample.conftest import UNTIL

COMMAND = "generate_sessions"


def test_writes_the_sessions_as_json_lines(tmp_path: Path) -> None:
    target = tmp_path / "sessions.jsonl"
    until = UNTIL.isoformat()
    call_command(COMMAND, count=40, seed=3, until=until, output=str(target))
    lines = target.read_text("utf-8").splitlines()
    expected = list(generate_sessions(until=UNTIL, count=40, seed=3))
    assert [json.loads(line) for line in lines] == expected


def test_a_date_means_its_evening_and_a_dash_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    call_command(COMMAND, count=500, until="2026-06-30", output="-")
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(records) == 500
    assert records[-1]["started_at"] < "2026-06-30T18:00:00+00:00"
    assert any(record["started_at"].startswith("2026-06-30") for record in records)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"until": "last week"}, "--until: not a date or time: 'last week'"),
        ({"until": "2026-06-30T17:00"}, "--until: needs a time zone"),
        ({"count": -3}, "--count: must not be negative, got -3"),
        ({"output": "/no/such/folder/x.jsonl"}, "--output .*: No such file or directory"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, options: dict[str, object], reason: str) -> None:
    usual = {"count": 5, "until": "2026-06-30", "output": str(tmp_path / "out.jsonl")}
    with pytest.raises(CommandError, match=reason):
        call_command(COMMAND, **{**usual, **options})
