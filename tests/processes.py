"""Real processes for tests: their environment, and what is left of them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psutil
from django.conf import settings
from django.db import connection

BASE_DIR = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


def environment(**extra: str) -> dict[str, str]:
    """The environment of a child that works on this test's own database and Redis."""
    database = connection.settings_dict
    host, name = quote(str(database["HOST"]), safe=""), str(database["NAME"])
    urls = {"DATABASE_URL": f"postgresql://{database['USER']}@{host}/{name}", "REDIS_URL": settings.REDIS_URL}
    return {**os.environ, **urls, **extra}


def bare_environment(**extra: str) -> dict[str, str]:
    """The environment without any server's URL, as a newcomer's shell has it."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "VAR_DIR", "PLAIN_STATIC")}
    return {**kept, **extra}


def run(*arguments: str, env: Mapping[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, env=dict(env), cwd=BASE_DIR, capture_output=True, text=True, timeout=timeout, check=False
    )


def processes_naming(text: str) -> list[str]:
    """The command lines of live processes that name `text`, such as a folder of servers."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if text in line and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(line)
    return found
