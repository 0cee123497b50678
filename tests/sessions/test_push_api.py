"""What tickets are told, over the API."""

from typing import Any

from django.utils import timezone

from flowpilot.common.models import AuditEvent
from sessions.models import PsaAttempt
from tests.conftest import Cast
from tests.factories import make_push, make_session

PUSHES = "/api/v1/psa-pushes/"


def test_the_list_one_and_its_attempts(cast: Cast, api: Any) -> None:
    session = make_session(cast.account, external_id="CW-1")
    push = make_push(session, state="exhausted", attempt_count=1, settled_at=timezone.now(), next_attempt_at=None)
    note = make_push(session, ticket_id="9")
    PsaAttempt.objects.create(
        account=cast.account, push=push, number=1, started_at=timezone.now(), finished_at=timezone.now(),
        outcome="failed", status_code=500, error="It said 500",
    )  # fmt: skip
    make_push(make_session(cast.other_account, technician="mallory@contoso.test"))
    client = api(cast.carol)
    rows = client.get(PUSHES).json()["results"]
    assert [(row["id"], row["external_id"], row["system"], row["last_error"]) for row in rows] == [
        (note.pk, "CW-1", "connectwise", None), (push.pk, "CW-1", "connectwise", "It said 500"),
    ]  # fmt: skip
    for query, found in (
        ("state=exhausted", [push.pk]), ("ticket_id=9", [note.pk]), ("external_id=CW-2", []), ("system=halopsa", []),
        (f"session={session.pk}&ordering=created_at", [push.pk, note.pk]),
    ):  # fmt: skip
        assert [row["id"] for row in client.get(f"{PUSHES}?{query}").json()["results"]] == found, query
    one = client.get(f"{PUSHES}{push.pk}/").json()
    assert one["payload"] == {"text": "It works again"}
    assert [(a["number"], a["outcome"], a["status_code"]) for a in one["attempts"]] == [(1, "failed", 500)]
    assert "credentials" not in str(one)


def test_a_push_that_was_given_up_is_tried_again(cast: Cast, api: Any, queued: list[int]) -> None:
    session = make_session(cast.account)
    push = make_push(session, state="exhausted", attempt_count=12, settled_at=timezone.now(), next_attempt_at=None)
    done = api(cast.alice).post(f"{PUSHES}{push.pk}/requeue/", headers={"Idempotency-Key": "k-1"})
    assert (done.status_code, done.json()["state"], done.json()["attempt_count"]) == (200, "pending", 12)
    again = api(cast.alice).post(f"{PUSHES}{push.pk}/requeue/", headers={"Idempotency-Key": "k-1"})
    assert (again.json(), again["Idempotent-Replayed"]) == (done.json(), "true")
    under_way = api(cast.alice).post(f"{PUSHES}{push.pk}/requeue/")
    assert (under_way.status_code, under_way.json()["details"]) == (409, {"state": "pending"})
    assert api(cast.carol).post(f"{PUSHES}{push.pk}/requeue/").status_code == 403
    assert api(cast.mallory).post(f"{PUSHES}{push.pk}/requeue/").status_code == 404
    assert AuditEvent.objects.filter(action="psa_push.requeued").count() == 1
