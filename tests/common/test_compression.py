"""What is compressed: what the API is asked for, and nothing that carries a secret."""

import gzip
import json
from typing import Any

from tests.conftest import Cast
from tests.factories import make_proposal, make_session, record

GZIP = {"Accept-Encoding": "gzip"}


def test_what_the_api_is_asked_for(cast: Cast, api: Any) -> None:
    for _ in range(5):
        make_session(cast.account)
    client, url = api(cast.bob), "/api/v1/sessions/"
    plain, zipped = client.get(url), client.get(url, headers=GZIP)
    assert ("Content-Encoding" in plain, zipped["Content-Encoding"]) == (False, "gzip")
    assert "Accept-Encoding" in plain["Vary"]
    assert len(zipped.content) < len(plain.content) / 2
    assert json.loads(gzip.decompress(zipped.content)) == plain.json()


def test_no_page_and_no_answer_to_a_write(cast: Cast, api: Any, login: Any) -> None:
    answer = api(cast.bob).post("/api/v1/sessions/", [record() for _ in range(50)], headers=GZIP)
    assert len(answer.content) > 1_000
    pages = [login(cast.alice).get(f"/admin/ai_sessions/{page}/", headers=GZIP) for page in ("aisession", "client")]
    for response in (answer, *pages):
        assert "Content-Encoding" not in response


def test_a_compressed_row_can_be_decided_on(cast: Cast, api: Any) -> None:
    """Its ETag is weak, for the bytes differ; what it says of the revision holds."""
    proposal = make_proposal(cast.account, sessions=0)
    client, url = api(cast.alice), f"/api/v1/proposals/{proposal.pk}/"
    tag = client.get(url, headers=GZIP)["ETag"]
    assert tag.startswith('W/"1-')
    assert client.get(url, headers={**GZIP, "If-None-Match": tag}).status_code == 304
    done = client.post(f"{url}dismiss/", {}, format="json", headers={"If-Match": tag})
    assert (done.status_code, done.json()["status"]) == (200, "dismissed")
