"""Hooks of Schemathesis: requests are about rows that are there, and every answer is counted.

What no schema can tell is mended: `tests/contract/sense.py`. Loaded by the `st` process, which learns from its
environment where to find rows (`FUZZ_URL`, `FUZZ_KEY`, `FUZZ_ROWS`) and where to write the counts (`FUZZ_COUNTS`).
"""

import atexit
import json
import os
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import httpx
import schemathesis

from tests.contract.sense import Sense

URL, KEY = os.environ["FUZZ_URL"], os.environ["FUZZ_KEY"]
COUNTS: dict[str, Counter[str]] = defaultdict(Counter)
_chance = random.Random(1)
_found: dict[str, list[dict[str, Any]]] = {}


def found(collection: str) -> list[dict[str, Any]]:
    """Rows of a collection such as `/api/v1/flows/`, as they stood at its first use."""
    if collection not in _found:
        answer = httpx.get(f"{URL}{collection}?page_size=500", headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
        rows = answer.json().get("results", []) if answer.status_code == 200 else []
        _found[collection] = [row for row in rows if isinstance(row, dict) and "id" in row]
    return _found[collection]


_sense = Sense(json.loads(os.environ["FUZZ_ROWS"]), found, _chance)


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


@atexit.register
def write_counts() -> None:
    Path(os.environ["FUZZ_COUNTS"]).write_text(json.dumps({name: dict(found) for name, found in COUNTS.items()}))
