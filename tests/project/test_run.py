"""`make run`'s program: from an empty folder to the first page, and everything gone after Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from flowpilot.up import port_problem
from tests.processes import BASE_DIR, PYTHON, bare_environment, processes_naming


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PYTHON, "-m", "flowpilot.embedded", "--dir", str(folder), PYTHON, "-m", "flowpilot.up"],
        env=bare_environment(PORT=str(port), SAMPLE_SESSIONS="60", WEB_CONCURRENCY="1", PYTHONUNBUFFERED="1"),
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], text: str, timeout: float = 180) -> str:
    assert process.stdout
    seen, deadline = "", time.monotonic() + timeout
    while text not in seen:
        assert time.monotonic() < deadline, seen
        line = process.stdout.readline()
        assert line, f"it ended before saying {text!r}:\n{seen}"
        seen += line
    return seen


def test_it_comes_up_keeps_its_data_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for number in (1, 2):
        port = free_port()
        process = start(tmp_path, port)
        try:
            said = read_until(process, "Ctrl-C stops everything")
            assert ("60 sessions loaded" in said) == (number == 1)
            assert f"http://localhost:{port}/admin/proposals/flowproposal/" in said
            for role in ("owner", "team_admin", "technician", "analyst", "service"):
                assert re.search(rf"^ +{role} +\S+@northwind.example$", said, re.MULTILINE)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=10) as page:
                assert page.status == 200
            second = start(tmp_path, free_port())
            told, _ = second.communicate(timeout=60)
            assert second.returncode == 1
            assert "running from this folder already" in told
        finally:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
            rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0, rest
        assert processes_naming(str(tmp_path)) == []


def test_a_taken_port_says_so_and_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, port)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in said
    assert "make run PORT=" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    assert "is not a port number" in port_problem("127.0.0.1", port)


@pytest.mark.parametrize(
    ("urls", "told"),
    [
        (
            {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x", "REDIS_URL": os.environ.get("REDIS_URL", "")},
            "PostgreSQL",
        ),
        ({"DATABASE_URL": os.environ.get("DATABASE_URL", ""), "REDIS_URL": "redis://127.0.0.1:1/0"}, "Redis"),
    ],
)
def test_a_server_that_is_away_is_named(urls: dict[str, str], told: str, tmp_path: Path) -> None:
    env = bare_environment(PORT=str(free_port()), VAR_DIR=str(tmp_path), **urls)
    done = subprocess.run(
        [PYTHON, "-m", "flowpilot.up"], env=env, cwd=BASE_DIR, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{told}: ")
    assert "Traceback" not in done.stderr
