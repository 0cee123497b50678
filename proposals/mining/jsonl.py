"""Reading session records from JSON Lines and writing flows and replays as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from proposals.mining.engine import MinedFlow
from proposals.mining.examples import FlowExamples, FlowSource
from proposals.mining.records import BadRecord, Record, record_from_json


@dataclass(frozen=True, slots=True)
class BadLine:
    number: int  # from 1
    reason: str


class BadFlows(ValueError):
    """A file of flows that cannot be read; the message says what is wrong and where."""


def read_records(lines: Iterable[str]) -> Iterator[Record | BadLine]:
    """Each line's record, or why it has none; blank lines are passed over."""
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = record_from_json(json.loads(line))
        except json.JSONDecodeError as error:
            yield BadLine(number, f"not JSON: {error.msg} (column {error.colno})")
        except RecursionError:
            yield BadLine(number, "not JSON: nested too deeply")
        except BadRecord as error:
            yield BadLine(number, str(error))
        else:
            if record.key in seen:
                yield BadLine(number, f"external_id: same as in line {seen[record.key]}")
                continue
            seen[record.key] = number
            yield record


def flows_to_json(flows: Sequence[MinedFlow]) -> dict[str, Any]:
    """The file of flows: definitions with their evidence, and the examples replay reads by."""
    return {
        "flows": [
            {
                "key": f"flow-{number}",
                "title": flow.title,
                "description": flow.description,
                "definition": flow.definition,
                "sessions": flow.sessions,
                "evidence": flow.evidence,
                "option_evidence": flow.option_evidence,
                "masked": flow.masked,
                "examples": flow.examples.to_json(),
            }
            for number, flow in enumerate(flows, 1)
        ]
    }


def flows_from_json(obj: object) -> dict[str, FlowSource]:
    """Key -> flow of a decoded file of flows; raises BadFlows."""
    flows = obj.get("flows") if isinstance(obj, dict) else None
    if not isinstance(flows, list):
        raise BadFlows('expected an object with a list "flows"')
    sources = {}
    for place, flow in enumerate(flows):
        definition = flow.get("definition") if isinstance(flow, dict) else None
        if not isinstance(definition, dict) or not definition.get("nodes"):
            raise BadFlows(f"flows[{place}].definition: missing or without nodes")
        about = f"{flow.get('title') or ''} {flow.get('description') or ''}"
        examples = FlowExamples.from_json(flow.get("examples"))
        sources[str(flow.get("key", place))] = FlowSource(definition, examples, about)
    return sources
