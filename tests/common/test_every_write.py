"""Every operation that writes takes an `Idempotency-Key`, whatever it answers."""

from typing import Any

import pytest

from tests.common.operations import OPERATIONS, address_of
from tests.common.tenants import World

# It takes a stream, and claims its key when the body is there: see the tests of ingest jobs.
STREAMS = {"POST ingest-jobs/"}
WRITES = sorted(key for key in OPERATIONS if not key.startswith("GET ") and key not in STREAMS)
# Answers that free the key: the same request may pass a moment later.
FREED = {401, 403, 412, 429}


@pytest.mark.parametrize("key", WRITES)
def test_the_same_again_is_answered_alike_and_another_is_refused(world: World, callers: Any, key: str) -> None:
    operation, client = OPERATIONS[key], callers("olivia")
    url = address_of(key, world.home.pk(operation.row) if operation.row else "")

    def send(body: Any) -> Any:
        method = getattr(client, key.partition(" ")[0].lower())
        return method(url, body, format="json", headers={"Idempotency-Key": "k-1"})

    first = send(operation.body)
    assert first.status_code not in FREED
    again = send(operation.body)
    assert (again.status_code, again.get("Idempotent-Replayed")) == (first.status_code, "true")
    # A secret is told once.
    said, repeated = ({**answer.json()} if answer.content else {} for answer in (first, again))
    if "secret" in said:
        assert said.pop("secret")
        assert repeated.pop("secret") is None
    assert repeated == said
    other = send({"another": "body"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
