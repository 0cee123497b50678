"""Bodies of many sessions for tests, sent and worked off."""

import gzip
import json
from typing import Any

from sessions.ingest.jobs import account_jobs_work
from sessions.models import IngestJob

JOBS = "/api/v1/ingest-jobs/"
NDJSON = "application/x-ndjson"


def body(*objects: Any) -> bytes:
    """One object a line; bytes stand as they are."""
    return b"".join(o if isinstance(o, bytes) else json.dumps(o).encode() + b"\n" for o in objects)


def send(client: Any, raw: bytes, *, query: str = "", zipped: bool = False, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    if zipped:
        raw, headers = gzip.compress(raw), {"Content-Encoding": "gzip", **headers}
    return client.post(f"{JOBS}{query}", raw, content_type=NDJSON, headers=headers)


def sent(client: Any, raw: bytes) -> IngestJob:
    response = send(client, raw)
    assert response.status_code == 202, response.content
    return IngestJob.objects.get(pk=response.json()["id"])


def worked(job: IngestJob) -> IngestJob:
    while account_jobs_work(job.account_id):
        pass
    job.refresh_from_db()
    return job


def results(client: Any, job: IngestJob, query: str = "") -> list[dict[str, Any]]:
    response = client.get(f"{JOBS}{job.pk}/results/{query}")
    assert (response.status_code, response["Content-Type"]) == (200, NDJSON)
    return [json.loads(line) for line in b"".join(response).splitlines()]
