"""One JSON exchange with a ticketing system, and what its answer means."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Self

import httpcore
import httpx
from django.conf import settings

from flowpilot.common.transport import AddressRefused, Transport
from sessions.psa.errors import PsaError, PsaFailed, PsaRejected, PsaUnclear

LARGEST_ANSWER = 4 * 1024 * 1024
SHOWN_OF_ANSWER = 200
# Clear refusals that may pass; every other 4xx stays what it is.
PASSING = {401, 403, 408, 409, 423, 425, 429}
NEVER_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.UnsupportedProtocol)


class Exchange:
    """Requests to one system within one deadline. Use it as a context manager."""

    def __init__(self, base_url: str, *, secrets: Iterable[str], seconds: float | None = None) -> None:
        seconds = settings.PSA_TIMEOUT if seconds is None else seconds
        self._base = base_url.rstrip("/")
        self._secrets = {secret for secret in secrets if secret}
        transport = Transport(deadline=time.monotonic() + seconds, allow_private=settings.PSA_ALLOW_PRIVATE)
        # Nothing of the environment: a proxy set there would connect without the transport's checks.
        self._client = httpx.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=seconds)
        # What cannot be unpacked cannot be a bomb.
        self._client.headers = httpx.Headers({"accept": "application/json", "accept-encoding": "identity"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def hide(self, secret: str) -> None:
        """Leave `secret` out of every message, too: a server may repeat what it was sent."""
        self._secrets.add(secret)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON of a 2xx answer. Raises PsaFailed, PsaRejected or PsaUnclear."""
        content = {"json": body} if body is not None else {"data": form} if form else {}
        request = self._client.build_request(
            method, self._base + path, headers=dict(headers or {}), params=dict(params or {}) or None, **content
        )
        try:
            answer = self._client.send(request, stream=True)
            try:
                text = _read(answer)
            finally:
                answer.close()
        except NEVER_SENT as error:
            raise PsaFailed(_never_sent(error), no_answer=True) from error
        except (httpcore.TimeoutException, httpx.TimeoutException) as error:
            raise PsaUnclear(f"no answer in time to {method} {path}", no_answer=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError) as error:
            raise PsaUnclear(f"the connection broke during {method} {path}") from error
        return self._judge(answer, text)

    def _judge(self, answer: httpx.Response, text: bytes) -> Any:
        code = answer.status_code
        if 200 <= code < 300:
            return _parse(text, code)
        problem = _kind_of(code)(
            self._sentence(answer, text), status_code=code, retry_after=answer.headers.get("retry-after")
        )
        raise problem

    def _sentence(self, answer: httpx.Response, text: bytes) -> str:
        if answer.is_redirect:
            return f"answered {answer.status_code}: it points elsewhere, which is not followed; check the address"
        said = " ".join(text[: 4 * SHOWN_OF_ANSWER].decode(errors="replace").replace("\0", "").split())
        for secret in sorted(self._secrets, key=len, reverse=True):
            said = said.replace(secret, "•••")
        return f"answered {answer.status_code}: {said[:SHOWN_OF_ANSWER]}".rstrip(": ")


def _kind_of(code: int) -> type[PsaError]:
    if code >= 500 or code < 200:
        return PsaUnclear  # it may have failed after it had written
    return PsaFailed if code in PASSING or code < 400 else PsaRejected


def _read(answer: httpx.Response) -> bytes:
    text = bytearray()
    for chunk in answer.iter_raw():
        text += chunk
        if len(text) > LARGEST_ANSWER:
            raise PsaUnclear(f"the answer is larger than {LARGEST_ANSWER} bytes", status_code=answer.status_code)
    return bytes(text)


def _parse(text: bytes, code: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PsaUnclear(f"answered {code} with something other than JSON", status_code=code) from error


def _never_sent(error: Exception) -> str:
    if isinstance(error, AddressRefused):
        return f"{error}: PSA_ALLOW_PRIVATE is off"
    if isinstance(error, httpcore.ConnectTimeout | httpcore.PoolTimeout):
        return "no connection in time"
    return f"no connection: {error}"[:300]
