"""`/api/v1/ingest-jobs/`: a body of many sessions, received whole, worked off once, each line answered."""

import gzip
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError
from django.utils import timezone

from flowpilot.accounts.models import Membership, User
from flowpilot.accounts.roles import Role
from flowpilot.common.leases import LONG_AGO, lease_take
from flowpilot.common.models import IdempotentRequest, Lease
from sessions.ingest import jobs, lines, store, tasks
from sessions.models import AISession, IngestJob, IngestPiece, SessionStep
from tests.conftest import Cast
from tests.factories import make_flow, make_member, record
from tests.sessions.ingest_bodies import JOBS, NDJSON, body, results, send, sent, worked

State = IngestJob.State


def counts(job: IngestJob) -> tuple[int, int, int, int]:
    return job.imported, job.updated, job.unchanged, job.bad


@pytest.mark.parametrize("zipped", [False, True])
def test_each_line_is_answered_by_its_number(cast: Cast, api: Any, zipped: bool) -> None:
    client, raw = api(cast.bob), body(
        b"\xef\xbb\xbf" + json.dumps(record("A")).encode() + b"\r\n",
        b"\n",
        b'{"external_id": "B", "status": "done"}\n',
        b"{\n",
        record("C", flow="nowhere"),
        record("A", title="Later"),
        json.dumps(record("D")).encode(),
    )  # fmt: skip
    response = send(client, raw, zipped=zipped)
    job = IngestJob.objects.get()
    assert (response.status_code, response["Location"]) == (202, f"http://testserver{JOBS}{job.pk}/")
    told = response.json()
    assert (told["state"], told["lines"], told["lines_done"], told["size"]) == ("queued", 7, 0, len(raw))
    assert (told["account"], told["created_by"], told["progress"]) == ("northwind", "bob@northwind.test", 0.0)
    assert results(client, job) == []
    job = worked(job)
    assert (job.state, job.lines_done, counts(job)) == (State.DONE, 7, (2, 1, 0, 3))
    assert client.get(f"{JOBS}{job.pk}/").json()["progress"] == 1.0
    found = results(client, job)
    assert " ".join(f"{one['line']}:{one['external_id']}:{one['outcome']}" for one in found) == (
        "1:A:imported 3:B:bad 4::bad 5:C:bad 6:A:updated 7:D:imported"
    )
    assert found[1]["errors"][0]["pointer"] == "/status"
    assert found[2]["errors"][0]["reason"].startswith("is not valid JSON")
    assert found[3]["errors"] == [
        {"field": "flow/key", "pointer": "/flow/key", "reason": "no flow of this account has the key 'nowhere'"}
    ]
    assert [one["line"] for one in results(client, job, "?outcome=bad")] == [3, 4, 5]
    assert [one["line"] for one in results(client, job, "?after=5")] == [6, 7]
    assert AISession.objects.get(external_id="A").title == "Later"
    assert SessionStep.objects.count() == 4
    assert not IngestPiece.objects.exclude(body=None).exists(), "what came in waits no longer than it must"


def test_the_same_body_again_changes_nothing(cast: Cast, api: Any) -> None:
    raw = body(record("A"), record("B"))
    worked(sent(api(cast.bob), raw))
    before = list(AISession.objects.order_by("pk").values())
    assert counts(worked(sent(api(cast.bob), raw))) == (0, 0, 2, 0)
    assert list(AISession.objects.order_by("pk").values()) == before


def test_a_body_in_chunks_needs_no_length(cast: Cast, api: Any) -> None:
    raw = body(record("A"), record("B"))
    chunked = {"wsgi.input": io.BytesIO(raw), "wsgi.input_terminated": True}
    response = api(cast.bob).generic("POST", JOBS, b"", content_type=NDJSON, **chunked)
    assert (response.status_code, response.json()["lines"]) == (202, 2)


def test_a_browser_may_send_too(cast: Cast, login: Any) -> None:
    """A log-in is asked for its CSRF token, and that must not read the body."""
    browser = login(cast.bob)
    browser.handler.enforce_csrf_checks = True
    assert browser.post(JOBS, body(record("A")), content_type=NDJSON).status_code == 403
    token = "t" * 32
    browser.cookies["csrftoken"] = token
    response = browser.post(JOBS, body(record("A")), content_type=NDJSON, headers={"X-CSRFToken": token})
    assert (response.status_code, response.json()["lines"]) == (202, 1)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_body_that_breaks_off_leaves_nothing(cast: Cast, api: Any, zipped: bool) -> None:
    raw = body(*(record(f"R-{n}") for n in range(50)))
    raw = gzip.compress(raw) if zipped else raw
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    half = io.BytesIO(raw[: len(raw) // 2])
    response = api(cast.bob).generic(
        "POST", JOBS, b"", content_type=NDJSON, headers=headers, **{"wsgi.input": half, "CONTENT_LENGTH": str(len(raw))}
    )
    assert (response.status_code, response.json()["code"]) == (400, "incomplete_body")
    # In chunks only gzip knows that something is missing; the server says so for plain ones by an error.
    half.seek(0)
    chunked: dict[str, Any] = {"wsgi.input": half if zipped else Breaking(), "wsgi.input_terminated": True}
    response = api(cast.bob).generic("POST", JOBS, b"", content_type=NDJSON, headers=headers, **chunked)
    assert (response.status_code, response.json()["code"]) == (400, "incomplete_body")
    assert not IngestJob.objects.exists()
    assert not IngestPiece.objects.exists()


class Breaking(io.RawIOBase):
    """A connection that is reset."""

    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError


@pytest.mark.parametrize(
    ("raw", "content_type", "headers", "answer"),
    [
        (b"", NDJSON, {}, (400, "invalid")),
        (b"{}\n", "application/json", {}, (415, "unsupported_media_type")),
        (b"{}\n", NDJSON, {"Content-Encoding": "br"}, (415, "unsupported_media_type")),
        (b"{}\n", NDJSON, {"Content-Encoding": "gzip"}, (400, "invalid")),
        (gzip.compress(b"{}\n", mtime=0)[:-4] + b"oops", NDJSON, {"Content-Encoding": "gzip"}, (400, "invalid")),
        (gzip.compress(b"{}\n", mtime=0) + b"more", NDJSON, {"Content-Encoding": "gzip"}, (400, "invalid")),
    ],
)
def test_bodies_that_are_none(
    cast: Cast, api: Any, raw: bytes, content_type: str, headers: dict[str, str], answer: tuple[int, str]
) -> None:
    response = api(cast.bob).post(JOBS, raw, content_type=content_type, headers=headers)
    assert (response.status_code, response.json()["code"]) == answer
    assert not IngestJob.objects.exists()


def test_limits(cast: Cast, api: Any, settings: Any) -> None:
    client = api(cast.bob)
    settings.INGEST_MAX_LINES, settings.INGEST_MAX_MB, settings.INGEST_MAX_WAITING = 3, 1, 1
    response = send(client, b"{}\n" * 4)
    assert (response.status_code, response.json()["detail"]) == (
        413, "The body has more than 3 lines: send it in parts.",
    )  # fmt: skip
    for raw, zipped in ((b"x" * (2**20 + 1), False), (b"x" * (2**20 + 1), True)):
        response = send(client, raw, zipped=zipped)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert not IngestJob.objects.exists()
    assert send(client, b"{}\n" * 3).status_code == 202
    response = send(client, b"{}\n")
    assert (response.status_code, response.json()["code"]) == (409, "too_many_jobs")
    assert send(api(cast.mallory), b"{}\n").status_code == 202, "others may send"


def test_a_line_that_is_too_long_is_one_bad_line(cast: Cast, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.records.MAX_LINE_BYTES", 2**20)
    client = api(cast.bob)
    job = worked(sent(client, body(record("A"), b'"' + b"x" * 3 * 2**20 + b'"\n', record("B"))))
    assert counts(job) == (2, 0, 0, 1)
    errors = [{"field": "", "pointer": "", "reason": "is longer than 1 MiB"}]
    assert results(client, job, "?outcome=bad") == [{"line": 2, "external_id": "", "outcome": "bad", "errors": errors}]


def test_a_key_makes_one_job(cast: Cast, api: Any) -> None:
    client, raw = api(cast.bob), body(record("A"))
    first, again = (send(client, raw, key="k") for _ in range(2))
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (202, 202, "true")
    assert (first.json(), first["Location"]) == (again.json(), again["Location"])
    other = send(client, body(record("B")), key="k")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert IngestJob.objects.count() == IngestPiece.objects.count() == 1
    assert send(client, b"", key="free").status_code == 400
    assert not IdempotentRequest.objects.filter(key="free").exists()


# --- Worked off once --------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The worker's process ends here."""


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of ten lines."""
    monkeypatch.setattr("sessions.ingest.receive.BATCH", 10)


def silence() -> None:
    """What a killed worker's lease becomes."""
    Lease.objects.update(expires_at=LONG_AGO)


@pytest.mark.parametrize("moment", ["told", "_write"])
def test_a_killed_worker_loses_nothing_and_does_nothing_twice(
    cast: Cast, api: Any, small_pieces: None, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Killed over and over, in the midst of a piece after its records are stored, or before the job is marked."""
    objects = [record(f"R-{n}") for n in range(45)]
    job = sent(api(cast.bob), body(*objects))
    in_time, calls = getattr(jobs, moment), 0

    def deadly(*args: Any, **values: Any) -> Any:
        nonlocal calls
        calls += 1
        if killed < 4 and calls % (17 if moment == "told" else 2) == 0:
            raise Killed
        return in_time(*args, **values)

    killed = 0
    with monkeypatch.context() as deadly_place:
        deadly_place.setattr(jobs, moment, deadly)
        for _ in range(12):
            try:
                worked(job)
                break
            except Killed:
                killed += 1
                silence()
    job = worked(job)
    assert killed >= 1
    assert (job.state, job.lines_done, counts(job)) == (State.DONE, 45, (45, 0, 0, 0))
    assert [one["external_id"] for one in results(api(cast.bob), job)] == [obj["external_id"] for obj in objects]
    assert (AISession.objects.count(), SessionStep.objects.count()) == (45, 90)


@pytest.mark.parametrize("guarded", [True, False])
def test_who_lost_the_lease_writes_nothing(
    cast: Cast, api: Any, small_pieces: None, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """A worker is paused before its second piece, and another one takes over: without the check both would write it."""
    job = sent(api(cast.bob), body(*(record(f"R-{n}") for n in range(20))))
    in_time, turns = jobs._piece_work, []

    def overtaken(*args: Any) -> None:
        turns.append(args)
        if len(turns) == 2:  # the first worker is at its second piece
            silence()
            worked(job)
        in_time(*args)

    monkeypatch.setattr(jobs, "_piece_work", overtaken)
    if not guarded:
        monkeypatch.setattr(jobs, "lease_check", lambda lease: None)
    jobs.account_jobs_work(cast.account.pk)
    job.refresh_from_db()
    assert job.state == State.DONE
    assert (job.imported + job.unchanged == 20) == guarded


def test_jobs_of_an_account_go_in_their_order(cast: Cast, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever order tasks come in: the later of two records of one id stays. A turn that is over leaves the rest."""
    monkeypatch.setattr(jobs, "TURN_S", -1.0)
    one, two = (sent(api(cast.bob), body(record("A", title=title))) for title in ("Old", "New"))
    assert jobs.account_jobs_work(cast.account.pk) is True
    assert IngestJob.objects.filter(state=State.QUEUED).count() == 1
    monkeypatch.undo()
    assert jobs.account_jobs_work(cast.account.pk) is False
    assert (worked(one).imported, worked(two).updated) == (1, 1)
    assert AISession.objects.get().title == "New"


def test_while_another_worker_is_at_it_nothing_is_done(cast: Cast, api: Any) -> None:
    job = sent(api(cast.bob), body(record("A")))
    assert lease_take(key=f"ingest:{cast.account.pk}", duration=timedelta(minutes=1))
    assert worked(job).state == State.QUEUED


def test_a_record_that_the_database_refuses_fails_alone(cast: Cast, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    in_time = store._values

    def values(record: Any, *args: Any) -> Any:
        if record.external_id == "B":
            raise DataError("no such value\nCONTEXT: COPY")
        return in_time(record, *args)

    monkeypatch.setattr(store, "_values", values)
    client = api(cast.bob)
    job = worked(sent(client, body(record("A"), record("B"), record("C"))))
    assert counts(job) == (2, 0, 0, 1)
    assert results(client, job, "?outcome=bad")[0]["errors"][0]["reason"] == "the database refuses it: no such value"


def test_a_job_that_stops_its_worker_is_given_up(cast: Cast, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    job, after = sent(api(cast.bob), body(record("A"))), sent(api(cast.bob), body(record("B")))
    with monkeypatch.context() as broken:
        broken.setattr(lines, "sessions_ingest", stop)
        for _ in range(jobs.MAX_TRIES):
            assert worked(job).state == State.RUNNING
    job, after = worked(job), worked(after)
    assert (job.state, job.error) == (State.FAILED, "it stopped 5 times after line 0")
    assert not job.pieces.exists()
    assert after.state == State.DONE


def test_who_may_no_longer_send_when_it_is_worked_off(cast: Cast, api: Any) -> None:
    gone, demoted = (make_member(cast.account, Role.TECHNICIAN, f"{n}@northwind.test") for n in ("gone", "demoted"))
    one, two = sent(api(gone), body(record("A"))), sent(api(demoted), body(record("B")))
    gone.delete()
    Membership.objects.filter(user=demoted).update(role=Role.ANALYST)
    for job, error in (
        (one, "whoever sent it is no longer there"),
        (two, "you may not add sessions to Northwind MSP"),
    ):
        assert worked(job).state == State.FAILED
        assert job.error == error
    assert not AISession.objects.exists()


# --- Whose ------------------------------------------------------------------------------------------------------------


def test_who_sees_a_job(cast: Cast, api: Any) -> None:
    """The whole account's people see each other's; who is there for one team sees only what they sent themselves."""
    tess = make_member(cast.account, Role.TECHNICIAN, team=cast.team)
    bobs, own = sent(api(cast.bob), body(record("A"))), sent(api(tess), body(record("B")))
    for user, seen in ((cast.alice, {bobs.pk, own.pk}), (tess, {own.pk}), (cast.mallory, set())):
        assert {job["id"] for job in api(user).get(JOBS).json()["results"]} == seen
        for job in (bobs, own):
            for page in ("", "results/"):
                found = api(user).get(f"{JOBS}{job.pk}/{page}").status_code
                assert found == (200 if job.pk in seen else 404)
    assert api(cast.carol).get(JOBS).status_code == 403


def test_who_may_send_and_where(cast: Cast, api: Any) -> None:
    raw = body(record("A"))
    assert send(api(cast.carol), raw).status_code == 403
    assert send(api(None), raw).status_code == 401
    assert send(api(cast.bob), raw, query="?account=contoso").status_code == 404
    Membership.objects.create(account=cast.other_account, user=cast.bob, role=Role.ANALYST)
    response = send(api(User.objects.get(pk=cast.bob.pk)), raw, query="?account=contoso")
    assert (response.status_code, response.json()["code"]) == (403, "not_allowed")
    assert not IngestJob.objects.exists()


def test_a_member_of_one_team_adds_to_it_alone(cast: Cast, api: Any) -> None:
    make_flow(cast.account)
    tess = make_member(cast.account, Role.TECHNICIAN, team=cast.team)
    job = worked(sent(api(tess), body(record("A", team="Service Desk"), record("B", team="Field"))))
    assert counts(job) == (1, 0, 0, 1)


@pytest.mark.parametrize("query", ["?outcome=nonsense", "?after=x", "?after=-1", "?after=99999999999999999"])
def test_results_that_nobody_can_mean(cast: Cast, api: Any, query: str) -> None:
    job = sent(api(cast.bob), body(record("A")))
    response = api(cast.bob).get(f"{JOBS}{job.pk}/results/{query}", headers={"Accept": NDJSON})
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


# --- When -------------------------------------------------------------------------------------------------------------


def test_turns_are_queued(
    cast: Cast, api: Any, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    queued: list[int] = []
    monkeypatch.setattr(jobs, "ingest_start", queued.append)
    monkeypatch.setattr(tasks, "ingest_start", queued.append)
    with django_capture_on_commit_callbacks(execute=True):
        job = sent(api(cast.bob), body(record("A")))
    assert queued == [cast.account.pk]
    assert tasks.ingest_waiting() == 1
    with monkeypatch.context() as over:
        over.setattr(jobs, "TURN_S", -1.0)
        tasks.ingest_account(cast.account.pk)
    assert len(queued) == 3
    tasks.ingest_account(cast.account.pk)
    assert (len(queued), tasks.ingest_waiting(), worked(job).state) == (3, 0, State.DONE)


def test_jobs_are_forgotten_in_time(cast: Cast, api: Any, settings: Any) -> None:
    old, new, waiting = (sent(api(cast.bob), body(record(name))) for name in "ABC")
    for job, days in ((old, 8), (new, 6)):
        IngestJob.objects.filter(pk=job.pk).update(state="done", finished_at=timezone.now() - timedelta(days=days))
    assert tasks.clean_ingest_jobs() == 1
    assert set(IngestJob.objects.all()) == {new, waiting}


def test_the_admin_shows_how_far_it_is(cast: Cast, api: Any, login: Any) -> None:
    job = worked(sent(api(cast.bob), body(record("A"), b"{\n")))
    text = login(cast.alice).get(f"/admin/ai_sessions/ingestjob/{job.pk}/change/").content.decode()
    assert "2 lines" in text
    file = login(cast.alice).get(f"/admin/ai_sessions/ingestjob/{job.pk}/results/?outcome=bad")
    assert file["Content-Disposition"] == f'attachment; filename="ingest-job-{job.pk}.ndjson"'
    assert [json.loads(line)["line"] for line in b"".join(file).splitlines()] == [2]
