"""Session records read from JSON: what fits is kept, what does not is told by field."""

from typing import Any

import pytest

from proposals.mining import BadRecord, Record, record_from_json
from proposals.mining.jsonl import BadLine, read_records


def test_reads_steps_with_their_places() -> None:
    record = record_from_json(
        {
            "external_id": "T-1",
            "status": "escalated",
            "title": " Printer ",
            "unknown": 1,
            "steps": [
                {"kind": "note", "prompt": "Called back."},
                {"prompt": "Jam?", "options": ["Yes", " ", "No"], "selected_option": "No", "response": None},
            ],
        }
    )
    assert (record.key, record.status, record.title, record.problem_domain) == ("T-1", "escalated", "Printer", None)
    step = record.steps[1]
    assert (step.kind, step.index, step.options, step.answer) == ("question", 1, ("Yes", "No"), "No")


@pytest.mark.parametrize(
    ("obj", "told"),
    [
        ([], "a session record is a JSON object"),
        ({"steps": []}, "external_id: missing"),
        ({"external_id": 7, "steps": []}, "external_id: expected a text, got int"),
        ({"external_id": "a"}, "steps: missing"),
        ({"external_id": "a", "steps": {}}, "steps: expected a list, got dict"),
        ({"external_id": "a", "steps": [1]}, "steps[0]: expected an object, got int"),
        ({"external_id": "a", "steps": [{"kind": "joke"}]}, "steps[0].kind: expected one of question"),
        ({"external_id": "a", "steps": [{"prompt": 3}]}, "steps[0].prompt: expected a text, got int"),
        ({"external_id": "a", "steps": [{"options": [1]}]}, "steps[0].options: expected a list of texts"),
        ({"external_id": "a", "transcript": [{"role": "bot"}]}, "transcript[0].role: expected user or agent"),
    ],
)
def test_tells_the_field_that_does_not_fit(obj: Any, told: str) -> None:
    with pytest.raises(BadRecord) as caught:
        record_from_json(obj)
    assert str(caught.value).startswith(told)


def test_bad_lines_are_told_and_the_good_ones_kept() -> None:
    lines = ['{"external_id": "a", "steps": []}', "", "{oops", '{"external_id": "a", "steps": []}', "[" * 100_000]
    read = list(read_records(lines))
    bad = [item for item in read if isinstance(item, BadLine)]
    assert [item.key for item in read if isinstance(item, Record)] == ["a"]
    assert [item.number for item in bad] == [3, 4, 5]
    assert "same as in line 1" in bad[1].reason
