"""Problem details: what is wrong, and where."""

from typing import Any

import pytest

from flowpilot.common.problems import problem


@pytest.mark.parametrize(
    ("details", "errors"),
    [
        ({"notes": ["Say why."]}, [("/notes", "Say why.")]),
        ({"notes": "Say why."}, [("/notes", "Say why.")]),
        ({"a/b": {"c~": ["x", "y"]}}, [("/a~1b/c~0", "x"), ("/a~1b/c~0", "y")]),
        ({"steps": [{}, {"kind": ["Not one."]}]}, [("/steps/1/kind", "Not one.")]),
        ({"non_field_errors": ["Both, or neither."]}, [("", "Both, or neither.")]),
        ([{"field": "steps/0/kind", "reason": "is none"}], [("/steps/0/kind", "is none")]),
        ([{"field": "", "reason": "is no object"}], [("", "is no object")]),
        ([{"pointer": "/root", "code": "unknown", "message": "No node."}], [("/root", "No node.")]),
    ],
)
def test_each_error_has_its_place(details: Any, errors: list[tuple[str, str]]) -> None:
    body = problem(400, "invalid", "Not valid.", details)
    assert [(error["pointer"], error["detail"]) for error in body["errors"]] == errors


def test_a_parameter_is_named() -> None:
    body = problem(400, "invalid", "Not valid.", {"days": ["8 is no choice."]}, of_query=True)
    assert body["errors"] == [{"parameter": "days", "detail": "8 is no choice."}]


def test_facts_of_a_conflict_stay_facts() -> None:
    body = problem(409, "conflict", "Changed.", {"revision": 3})
    assert (body["title"], body["details"], "errors" in body) == ("Conflict", {"revision": 3}, False)
