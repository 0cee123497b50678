"""`make fuzz`: what comes of requests that the schema allows, and of such that it does not, thousands of each.

    python -m flowpilot.embedded --temporary python -m tests.contract.fuzz [--cases 500] [--only REGEX] [--summary FILE]

migrates an empty database, fills one account, starts the web server, and lets Schemathesis call every operation with an
owner's key: no 5xx, no status that is not documented, no answer that its schema does not allow, nothing wrong taken and
nothing right refused. Writes what was answered how often, and each failure, as Markdown. Exit code 1 with a failure.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from tests.contract.seed import Seeded

BASE_DIR = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Found:
    """What a run found: answers by operation and status, and failures as `(operation, text)`."""

    counts: dict[str, dict[str, int]]
    failures: list[tuple[str, str]]
    output: str
    code: int


def fuzz(url: str, seeded: "Seeded", cases: int, folder: Path, *options: str) -> Found:
    """Call every operation of the server at `url` at least `cases` times, unless it has fewer ways to be called."""
    report, counts = folder / "report.xml", folder / "counts.json"
    command = [
        str(BIN / "st"), "--config-file", "tests/contract/schemathesis.toml", "run", f"{url}/api/v1/schema/",
        "--url", f"{url}/", "--header", f"Authorization: Bearer {seeded.key}",
        "--max-examples", str(cases), "--checks", "all", "--generation-deterministic", "--continue-on-failure",
        "--no-color", "--suppress-health-check", "all", "--report-junit-path", str(report), "--request-timeout", "60",
        *options,
    ]  # fmt: skip
    told = {"FUZZ_URL": url, "FUZZ_KEY": seeded.key, "FUZZ_COUNTS": str(counts)}
    told["FUZZ_ROWS"] = json.dumps(seeded.rows)
    told["SCHEMATHESIS_HOOKS"] = "tests.contract.calls"
    done = subprocess.run(
        command, cwd=BASE_DIR, env={**os.environ, **told}, capture_output=True, text=True, check=False
    )
    return Found(
        json.loads(counts.read_text()) if counts.exists() else {},
        list(failures(report)) if report.exists() else [],
        done.stdout + done.stderr,
        done.returncode,
    )


def failures(report: Path) -> Iterator[tuple[str, str]]:
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        for kind in ("failure", "error"):
            for one in case.iter(kind):
                yield case.get("name", ""), (one.get("message") or "") + (one.text or "")


def summary(found: Found, cases: int, seconds: float) -> str:
    """As Markdown: the answers of each operation, then the failures."""
    requests = sum(sum(counts.values()) for counts in found.counts.values())
    lines = [
        "# What the fuzzer found",
        "",
        f"{cases} cases an operation asked for.",
        f"{requests:,} requests in {seconds / 60:.0f} minutes, {len(found.failures)} failures.",
        "",
        "| operation | requests | answers |",
        "|---|---|---|",
    ]
    for name, counts in sorted(found.counts.items()):
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(counts.items()))
        lines.append(f"| `{name}` | {sum(counts.values()):,} | {told} |")
    for name, text in found.failures:
        lines += ["", f"## {name}", "", *(f"    {line}" for line in text.strip().splitlines())]
    return "\n".join(lines) + "\n"


@contextmanager
def server() -> Iterator[str]:
    """FlowPilot's web server as the Procfile starts it, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PLAIN_STATIC": "1", "API_REQUESTS_PER_MINUTE": "0", "PORT": str(port)}
    command = [
        str(BIN / "gunicorn"), "flowpilot.wsgi", "--config", "python:flowpilot.web", "--bind", f"127.0.0.1:{port}",
        "--workers", "2", "--threads", "4", "--no-control-socket",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=subprocess.DEVNULL)
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
    parser.add_argument("--summary", type=Path, default=BASE_DIR / "var" / "fuzz.md")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowpilot.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from tests.contract.seed import seed

    seeded = seed(proposals=min(500, 4 * options.cases))
    only = ["--include-name-regex", options.only] if options.only else []
    started = time.monotonic()
    with server() as url, tempfile.TemporaryDirectory() as folder:
        found = fuzz(url, seeded, options.cases, Path(folder), *only)
    options.summary.parent.mkdir(parents=True, exist_ok=True)
    options.summary.write_text(summary(found, options.cases, time.monotonic() - started))
    sys.stdout.write(found.output)
    sys.stdout.write(f"{options.summary}: {len(found.failures)} failures\n")
    return 1 if found.failures or found.code else 0


if __name__ == "__main__":
    sys.exit(main())
