"""The two commands: files in, files out, every fault told in a sentence."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from proposals.mining import Record
from tests.proposals.mining_cases import network_talks, printer_talks, turns_of


def as_line(record: Record) -> str:
    turns = [{"role": turn.role, "text": turn.text} for turn in turns_of(record)]
    return json.dumps({"external_id": record.key, "status": record.status, "transcript": turns})


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    path = tmp_path / "sessions.jsonl"
    path.write_text("\n".join(as_line(record) for record in network_talks() + printer_talks()))
    return path


def run(*args: object, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*map(str, args), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_mines_and_replays(sessions: Path, tmp_path: Path) -> None:
    flows, replays = tmp_path / "flows.json", tmp_path / "replays.json"
    _, told = run("mine_flows", sessions, output=str(flows))
    assert "30 sessions read, 2 flows mined" in told
    mined = json.loads(flows.read_text())["flows"]
    assert {len(flow["sessions"]) for flow in mined} == {18, 12}
    run("replay_sessions", flows, sessions, output=str(replays))
    rows = json.loads(replays.read_text())["replays"]
    assert len(rows) == 30
    assert all(row["resolution"] in row["path"] for row in rows)


def test_writes_to_stdout_and_reads_from_stdin(sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(sessions.read_text()))
    out, _ = run("mine_flows", "-")
    assert len(json.loads(out)["flows"]) == 2


def test_bad_lines_are_told_and_passed_over_unless_strict(sessions: Path, tmp_path: Path) -> None:
    sessions.write_text(sessions.read_text() + '\n{"external_id": "x"\n{"external_id": "y"}\n')
    _, told = run("mine_flows", sessions, output=str(tmp_path / "out.json"))
    assert "line 31: not JSON" in told
    assert "line 32: steps: missing" in told
    with pytest.raises(CommandError, match="2 bad lines"):
        run("mine_flows", sessions, output=str(tmp_path / "out.json"), strict=True)


def test_faults_are_told_in_a_sentence(sessions: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no file"):
        run("mine_flows", tmp_path / "none.jsonl")
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(CommandError, match="holds no usable session record"):
        run("mine_flows", empty)
    with pytest.raises(CommandError, match="cannot be written"):
        run("mine_flows", sessions, output=str(tmp_path / "no" / "dir.json"))
    with pytest.raises(CommandError, match="is not JSON"):
        run("replay_sessions", sessions, sessions)
    odd = tmp_path / "odd.json"
    odd.write_text('{"flows": [{"key": "a"}]}')
    with pytest.raises(CommandError, match=r"flows\[0\]\.definition"):
        run("replay_sessions", odd, sessions)
    with pytest.raises(CommandError, match="Only one"):
        run("replay_sessions", "-", "-")
