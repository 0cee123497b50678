"""`make run`: bring everything up on one machine, from an empty database to the first page.

Migrates, loads the sample account once, analyses it, starts the Procfile's processes, and tells where to log in. Ctrl-C
stops them all. Expects `DATABASE_URL` and `REDIS_URL`, which `flowpilot.embedded` sets where nobody else did.
"""

import contextlib
import fcntl
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
ANSWER_TIMEOUT_S = 60.0


def main() -> int:
    """Run until interrupted; 0 after Ctrl-C, 1 with a sentence where something is in the way."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowpilot.settings")
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    if problem := port_problem(host, port):
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    with contextlib.ExitStack() as stack:
        if not _only_one(stack):
            print("FlowPilot is running from this folder already: stop it there first (Ctrl-C).", file=sys.stderr)  # noqa: T201
            return 1
        return _run(host, port)


def _only_one(stack: contextlib.ExitStack) -> bool:
    """A second one would add a second beat to the same database; the lock goes with the process."""
    folder = Path(os.environ.get("VAR_DIR", BASE_DIR / "var"))
    folder.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context((folder / "up.lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run(host: str, port: str) -> int:
    from django.db import OperationalError
    from redis.exceptions import RedisError

    try:
        _prepare()
    except OperationalError as error:
        print(f"PostgreSQL: {str(error).strip()}\nIs DATABASE_URL right, and the server up?", file=sys.stderr)  # noqa: T201
        return 1
    except RedisError as error:
        print(f"Redis: {error}\nIs REDIS_URL right, and the server up?", file=sys.stderr)  # noqa: T201
        return 1
    return _serve(f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}")  # noqa: S104


def port_problem(host: str, port: str) -> str:
    """Why the web server could not listen there, and what to do; empty where it can."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return f"PORT={port} is not a port number (1 to 65535)."
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            return (
                f"Cannot listen on {host}:{port}: {error.strerror}. Is FlowPilot running already? "
                f"Stop it, or choose another port: make run PORT={int(port) + 1 if int(port) < 65535 else 8001}"
            )
    return ""


def _prepare() -> None:
    import django

    django.setup()
    from django.core.cache import cache
    from django.core.management import call_command

    cache.get("up")  # Redis first: its absence shows at once, not after a minute of loading.
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("load_sample", "--once")
    call_command("sample_history")
    call_command("analyze")
    call_command("detect_gaps")


def _serve(address: str) -> int:
    from honcho.environ import parse_procfile
    from honcho.manager import Manager

    manager = Manager()
    procfile = parse_procfile((BASE_DIR / "Procfile").read_text())
    # The Procfile's commands live beside this interpreter.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for name, command in procfile.processes.items():
        manager.add_process(name, command, cwd=str(BASE_DIR), env=environment)
    threading.Thread(target=_welcome, args=(address,), daemon=True).start()
    manager.loop()
    # 130 is Ctrl-C: the way one ends this command.
    return 0 if manager.returncode == 130 else int(manager.returncode or 0)


def _welcome(address: str) -> None:
    """Tell where to go, once the pages and the worker answer."""
    from flowpilot.celery import app

    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while time.monotonic() < deadline:
        if _answers(f"{address}/readyz") and app.control.ping(timeout=1):
            print(welcome_text(address), flush=True)  # noqa: T201
            return
        time.sleep(0.2)
    print("The pages or the worker do not answer yet; see the lines above for why.", file=sys.stderr)  # noqa: T201


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
    except (urllib.error.URLError, OSError):
        return False
    return True


def welcome_text(address: str) -> str:
    """The address, the links and the demo log-ins."""
    from flowpilot.sample.cast import PEOPLE
    from flowpilot.sample.management.commands.load_sample import demo_password

    log_ins = "\n".join(f"    {person.role:<12} {person.email}" for person in PEOPLE if person.demo)
    return f"""
  FlowPilot is up:   {address}/
    Review queue     {address}/admin/proposals/flowproposal/
    Dashboard        {address}/admin/analytics/
    API              {address}/api/v1/docs/

  Log in with the password  {demo_password()}  as
{log_ins}

  Ctrl-C stops everything; the data stays in var/.
"""


if __name__ == "__main__":
    sys.exit(main())
