"""Tickets that come up again: a problem that was taken for solved gets another session on the same ticket."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

REOPENED_WITHIN = timedelta(days=14)
#: The chance that a session whose client had the same problem solved in that time goes on with that ticket.
_SHARE = 0.07


def with_reopened(records: Iterable[dict[str, Any]], *, seed: int) -> Iterator[dict[str, Any]]:
    """The records in their order; some take over the ticket of an earlier resolved session of the same client and
    problem domain, which ended at most REOPENED_WITHIN before they start."""
    rng = Random(f"{seed} reopened")  # noqa: S311
    solved: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        problem = (record["client"], record["problem_domain"] or "")
        earlier = solved.get(problem)
        again = rng.random() < _SHARE
        if earlier and again and problem[1]:
            waited = _time(record["started_at"]) - _time(earlier["ended_at"])
            if timedelta() < waited <= REOPENED_WITHIN:
                record = {**record, "psa": earlier["psa"]}
                del solved[problem]
        if record["status"] == "resolved":
            solved[problem] = record
        yield record


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
