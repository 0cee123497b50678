"""The house's safe connections for libraries that call asynchronously."""

import time
from dataclasses import dataclass, field

import anyio
import httpcore
import httpx
import httpx2

from flowpilot.common.transport import AddressRefused, Transport

LARGEST_ANSWER = 4 * 1024 * 1024
LATE = (httpcore.TimeoutException, httpx.TimeoutException)
BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, httpx.HTTPError)


@dataclass(slots=True)
class Seen:
    """What came of an exchange, whatever the library makes of it: a status, or one of "timeout", "unreachable"."""

    status: int | None = None
    retry_after: str | None = None
    trouble: str = ""
    detail: str = field(default="")


class AsyncTransport(httpx2.AsyncBaseTransport):
    """One exchange after another through the house's transport, on a thread, within `seconds` in all.

    Answers are read whole, up to LARGEST_ANSWER; `seen` tells how the last exchange went.
    """

    def __init__(self, *, seconds: float, allow_private: bool) -> None:
        self._inner = Transport(deadline=time.monotonic() + seconds, allow_private=allow_private)
        self.seen = Seen()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        # What cannot be unpacked cannot be a bomb.
        headers = [*request.headers.multi_items(), ("accept-encoding", "identity")]
        own = httpx.Request(request.method, str(request.url), headers=dict(headers), content=request.content)
        status, kept, body = await anyio.to_thread.run_sync(self._exchange, own)
        return httpx2.Response(status, headers=kept, content=body, request=request)

    async def aclose(self) -> None:
        self._inner.close()

    def _exchange(self, request: httpx.Request) -> tuple[int, dict[str, str], bytes]:
        self.seen = Seen()
        try:
            answer = self._inner.handle_request(request)
            try:
                body = _read(answer)
            finally:
                answer.close()
        except AddressRefused as error:
            raise self._failed("unreachable", f"{error}: LLM_ALLOW_PRIVATE is off") from error
        except LATE as error:
            raise self._failed("timeout", "no answer in time") from error
        except BROKEN as error:
            raise self._failed("unreachable", str(error) or type(error).__name__) from error
        self.seen = Seen(answer.status_code, answer.headers.get("retry-after"))
        kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
        return answer.status_code, kept, body

    def _failed(self, trouble: str, detail: str) -> httpx2.TransportError:
        self.seen = Seen(trouble=trouble, detail=detail[:300])
        return httpx2.ReadTimeout(detail) if trouble == "timeout" else httpx2.ConnectError(detail)


def _read(answer: httpx.Response) -> bytes:
    text = bytearray()
    for chunk in answer.iter_raw():
        text += chunk
        if len(text) > LARGEST_ANSWER:
            raise httpx.RemoteProtocolError(f"the answer is larger than {LARGEST_ANSWER} bytes")
    return bytes(text)
