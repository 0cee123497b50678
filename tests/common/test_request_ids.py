"""Request ids: in the answer, in the log lines of the request, and in those of the tasks that it queued."""

import json
import logging
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory

from flowpilot.celery import app
from flowpilot.common.logs import JsonFormatter, TextFormatter
from flowpilot.common.requestid import RequestId, current_request_id
from flowpilot.flows.api import FlowViewSet
from proposals.tasks import analyze_pending_sessions
from tests.conftest import Cast
from tests.processes import PYTHON, environment, run
from tests.proposals.test_analysis import add_printer_sessions

TASKS = ("analyze_pending_sessions", "analyze_account_sessions")


@pytest.mark.parametrize("wished", ["a", "Proxy-1.2_3", "x" * 64])
def test_a_callers_id_is_kept(client: Client, wished: str) -> None:
    assert client.get("/healthz", headers={"x-request-id": wished})["X-Request-ID"] == wished


@pytest.mark.parametrize("wished", [None, "", "x" * 65, "a b", 'a"b', "ä", "a\tb"])
def test_any_other_gets_one_of_its_own(client: Client, wished: str | None) -> None:
    headers = {"x-request-id": wished} if wished is not None else {}
    made = [client.get("/healthz", headers=headers)["X-Request-ID"] for _ in range(2)]
    assert all(len(one) == 32 and one.isalnum() for one in made)
    assert made[0] != made[1]
    assert current_request_id() == ""


def test_a_failure_tells_its_id_on_the_page_and_in_the_log(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(FlowViewSet, "list", fail)
    monkeypatch.setattr("flowpilot.common.home.redirect", fail)
    client = Client(raise_request_exception=False)
    client.force_login(cast.alice)
    page = client.get("/", headers={"x-request-id": "page-1"})
    assert (page.status_code, page["X-Request-ID"]) == (500, "page-1")
    assert "Error 500, request page-1" in page.content.decode()
    assert client.get("/api/v1/flows/", headers={"x-request-id": "api-1"}).json()["request_id"] == "api-1"


def lines_of(client: Client, address: str, formatter: logging.Formatter) -> list[str]:
    """What is logged while `address` is answered, as `formatter` writes it at that moment."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, root = Kept(), logging.getLogger()
    handler.setFormatter(formatter)
    own = logging.getLogger("flowpilot.requests")
    before = own.level
    root.addHandler(handler)
    own.setLevel("INFO")
    try:
        client.get(address, headers={"x-request-id": "r-1"})
    finally:
        own.setLevel(before)
        root.removeHandler(handler)
    return lines


def test_every_line_of_a_request_is_json_with_its_id_and_without_its_query(cast: Cast, login: Any) -> None:
    written = lines_of(login(cast.alice), "/api/v1/sessions/?client=Secret", JsonFormatter())
    told = json.loads(written[-1])
    assert told["message"] == "GET /api/v1/sessions/: 200"
    assert (told["level"], told["logger"], told["request_id"]) == ("INFO", "flowpilot.requests", "r-1")
    assert (told["method"], told["status"]) == ("GET", 200)
    assert 0 <= told["duration_ms"] < 60_000
    assert told["time"].endswith("+00:00")
    assert "Secret" not in "".join(written)


def test_text_lines_end_with_the_id(cast: Cast, login: Any) -> None:
    written = lines_of(login(cast.alice), "/api/v1/nothing/", TextFormatter())
    assert "INFO flowpilot.requests: GET /api/v1/nothing/: 404 [r-1]" in written
    assert [line for line in written if "Not Found" in line] == [
        "WARNING django.request: Not Found: /api/v1/nothing/ [r-1]"
    ]


def test_a_traceback_is_one_json_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.LogRecord("a", logging.ERROR, "f", 1, "x %s", ("y",), (ValueError, error, error.__traceback__))
    written = JsonFormatter().format(record)
    assert "\n" not in written
    assert json.loads(written)["exception"].endswith("ValueError: two\nlines")
    assert json.loads(written)["message"] == "x y"


def test_another_log_format_is_refused() -> None:
    told = run(PYTHON, "manage.py", "check", env={**os.environ, "LOG_FORMAT": "xml"})
    assert told.returncode != 0
    assert f"{ImproperlyConfigured.__name__}: LOG_FORMAT is text or json, not 'xml'" in told.stderr


@pytest.mark.django_db(transaction=True)
def test_tasks_log_under_the_id_of_the_request_that_queued_them(cast: Cast, tmp_path: Path) -> None:
    """And the tasks that these queue; a real worker tells."""
    app.control.purge()
    add_printer_sessions(cast.account)
    answered = RequestId(lambda request: analyze_pending_sessions.delay() and Client().get("/healthz"))  # type: ignore[arg-type,return-value]
    analyze_pending_sessions.apply_async(task_id="of-no-request")
    log = tmp_path / "log"
    command = [PYTHON, "-m", "celery", "-A", "flowpilot", "worker", "--pool", "solo"]
    with log.open("w") as output:
        worker = subprocess.Popen(command, env=environment(LOG_FORMAT="json"), stdout=output, stderr=output)
        try:
            answered(RequestFactory().get("/", headers={"x-request-id": "r-77"}))
            told = wait_for(log, worker, {"r-77", "of-no-request"})
        finally:
            worker.terminate()
            worker.wait(30)
    done = {(line["request_id"], line["message"].split("[")[0]) for line in told if "succeeded" in line["message"]}
    assert {(name, f"Task proposals.tasks.{task}") for name in ("r-77", "of-no-request") for task in TASKS} <= done


def wait_for(log: Path, worker: subprocess.Popen[bytes], ids: set[str]) -> list[dict[str, Any]]:
    """The worker's lines, once both tasks of each id have ended."""
    deadline = time.monotonic() + 90
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        if len([line for line in lines if "succeeded" in line["message"] and line["request_id"] in ids]) >= 4:
            return lines
        assert worker.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
