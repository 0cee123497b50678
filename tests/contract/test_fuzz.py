"""A few cases of every operation against a live server, the same ones each time; `make fuzz` runs hundreds."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.response import Response

from flowpilot.flows.api import FlowViewSet
from tests.common.operations import OPERATIONS
from tests.contract.fuzz import fuzz, too_few
from tests.contract.seed import Seeded, seed
from tests.contract.summary import Found, Summary

CASES = 2
PHASES = ("--phases", "fuzzing")


@pytest.fixture
def seeded(transactional_db: None) -> Seeded:
    return seed()


def test_every_operation_keeps_to_its_description(live_server: Any, seeded: Seeded, tmp_path: Path) -> None:
    found = fuzz(live_server.url, seeded, CASES, tmp_path, *PHASES)
    assert not found.failures, "\n\n".join(f"{label}\n{text}" for label, text in found.failures)
    assert {name.replace("/api/v1/", "") for name in found.counts} == set(OPERATIONS)


def test_an_answer_that_its_schema_does_not_allow_is_found(
    live_server: Any, seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FlowViewSet, "retrieve", lambda self, request, pk: Response({"id": "seventeen"}))
    found = fuzz(live_server.url, seeded, CASES, tmp_path, *PHASES, "--include-name", "GET /api/v1/flows/{id}/")
    assert any("seventeen" in text for _, text in found.failures)


def test_an_operation_that_was_called_too_rarely_is_a_failure() -> None:
    found = Found({"GET a/": {"200": 3}}) + Found({"GET a/": {"200": 1, "404": 2}, "GET b/": {"200": 5}})
    assert found.counts == {"GET a/": {"200": 4, "404": 2}, "GET b/": {"200": 5}}
    assert too_few(["GET a/", "GET b/", "GET c/"], 6, found).failures == [
        ("GET b/", "Only 5 requests of 6"),
        ("GET c/", "Only 0 requests of 6"),
    ]


def test_a_later_run_of_some_operations_leaves_what_is_told_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "fuzz.md"
    found = Found({"GET a/": {"200": 3, "404": 2}, "GET b/": {"500": 1}}, [("GET b/", "a server error")])
    Summary(path).tell(["GET a/", "GET b/"], 500, found, ended=True)
    assert "a server error" in path.read_text()

    Summary(path).tell(["GET b/"], 20, Found({"GET b/": {"200": 9}}), ended=False)
    told = path.read_text()
    assert "| 500 | 5 | 200: 3, 404: 2 |" in told
    assert "| 20, broken off | 9 | 200: 9 |" in told
    assert "2 operations, 14 requests, 0 failures" in told
