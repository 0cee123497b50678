"""`make fuzz`: what comes of requests that the schema allows, and of such that it does not, thousands of each.

    python -m flowpilot.embedded --temporary python -m tests.contract.fuzz [--cases 500] [--only REGEX] [--summary FILE]

migrates an empty database, fills one account, starts the web server, and lets Schemathesis call every operation with an
owner's key: no 5xx, no status that is not documented, no answer that its schema does not allow, nothing wrong taken and
nothing right refused. Writes what was answered how often, and each failure, as Markdown, group by group and every few
seconds: a run that is broken off leaves what it found. Exit code 1 with a failure.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.contract.summary import Found, Summary

if TYPE_CHECKING:
    from tests.contract.seed import Seeded

BASE_DIR = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
METHODS = ("get", "post", "put", "patch", "delete")
LOOK_EVERY = 5.0  # seconds
BROKEN_OFF = "The run itself"


def fuzz(
    url: str,
    seeded: "Seeded",
    cases: int,
    folder: Path,
    *options: str,
    progress: Callable[[Found], Any] = lambda found: None,
) -> Found:
    """Call every operation of the server at `url`, in the phase of fuzzing `cases` times.

    `progress` is told every few seconds what was found so far, also where this is broken off. An end of Schemathesis
    that no failure explains is a failure of `BROKEN_OFF`.
    """
    from django.db import connection

    path, output = folder / "found.json", folder / "output.txt"
    path.unlink(missing_ok=True)
    command = [
        str(BIN / "st"), "--config-file", "tests/contract/schemathesis.toml", "run", f"{url}/api/v1/schema/",
        "--url", f"{url}/", "--header", f"Authorization: Bearer {seeded.key}",
        "--max-examples", str(cases), "--checks", "all", "--generation-deterministic", "--continue-on-failure",
        "--no-color", "--suppress-health-check", "all", "--request-timeout", "60", *options,
    ]  # fmt: skip
    told = {"FUZZ_URL": url, "FUZZ_KEY": seeded.key, "FUZZ_FOUND": str(path), "FUZZ_ROWS": json.dumps(seeded.rows)}
    told |= {"FUZZ_ACCOUNT": seeded.cast.account.slug, "FUZZ_DATABASE": str(connection.settings_dict["NAME"])}
    told["SCHEMATHESIS_HOOKS"] = "tests.contract.calls"
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=BASE_DIR, env={**os.environ, **told}, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            while not _ended(process):
                progress(Found.read(path))
        finally:
            process.terminate()
            process.wait()
            progress(Found.read(path))
    found = Found.read(path)
    if process.returncode and not found.failures:
        found.failures.append((BROKEN_OFF, output.read_text()[-10_000:]))
    return found


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK_EVERY)
    except subprocess.TimeoutExpired:
        return False
    return True


def groups(schema: dict[str, Any], only: str) -> dict[str, list[str]]:
    """The operations whose name matches `only`, by their tag."""
    found: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method in set(METHODS) & set(operations):
            label = f"{method.upper()} {path}"
            if re.search(only, label):
                found.setdefault(operations[method]["tags"][0], []).append(label)
    return found


def too_few(labels: list[str], cases: int, found: Found) -> Found:
    """A failure for each operation that was called less than `cases` times."""
    counts = {label: sum(found.counts.get(label, {}).values()) for label in labels}
    return Found({}, [(label, f"Only {count} requests of {cases}") for label, count in counts.items() if count < cases])


@contextmanager
def server(log: IO[str] | int = subprocess.DEVNULL) -> Iterator[str]:
    """FlowPilot's web server as the Procfile starts it, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PLAIN_STATIC": "1",
        "API_REQUESTS_PER_MINUTE": "0",
        "API_KEY_TRIES": "0",
        # No worker runs here, so that every job waits.
        "INGEST_MAX_WAITING": "1000000",
        "PORT": str(port),
    }
    command = [
        str(BIN / "gunicorn"), "flowpilot.wsgi", "--config", "python:flowpilot.web", "--bind", f"127.0.0.1:{port}",
        "--workers", "2", "--threads", "4", "--no-control-socket",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/readyz")
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.fuzz")
    parser.add_argument("--cases", type=int, default=500, help="of each operation (default 500)")
    parser.add_argument("--only", default="", help="operations whose `METHOD /path` matches this expression")
    parser.add_argument(
        "--summary", type=Path, default=BASE_DIR / "var" / "fuzz.md", help="added to; the server's log is beside it"
    )
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowpilot.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from tests.contract.seed import seed

    seeded, summary, failed = seed(), Summary(options.summary), 0
    with (
        options.summary.with_suffix(".log").open("w") as log,
        server(log) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        for name, labels in groups(_schema(url), options.only).items():
            started = time.monotonic()

            def progress(found: Found, labels: list[str] = labels) -> None:
                summary.tell(labels, options.cases, found, ended=False)

            wanted = "|".join(re.escape(label) for label in labels)
            found = fuzz(
                url, seeded, options.cases, Path(folder), "--include-name-regex", f"^({wanted})$", progress=progress
            )
            found += too_few(labels, options.cases, found)
            summary.tell(labels, options.cases, found, ended=True)
            failed += len(found.failures)
            requests = sum(sum(counts.values()) for counts in found.counts.values())
            sys.stdout.write(
                f"{name}: {requests:,} requests in {time.monotonic() - started:.0f} s, {len(found.failures)} failures\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"{options.summary}\n")
    return 1 if failed else 0


def _schema(url: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{url}/api/v1/schema/", headers={"Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


if __name__ == "__main__":
    sys.exit(main())
