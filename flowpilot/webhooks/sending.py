"""One POST to an endpoint: where it may go, how long it may take, and what the answer was.

Nothing of an answer's body is kept: whoever may enter an address must not come to read what lies behind it.
"""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpcore
import httpx
from django.conf import settings

from flowpilot.common.transport import AddressRefused, Transport, address_fault

# A server may finish its answer up to here; then the connection is closed.
READ_AT_MOST = 16 * 1024
FAULTS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpx.HTTPError,
    httpx.InvalidURL,
)
LATE = (httpcore.TimeoutException, httpx.TimeoutException)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a try. `error` is empty where it succeeded; `no_answer`: nobody there, or too slow."""

    status: int | None = None
    error: str = ""
    retry_after: str | None = None
    no_answer: bool = False

    @property
    def is_gone(self) -> bool:
        """The receiver wants no more (410)."""
        return self.status == httpx.codes.GONE


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
    """Send it once, all of it within `seconds`. Raises nothing that a server or a network may cause."""
    fault = url_fault(url)
    if fault:
        return Answer(error=f"the address is refused: {fault}"[:300])
    transport = Transport(deadline=time.monotonic() + seconds, allow_private=settings.WEBHOOK_ALLOW_PRIVATE)
    # Nothing of the environment: a proxy set there would connect without the transport's checks.
    with httpx.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=seconds) as client:
        client.headers = httpx.Headers({"user-agent": "FlowPilot-Webhooks/1", "accept-encoding": "identity"})
        try:
            request = client.build_request("POST", url, content=body, headers=dict(headers))
            answer = client.send(request, stream=True)
        except AddressRefused as error:
            return Answer(error=f"{error}: WEBHOOK_ALLOW_PRIVATE is off"[:300])
        except LATE:
            return Answer(error=f"no answer within {seconds:g} seconds", no_answer=True)
        except FAULTS as error:
            return Answer(error=f"no answer: {error or type(error).__name__}"[:300], no_answer=True)
        # The status is the answer: what comes after it changes nothing.
        with contextlib.suppress(*LATE, *FAULTS):
            _drain(answer)
        return _judge(answer)


def url_fault(url: str) -> str:
    """What is wrong with an endpoint's address; "" where nothing is."""
    allow_http, allow_private = settings.WEBHOOK_ALLOW_HTTP, settings.WEBHOOK_ALLOW_PRIVATE
    return address_fault(url, allow_private=allow_private, allow_http=allow_http, allow_query=True)


def _drain(answer: httpx.Response) -> None:
    size = 0
    try:
        for chunk in answer.iter_raw():
            size += len(chunk)
            if size > READ_AT_MOST:
                return
    finally:
        answer.close()


def _judge(answer: httpx.Response) -> Answer:
    code = answer.status_code
    if answer.is_success:
        return Answer(status=code)
    error = f"answered {code}" + (": it points elsewhere, which is not followed" if answer.is_redirect else "")
    return Answer(status=code, error=error, retry_after=answer.headers.get("retry-after"))
