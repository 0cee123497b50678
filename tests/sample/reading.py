"""Reading generated sessions as an analyst would: from the records alone."""

import re
from collections.abc import Iterable
from typing import Any

from flowpilot.sample.topics import TOPICS

Record = dict[str, Any]


def _pattern(template: str) -> str:
    return re.sub(r"\\{\w+\\}", ".+", re.escape(template))


_TITLES = {topic.key: re.compile(rf"^(?:{'|'.join(map(_pattern, topic.titles))}) \(P[1-4]\)$") for topic in TOPICS}


def topic_of(record: Record) -> str:
    (key,) = [key for key, pattern in _TITLES.items() if pattern.match(record["title"])]
    return key


def steps_of(record: Record) -> list[Record]:
    return record.get("steps") or []


def flow_of(record: Record) -> str | None:
    return record["flow"] and record["flow"]["key"]


def texts_of(record: Record) -> Iterable[str]:
    """Everything written in a record, as a reader sees it."""
    yield from (record["title"], record["problem_summary"], record["resolution_summary"])
    for step in steps_of(record):
        yield from filter(None, (step["prompt"], step["response"], *step["options"]))
    yield from (turn["text"] for turn in record.get("transcript", []))


def share(records: Iterable[Record], status: str) -> float:
    found = [record["status"] == status for record in records]
    return sum(found) / len(found)
