"""Hooks of Schemathesis: addresses name rows that are there, half of the time, and every answer is counted.

Loaded by the `st` process, which learns from its environment where to find rows (`FUZZ_URL`, `FUZZ_KEY`) and where to
write the counts (`FUZZ_COUNTS`).
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

URL, KEY = os.environ["FUZZ_URL"], os.environ["FUZZ_KEY"]
COUNTS: dict[str, Counter[str]] = defaultdict(Counter)
_ids: dict[str, list[Any]] = {}
_chance = random.Random(1)


def ids(collection: str) -> list[Any]:
    """Ids of rows of a collection such as `/api/v1/flows/`, as they stood at its first use."""
    if collection not in _ids:
        answer = httpx.get(f"{URL}{collection}", headers={"Authorization": f"Bearer {KEY}"})
        rows = answer.json().get("results", []) if answer.status_code == 200 else []
        _ids[collection] = [row["id"] for row in rows if isinstance(row, dict) and "id" in row]
    return _ids[collection]


@schemathesis.hook
def map_path_parameters(ctx: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    # What is not a number is wrong on purpose, and stays so.
    if not path_parameters or not isinstance(path_parameters.get("id"), int) or _chance.random() < 0.5:
        return path_parameters
    collection = ctx.operation.path.partition("{id}")[0]
    found = ids(collection) or ids(collection.replace("/metrics/", "/"))
    return {**path_parameters, "id": _chance.choice(found)} if found else path_parameters


@schemathesis.hook
def after_call(ctx: Any, case: Any, response: Any) -> None:
    COUNTS[case.operation.label][str(response.status_code)] += 1


@atexit.register
def write_counts() -> None:
    Path(os.environ["FUZZ_COUNTS"]).write_text(json.dumps({name: dict(found) for name, found in COUNTS.items()}))
