"""Hooks of Schemathesis: requests are about rows that are there, and answers and failures are told as they come.

What no schema can tell is mended: `tests/contract/sense.py`. Loaded by the `st` process, which learns from its
environment where the server is (`FUZZ_URL`), who calls (`FUZZ_KEY`), what parameters may name (`FUZZ_ROWS`), whose rows
they are (`FUZZ_ACCOUNT`), in which database (`FUZZ_DATABASE`), and where to write what was found (`FUZZ_FOUND`).
"""

import atexit
import json
import os
import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import django
import httpx
import schemathesis

URL, KEY = os.environ["FUZZ_URL"], os.environ["FUZZ_KEY"]
FOUND, WRITTEN_EVERY = Path(os.environ["FUZZ_FOUND"]), 2.0  # seconds
COUNTS: dict[str, Counter[str]] = defaultdict(Counter)
# By operation and check; of each the shortest example.
FAILURES: dict[tuple[str, str], str] = {}
_collections: dict[str, list[dict[str, Any]]] = {}
_written = 0.0


def collection(path: str) -> list[dict[str, Any]]:
    """Rows of a collection such as `/api/v1/flows/`, as they stood at its first use."""
    if path not in _collections:
        answer = _get(f"{path}?page_size=500")
        rows = answer.json().get("results", []) if answer.status_code == 200 else []
        _collections[path] = [row for row in rows if isinstance(row, dict) and "id" in row]
    return _collections[path]


def tag(path: str) -> str:
    """The `ETag` that reading an address gives now; "" where there is none."""
    return str(_get(path).headers.get("ETag", ""))


def _get(path: str) -> httpx.Response:
    return httpx.get(f"{URL}{path}", headers={"Authorization": f"Bearer {KEY}"}, timeout=60)


def _make_sense() -> Any:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowpilot.settings")
    django.setup()
    from django.conf import settings

    from tests.contract.sense import Sense
    from tests.contract.supply import Supply

    settings.DATABASES["default"]["NAME"] = os.environ["FUZZ_DATABASE"]
    supply = Supply(os.environ["FUZZ_ACCOUNT"], KEY)
    return Sense(json.loads(os.environ["FUZZ_ROWS"]), collection, tag, supply, random.Random(1))


_sense = _make_sense()


def is_right(case: Any) -> bool:
    return case.meta is not None and bool(case.meta.generation.mode.is_positive)


@schemathesis.hook
def before_call(ctx: Any, case: Any, **kwargs: Any) -> None:
    _sense.make(case, right=is_right(case))


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx: Any, value: Any) -> bytes:
    """A body of lines is any bytes: what is wrong with one of them is told in the job's results."""
    body = value.encode(errors="replace") if isinstance(value, str) else bytes(getattr(value, "data", value))
    # Strings of a binary format are made without regard to their least length.
    return body or (b"{}\n" if is_right(ctx.case) else b"")


@schemathesis.hook
def after_call(ctx: Any, case: Any, response: Any) -> None:
    COUNTS[case.operation.label][str(response.status_code)] += 1
    if time.monotonic() - _written > WRITTEN_EVERY:
        write()


@schemathesis.hook
def after_network_error(ctx: Any, case: Any, request: Any) -> None:
    COUNTS[case.operation.label]["none"] += 1
    _keep(case.operation.label, "no answer", f"No answer\n{request.method} {request.url}\n{request.body!r:.2000}")


@schemathesis.hook
def filter_failure(ctx: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drops none: whatever a check finds is written down at once, so that it outlives a run that is broken off."""
    answer = f"[{response.status_code}] {response.text[:4000]}"
    text = "\n".join((str(failure), answer, case.as_curl_command(headers=dict(response.request.headers))))
    _keep(failure.operation or case.operation.label, failure.title, text)
    return True


def _keep(label: str, title: str, text: str) -> None:
    before = FAILURES.get((label, title))
    if before is None or len(text) < len(before):
        FAILURES[label, title] = text


@atexit.register
def write() -> None:
    global _written
    failures = [[label, text] for (label, _), text in sorted(FAILURES.items())]
    part = FOUND.with_suffix(".part")
    part.write_text(json.dumps({"counts": COUNTS, "failures": failures}))
    part.replace(FOUND)
    _written = time.monotonic()
