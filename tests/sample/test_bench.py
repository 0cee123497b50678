"""The benches run, at small size, and tell what they measured."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from flowpilot.accounts.models import Account
from flowpilot.sample.generate import generate_sessions
from flowpilot.sample.management.commands.bench_incremental import b_cubed
from proposals.models import SessionAnalysis
from tests.processes import PYTHON, environment, run
from tests.sample.conftest import UNTIL


def told(command: str, *args: str) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out)
    return out.getvalue()


def test_sessions_in_batches_end_in_the_topics_of_all_at_once() -> None:
    text = told("bench_incremental", "--sessions", "400", "--batches", "5", "--orders", "2")
    assert "12 topics at once" in text
    likeness = [float(found) for found in re.findall(r"sessions_b3 (\d\.\d+)", text)]
    assert len(likeness) == 2
    assert min(likeness) >= 0.98


def test_sessions_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "sessions.jsonl"
    lines = [json.dumps(obj) for obj in generate_sessions(until=UNTIL, count=60, seed=1)]
    path.write_text("\n".join(lines), "utf-8")
    assert "sessions_b3" in told("bench_incremental", str(path), "--batches", "3")


def test_shared_dialogs_in_batches(shared: Path) -> None:
    for name in ("flodial", "servicechat"):
        text = told("bench_incremental", str(shared / name / "train.sessions.jsonl"))
        (likeness,) = re.findall(r"sessions_b3 (\d\.\d+)", text)
        assert float(likeness) >= 0.98


@pytest.mark.parametrize("args", [["--batches", "0"], ["--orders", "0"], ["/no/such/file"], ["--sessions", "0"]])
def test_wrong_options_are_told(args: list[str]) -> None:
    with pytest.raises(CommandError):
        told("bench_incremental", *args)


def test_b_cubed_of_known_groupings() -> None:
    same = {"a": 1, "b": 1, "c": 2}
    assert b_cubed(same, {"a": "x", "b": "x", "c": "y"}) == 1
    # Precision 1 (each apart), recall (1/2 + 1/2 + 1) / 3.
    assert b_cubed({"a": 1, "b": 2, "c": 3}, same) == pytest.approx(2 * (2 / 3) / (1 + 2 / 3))


@pytest.mark.django_db
def test_analysis_beside_many_sessions() -> None:
    text = told("bench_analysis", "--sessions", "60", "--flows", "14", "--batch", "20")
    done = re.match(r"(\d+) sessions analysed in [\d.]+ s beside 60 analysed ones and 14 flows", text)
    assert done, text
    assert SessionAnalysis.objects.filter(session__external_id__startswith="new-").count() == int(done[1]) > 10


@pytest.mark.django_db
def test_mining_of_growing_numbers() -> None:
    done = run(PYTHON, "manage.py", "bench_mining", "--sizes", "40", "80", env=environment())
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert len(rows) == 2
    assert all(float(row[3]) > 0 for row in rows)


@pytest.mark.django_db
def test_ingest_beside_copy_and_reads_beside_nothing() -> None:
    """How quick it is is not judged here; what it wrote is gone."""
    done = run(
        PYTHON, "manage.py", "bench_ingest", "--sessions", "20", "--rounds", "1", "--reads", "2", "--yes",
        env=environment(),
    )  # fmt: skip
    for name in ("bare COPY", "import command", "POST sessions/", "POST ingest-jobs/", "an empty view", "flows, one"):
        assert name in done.stdout, done.stderr
    assert done.returncode == 0 or "too slow" in done.stderr
    assert not Account.objects.filter(slug="bench-ingest").exists()
    with pytest.raises(CommandError, match="say --yes if it may"):
        told("bench_ingest")
