"""`/metrics`: for the token only, true figures of the queues, and all processes of a web server together."""

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from flowpilot.common.leases import lease_release, lease_take
from flowpilot.common.models import Lease
from proposals.models import SessionAnalysis
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import make_push, make_session
from tests.processes import PYTHON, environment
from tests.project.test_run import free_port

TOKEN = "t" * 40
BEARER = {"authorization": f"Bearer {TOKEN}"}
STATES = ("pending", "succeeded", "exhausted", "unknown")
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(text: str) -> Figures:
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


@pytest.fixture
def scrape(cast: Cast, settings: Any) -> Any:
    settings.METRICS_TOKEN = TOKEN

    def asked() -> Figures:
        answer = Client().get("/metrics", headers=BEARER)
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
        return figures(answer.content.decode())

    return asked


@pytest.mark.parametrize(
    "brought", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"bearer {TOKEN}", TOKEN, "Bearer é"]
)
def test_without_the_token_there_is_no_such_page(cast: Cast, settings: Any, brought: str | None) -> None:
    settings.METRICS_TOKEN = TOKEN
    client = Client()
    client.force_login(cast.root)
    assert client.get("/metrics", headers={"authorization": brought} if brought is not None else {}).status_code == 404


def test_without_the_setting_there_is_none_for_anybody(cast: Cast, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for brought in ("Bearer ", "Bearer", f"Bearer {TOKEN}"):
        assert Client().get("/metrics", headers={"authorization": brought}).status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert Client().post("/metrics", headers=BEARER).status_code in (403, 405)


def test_sessions_and_analyses(cast: Cast, scrape: Any) -> None:
    assert scrape()["flowpilot_sessions_due", ()] == 0
    assert scrape()["flowpilot_sessions_oldest_due_seconds", ()] == 0
    sessions = [make_session(cast.account) for _ in range(3)]
    now = timezone.now()
    for session, ago in zip(sessions, (600, 60, -600), strict=True):
        AISession.objects.filter(pk=session.pk).update(analysis_due_at=now - timedelta(seconds=ago))
    for session, state in zip(sessions, ("failed", "retrying", "failed"), strict=True):
        SessionAnalysis.objects.create(account=cast.account, session=session, state=state)
    found = scrape()
    assert found["flowpilot_sessions_due", ()] == 2
    assert 600 <= found["flowpilot_sessions_oldest_due_seconds", ()] < 700
    assert (found["flowpilot_analyses_failed", ()], found["flowpilot_analyses_retrying", ()]) == (2, 1)


def test_pushes(cast: Cast, scrape: Any) -> None:
    session = make_session(cast.account)
    now = timezone.now()
    for ago in (300, -300):
        make_push(session, next_attempt_at=now - timedelta(seconds=ago))
    for state in ("succeeded", "exhausted"):
        make_push(session, state=state, next_attempt_at=None, settled_at=now, attempt_count=1)
    found = scrape()
    counted = {state: found["flowpilot_pushes", (("state", state),)] for state in STATES}
    assert counted == {"pending": 2, "succeeded": 1, "exhausted": 1, "unknown": 0}
    assert 300 <= found["flowpilot_pushes_oldest_due_seconds", ()] < 400


def test_leases(scrape: Any) -> None:
    lease_take(key="a", duration=timedelta(minutes=5))
    lease_take(key="b", duration=timedelta(minutes=5))
    released = lease_take(key="c", duration=timedelta(minutes=5))
    assert released is not None
    lease_release(released)
    Lease.objects.filter(key="b").update(expires_at=timezone.now() - timedelta(seconds=90))
    found = scrape()
    assert (found["flowpilot_leases_held", ()], found["flowpilot_leases_lapsed", ()]) == (1, 1)
    assert 90 <= found["flowpilot_leases_oldest_lapsed_seconds", ()] < 190


def test_the_queue(scrape: Any) -> None:
    with redis.Redis.from_url(django_settings.REDIS_URL) as store:
        store.delete("flowpilot", django_settings.LOW_PRIORITY_QUEUE, "unacked")
        store.rpush("flowpilot", "1", "2")
        store.rpush(django_settings.LOW_PRIORITY_QUEUE, "3")
        store.hset("unacked", "4", "x")
        try:
            found = scrape()
        finally:
            store.delete("flowpilot", django_settings.LOW_PRIORITY_QUEUE, "unacked")
    assert (found["flowpilot_queue_length", ()], found["flowpilot_queue_taken", ()]) == (3, 1)


def test_a_store_that_is_away_is_told_and_the_other_still_asked(
    scrape: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = "flowpilot_store_up"
    assert (scrape()[up, (("store", "postgresql"),)], scrape()[up, (("store", "redis"),)]) == (1, 1)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = scrape()
    assert (found[up, (("store", "postgresql"),)], found[up, (("store", "redis"),)]) == (1, 0)
    assert "flowpilot_queue_length" not in {name for name, _ in found}

    def away() -> Iterator[Any]:
        raise OperationalError("gone")

    monkeypatch.setattr("flowpilot.watch._sessions", away)
    found = scrape()
    assert found[up, (("store", "postgresql"),)] == 0


def test_requests_are_counted_by_pattern_and_never_by_address(cast: Cast, scrape: Any) -> None:
    client = Client()
    client.force_login(cast.alice)
    key = (("method", "GET"), ("route", "admin/ai_sessions/aisession/<path:object_id>/change/"), ("status", "200"))
    lost = (("method", "GET"), ("route", "(none)"), ("status", "404"))
    before = scrape()
    for _ in range(3):
        client.get(f"/admin/ai_sessions/aisession/{make_session(cast.account).pk}/change/")
        client.get("/no/such/place")
    after, name = scrape(), "flowpilot_request_duration_seconds_count"
    assert after[name, key] - before.get((name, key), 0) == 3
    assert after[name, lost] - before.get((name, lost), 0) == 3
    assert not [labels for _, labels in after if "no/such/place" in str(labels)]


@pytest.mark.django_db(transaction=True)
def test_all_processes_of_gunicorn_together(tmp_path: Path) -> None:
    port = free_port()
    command = [
        PYTHON, "-m", "gunicorn", "flowpilot.wsgi", "--config", "python:flowpilot.web", "--bind", f"127.0.0.1:{port}",
        "--workers", "2", "--no-control-socket",
    ]  # fmt: skip
    extra = {"METRICS_TOKEN": TOKEN, "TMPDIR": str(tmp_path), "PLAIN_STATIC": "1"}
    server = subprocess.Popen(command, env=environment(**extra))
    try:
        deadline = time.monotonic() + 60
        while not answer(port, "healthz"):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        for _ in range(40):
            assert answer(port, "healthz") == '{"status": "ok"}'
        found = figures(answer(port, "metrics", Authorization=f"Bearer {TOKEN}"))
        key = (("method", "GET"), ("route", "healthz"), ("status", "200"))
        assert found["flowpilot_request_duration_seconds_count", key] == 41
        assert found["flowpilot_store_up", (("store", "postgresql"),)] == 1
        (folder,) = tmp_path.glob("flowpilot-metrics-*")
        assert len(list(folder.glob("histogram_*.db"))) >= 1
    finally:
        server.terminate()
        server.wait(30)
    assert list(tmp_path.glob("flowpilot-metrics-*")) == []


def answer(port: int, path: str, **headers: str) -> str:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers=headers)) as page:
            return str(page.read().decode())
    except OSError:
        return ""
