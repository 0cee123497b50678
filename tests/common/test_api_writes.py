"""What every write of the API offers: sent twice and done once, and never on what has changed meanwhile."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from flowpilot.common.idempotency import KEPT, forget_old_requests
from flowpilot.common.models import AuditEvent, IdempotentRequest
from flowpilot.common.tasks import forget_old_requests as forget_task
from proposals.models import FlowProposal
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import make_proposal, record

SESSIONS = "/api/v1/sessions/"


def send(client: Any, url: str, body: Any, key: str) -> Any:
    return client.post(url, body, format="json", headers={"Idempotency-Key": key})


def test_the_same_request_again_is_answered_alike(cast: Cast, api: Any) -> None:
    body = record("A")
    first, again = (send(api(cast.bob), SESSIONS, body, "k-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), "a second ingest by itself would be a 200"
    assert first.json() == again.json()
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")


def test_another_request_with_the_key_is_refused(cast: Cast, api: Any) -> None:
    sent = record("A")
    send(api(cast.bob), SESSIONS, sent, "k-1")
    for url, body in ((SESSIONS, record("B")), (f"{SESSIONS}?account=northwind", sent)):
        refused = send(api(cast.bob), url, body, "k-1")
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    assert AISession.objects.count() == 1


def test_a_key_is_its_users(cast: Cast, api: Any) -> None:
    assert send(api(cast.bob), SESSIONS, record("A"), "k-1").status_code == 201
    assert send(api(cast.mallory), SESSIONS, record("M"), "k-1").status_code == 201


def test_a_decision_is_answered_again_though_it_is_decided_now(cast: Cast, api: Any) -> None:
    proposal = make_proposal(cast.account, sessions=0)
    url, body = f"/api/v1/proposals/{proposal.pk}/reject/", {"revision": 1, "notes": "Unclear."}
    first, again = (send(api(cast.alice), url, body, "k-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert (again.json(), again["ETag"]) == (first.json(), first["ETag"])
    assert AuditEvent.objects.filter(action="proposal.rejected").count() == 1
    assert send(api(cast.alice), url, body, "k-2").status_code == 409


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ü"])
def test_what_is_no_key_is_said(cast: Cast, api: Any, key: str) -> None:
    response = api(cast.bob).post(SESSIONS, record("A"), format="json", HTTP_IDEMPOTENCY_KEY=key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert not AISession.objects.exists()


def test_a_refusal_is_kept_but_not_one_that_may_pass(cast: Cast, api: Any) -> None:
    assert send(api(cast.bob), SESSIONS, {}, "bad").status_code == 400
    assert send(api(cast.bob), SESSIONS, {}, "bad")["Idempotent-Replayed"] == "true"
    proposal = make_proposal(cast.account, sessions=0)
    assert send(api(cast.bob), f"/api/v1/proposals/{proposal.pk}/approve/", {"revision": 1}, "no").status_code == 403
    assert not IdempotentRequest.objects.filter(key="no").exists()


def test_a_failure_frees_the_key_and_undoes_all(cast: Cast, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    client = api(cast.bob)
    client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("sessions.api.ingest.told", fail)  # after the session is stored
        assert send(client, SESSIONS, record("A"), "k-1").status_code == 500
    assert (AISession.objects.count(), IdempotentRequest.objects.count()) == (0, 0)
    assert send(client, SESSIONS, record("A"), "k-1").status_code == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("keyed", [True, False])
def test_two_at_once_are_done_once(cast: Cast, api: Any, keyed: bool) -> None:
    """The key is claimed in the write's own transaction; without one all of them would be tried, and one is done."""
    proposal = make_proposal(cast.account, sessions=0)
    url, start, answers = f"/api/v1/proposals/{proposal.pk}/reject/", threading.Barrier(8), []

    def decide() -> None:
        client, body = api(cast.alice), {"revision": 1, "notes": "Unclear."}
        start.wait()
        answers.append(send(client, url, body, "k-1") if keyed else client.post(url, body, format="json"))
        connection.close()

    threads = [threading.Thread(target=decide) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == ([200] * 8 if keyed else [200] + [409] * 7)
    assert sum("Idempotent-Replayed" in answer for answer in answers) == (7 if keyed else 0)


def test_keys_are_forgotten_in_time(cast: Cast, api: Any) -> None:
    send(api(cast.bob), SESSIONS, record("A"), "old")
    send(api(cast.bob), SESSIONS, record("B"), "new")
    IdempotentRequest.objects.filter(key="old").update(created_at=timezone.now() - KEPT)
    assert forget_task() == 1
    assert forget_old_requests() == 0
    assert [row.key for row in IdempotentRequest.objects.all()] == ["new"]


# --- ETag and If-Match ------------------------------------------------------------------------------------------------


def test_a_decision_on_what_has_changed_is_412_with_what_changed(cast: Cast, api: Any) -> None:
    proposal = make_proposal(cast.account, sessions=0)
    client, url = api(cast.alice), f"/api/v1/proposals/{proposal.pk}/"
    tag = client.get(url)["ETag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    FlowProposal.objects.update(revision=2)
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 200
    stale = client.post(f"{url}dismiss/", {}, format="json", headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert stale.json()["details"]["current_revision"] == 2
    tag = client.get(url)["ETag"]
    done = client.post(f"{url}dismiss/", {}, format="json", headers={"If-Match": tag})
    assert (done.status_code, done.json()["status"]) == (200, "dismissed")
    assert done["ETag"] != tag
    for wrong in ("*", "2", '"x"'):
        assert client.post(f"{url}dismiss/", {}, format="json", headers={"If-Match": wrong}).status_code == 400


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_a_caller_has_so_many_requests_a_minute(
    cast: Cast, api: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    monkeypatch.setattr("flowpilot.common.throttling.time.time", lambda: 1_800_000_010.0 + cast.bob.pk * 60)
    answers = [api(cast.bob).get(SESSIONS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert (answers[3]["Retry-After"], answers[3]["RateLimit-Reset"]) == ("50", "50")
    assert answers[3].json()["code"] == "throttled"
    assert api(cast.carol).get(SESSIONS).status_code == 200
