"""docs/integrate.md does what it says: its blocks are run, in their order, against a live server and its worker."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.roles import Role
from flowpilot.flows.models import Flow
from proposals.analysis.run import analyze_account
from proposals.models import FlowProposal
from sessions.ingest.tasks import ingest_account
from sessions.models import AISession
from tests.conftest import Cast

PAGE = Path(__file__).resolve().parents[2] / "docs" / "integrate.md"
SCOPES = ("sessions:read", "sessions:write", "proposals:read", "proposals:decide", "flows:read", "metrics:read")


@contextmanager
def worker(account_id: int) -> Iterator[None]:
    """Does every half second what beat asks a worker for."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.5):
            ingest_account(account_id)
            analyze_account(account_id)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_the_page_does_what_it_says(cast: Cast, live_server: Any, tmp_path: Path) -> None:
    text = PAGE.read_text()
    assert all(f"`{scope}`" in text for scope in SCOPES)
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    # A reader's Python session goes on from block to block, and so does this one.
    commands, program = ([body for kind, body in blocks if kind == wanted] for wanted in ("sh", "python"))
    assert (len(commands), len(program)) == (2, 4)
    _, key = api_key_create(
        actor=cast.olivia, account=cast.account, name="Integration", role=Role.TEAM_ADMIN, scopes=SCOPES
    )
    env = {"PATH": os.environ["PATH"], "FLOWPILOT_URL": live_server.url, "FLOWPILOT_KEY": key}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    first, again = run("bash", "-ec", commands[0]), run("bash", "-ec", commands[0])
    assert first == again
    with worker(cast.account.pk):
        told = run(sys.executable, "-c", "\n".join(program))
    assert "10 imported, 0 bad" in told
    assert AISession.objects.filter(account=cast.account).count() == 11
    [proposal] = FlowProposal.objects.filter(account=cast.account, status="approved")
    assert Flow.objects.get(account=cast.account).title in told
    assert "Has the password of its mailbox changed?" in told
    assert proposal.reviewed_by is not None
    assert json.loads(run("bash", "-ec", commands[1]))["sessions_ended"] == 11
