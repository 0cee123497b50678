"""Session records: what is wrong is said with its field and in plain words, and the good lines around it are kept."""

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sessions.records import MAX_LINE_BYTES, SessionRecord, read_lines, record_errors, record_from_object

A_TIME = "must be a time with its zone, such as 2026-01-31T09:30:00Z"
STATUSES = "must be 'active', 'paused', 'resolved', 'escalated' or 'abandoned'"


def line(**fields: Any) -> bytes:
    return json.dumps({"external_id": "T-1", "status": "resolved", **fields}).encode()


def step(**fields: Any) -> dict[str, Any]:
    return {"kind": "question", "prompt": "Is it on?", **fields}


def faults(raw: bytes) -> list[tuple[str, str]]:
    """(field, reason) of the one line."""
    [read] = read_lines(BytesIO(raw))
    assert (read.record is None) == bool(read.errors)
    return [(error.field, error.reason) for error in read.errors]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"external_id": 48213}, "external_id", "must be text"),
        ({"external_id": "  "}, "external_id", "must not be blank"),
        ({"external_id": "x" * 201}, "external_id", "is longer than 200 characters"),
        ({"status": "done"}, "status", STATUSES),
        ({"status": None}, "status", STATUSES),
        ({"title": "x" * 301}, "title", "is longer than 300 characters"),
        ({"title": "a\0b"}, "title", "holds the control character U+0000 at position 1"),
        ({"problem_summary": "x" * 20_001}, "problem_summary", "is longer than 20000 characters"),
        ({"technician": "bob"}, "technician", "must be an email address of at most 254 characters"),
        # Its lower case, which is what is kept, is longer than what came.
        ({"technician": "İ" * 200 + "@x.test"}, "technician", "must be an email address of at most 254 characters"),
        ({"Ticket-No": 5}, "Ticket-No", "is not a field of a session record"),
        ({"started_at": "yesterday"}, "started_at", A_TIME),
        ({"started_at": "2026-01-02"}, "started_at", "has no time zone: write it as 2026-01-31T09:30:00Z"),
        ({"started_at": 1_767_312_000}, "started_at", A_TIME),
        ({"started_at": "20260102"}, "started_at", A_TIME),
        ({"started_at": "2026-01-02T09:00:00"}, "started_at", "has no time zone: write it as 2026-01-31T09:30:00Z"),
        ({"started_at": "0001-01-01T00:00:00+05:00"}, "started_at", "must lie in the years 1970 to 2100"),
        ({"ended_at": "9999-12-31T23:59:59-05:00"}, "ended_at", "must lie in the years 1970 to 2100"),
        (
            {"started_at": "2026-01-02T00:00:00Z", "ended_at": "2026-01-02T00:00:00+01:00"},
            "ended_at",
            "is before started_at",
        ),
        ({"steps": "none"}, "steps", "must be a list"),
        ({"steps": ["Is it on?"]}, "steps/0", "must be an object"),
        ({"steps": [step(), {"kind": "question"}]}, "steps/1/prompt", "is missing"),
        ({"steps": [step(prompt=" \n")]}, "steps/0/prompt", "must not be blank"),
        ({"steps": [step(kind="quiz")]}, "steps/0/kind", "must be 'question', 'action', 'script', 'note' or 'help'"),
        ({"steps": [step(options=["Yes", 2])]}, "steps/0/options/1", "must be text"),
        ({"steps": [step(options=["x"] * 51)]}, "steps/0/options", "holds more than 50 items"),
        ({"steps": [step(Answer="x")]}, "steps/0/Answer", "is not a field of a session record"),
        ({"steps": [step(at="noon")]}, "steps/0/at", A_TIME),
        ({"steps": [step()] * 2001}, "steps", "holds more than 2000 items"),
        ({"steps": [], "transcript": []}, "transcript", "comes beside steps: give one of the two"),
        ({"transcript": [{"role": "bot", "text": "x"}]}, "transcript/0/role", "must be 'user' or 'agent'"),
        ({"transcript": [{"role": "user", "text": ""}]}, "transcript/0/text", "must not be blank"),
        ({"flow": 5}, "flow", "must be text"),
        ({"flow": "x" * 101}, "flow", "is longer than 100 characters"),
        ({"flow": "vpn\0"}, "flow", "holds the control character U+0000 at position 3"),
        ({"flow": {"version": 1}}, "flow/key", "is missing"),
        ({"flow": {"key": "vpn", "version": 0}}, "flow/version", "must be 1 or more"),
        ({"flow": {"key": "vpn", "version": 10**30}}, "flow/version", "must be 1000000 or less"),
        ({"flow": {"key": "vpn", "version": "1"}}, "flow/version", "must be a whole number"),
        ({"psa": "connectwise"}, "psa", "must be an object"),
        ({"psa": {"system": "connectwise"}}, "psa/ticket_id", "is missing"),
    ],
)
def test_one_fault_is_one_sentence(fields: dict[str, Any], field: str, reason: str) -> None:
    assert faults(line(**fields)) == [(field, reason)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"external_id": "A", ', "is not valid JSON: it ends while parsing a value at column 20"),
        (line() + b" x", "is not valid JSON: trailing characters at column 46"),
        (b'{"external_id": "A\xff"}', "is not UTF-8 text: byte 0xFF at column 19"),
        ('{"external_id": "A"}'.encode("utf-16"), "is not UTF-8 text: byte 0xFF at column 1"),
        (b'{"external_id": "\\ud800"}', "is not valid JSON: unexpected end of hex escape at column 24"),
        (b'{"external_id": ' + b"[" * 9999 + b"]" * 9999 + b"}", "is not valid JSON: it is nested too deeply"),
        (b"[]", "must be an object"),
        (b"5", "must be an object"),
        (b"null", "must be an object"),
    ],
)
def test_a_line_that_is_no_record_at_all(raw: bytes, reason: str) -> None:
    assert faults(raw) == [("", reason)]


def test_every_fault_of_a_record_is_told() -> None:
    assert faults(b'{"status": "done", "steps": [{}], "colour": "red"}') == [
        ("external_id", "is missing"),
        ("status", STATUSES),
        ("steps/0/kind", "is missing"),
        ("steps/0/prompt", "is missing"),
        ("colour", "is not a field of a session record"),
    ]


def test_good_lines_around_bad_ones_are_kept() -> None:
    raw = b"\n".join([line(external_id="a"), b"{", b"", b"   ", line(external_id="b", title=5), line(external_id="c")])
    read = list(read_lines(BytesIO(raw)))
    assert [(one.number, one.record.external_id if one.record else None) for one in read] == [
        (1, "a"),
        (2, None),
        (5, None),
        (6, "c"),
    ]


def test_byte_order_marks_and_windows_line_ends() -> None:
    raw = b"\xef\xbb\xbf" + line(external_id="a") + b"\r\n" + line(external_id="b") + b"\r\n\r\n"
    assert [one.record.external_id for one in read_lines(BytesIO(raw)) if one.record] == ["a", "b"]


def test_a_line_without_end_is_not_read_into_memory() -> None:
    class Endless(BytesIO):
        longest = 0

        def readline(self, size: int | None = -1) -> bytes:
            got = super().readline(size)
            Endless.longest = max(Endless.longest, len(got))
            return got

    huge = b'{"external_id": "' + b"x" * (2 * MAX_LINE_BYTES + 100) + b'"}'
    raw = line(external_id="a") + b"\n" + huge + b"\n" + line(external_id="b")
    read = list(read_lines(Endless(raw)))
    assert [one.number for one in read] == [1, 2, 3]
    assert [error.reason for error in read[1].errors] == ["is longer than 16 MiB"]
    assert read[2].record is not None
    assert read[2].end == len(raw)
    assert Endless.longest <= MAX_LINE_BYTES + 1


def test_both_forms_and_both_ways_to_name_a_flow() -> None:
    stepped = SessionRecord.model_validate_json(line(steps=[step(at="2026-01-02T09:00:00+02:00")], flow="vpn"))
    spoken = SessionRecord.model_validate_json(
        line(transcript=[{"role": "user", "text": "Hi"}], flow={"key": "vpn", "version": 2})
    )
    assert stepped.steps is not None
    assert stepped.transcript is None
    assert stepped.flow_reference() == record_from_object(json.loads(line(flow={"key": "vpn"}))).flow_reference()
    reference = spoken.flow_reference()
    assert reference is not None
    assert (reference.key, reference.version) == ("vpn", 2)
    assert SessionRecord.model_validate_json(line()).flow_reference() is None


def test_the_digest_is_of_the_content() -> None:
    one = SessionRecord.model_validate_json(line(title="VPN", steps=[step()]))
    same = SessionRecord.model_validate_json(
        b'{"steps": [{"prompt": "Is it on?", "kind": "question"}], "title": "VPN", '
        b'"client": null, "status": "resolved", "external_id": "T-1"}'
    )
    assert one.digest() == same.digest()
    assert one.digest() != SessionRecord.model_validate_json(line(title="VPN", steps=[step(response="")])).digest()


def test_numbers_beyond_floats_are_refused_in_parsed_objects() -> None:
    with pytest.raises(ValidationError) as caught:
        record_from_object({"external_id": "a", "status": "active", "flow": {"key": "k", "version": float("inf")}})
    assert [error.field for error in record_errors(caught.value)] == ["flow/version"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from([*SessionRecord.model_fields, "other"]), JSON)
    | st.fixed_dictionaries(
        {"external_id": JSON, "status": st.just("active")},
        optional={"flow": JSON, "steps": st.lists(JSON), "psa": JSON},
    )
)
def test_any_json_is_a_record_or_is_told_why_not(obj: dict[str, Any]) -> None:
    [read] = read_lines(BytesIO(json.dumps(obj, allow_nan=False, default=str).encode() if is_finite(obj) else b"{"))
    assert (read.record is None) == bool(read.errors)
    for error in read.errors:
        assert error.reason
        assert "Input should" not in error.reason
        assert error.field.split("/")[0] in {*SessionRecord.model_fields, "other", ""}


def is_finite(obj: Any) -> bool:
    try:
        json.dumps(obj, allow_nan=False)
    except ValueError:
        return False
    return True


@given(st.binary(max_size=300))
def test_any_bytes_are_read_to_the_end(raw: bytes) -> None:
    read = list(read_lines(BytesIO(raw)))
    assert all(one.record is not None or one.errors for one in read)
    assert all(one.end <= len(raw) for one in read)
